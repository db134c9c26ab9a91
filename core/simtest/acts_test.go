package simtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-backup/holdfast/core/backup"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/protection"
	"github.com/holdfast-backup/holdfast/core/repo/prune"
	"github.com/holdfast-backup/holdfast/core/retention"
	"github.com/holdfast-backup/holdfast/core/store"
)

func (s *schedule) backup(ctx context.Context, p *profile, repository *repo.Repository, r *rand.Rand) error {
	if r.IntN(12) == 0 {
		clear(p.held) // what is empty is really empty
	}
	s.mu.Lock()
	era := s.era
	s.mu.Unlock()
	_, err := s.run1(ctx, p, repository, p.cache, era)
	return err
}

// run1 makes a backup, and reports whether it holds all sources of the profile.
func (s *schedule) run1(ctx context.Context, p *profile, repository *repo.Repository, cache string, era int) (all bool, err error) {
	files, sources, err := p.expected()
	if err != nil {
		return false, err
	}
	before, _, err := repository.SnapshotsToWrite(ctx)
	if err != nil {
		return false, err
	}
	p.sequence++
	s.mu.Lock()
	cut := s.cutErasures
	s.mu.Unlock()
	o := backup.Options{
		Repository: repository, CachePath: cache, Host: p.of.host, PackBytes: 48 << 10,
		Writer: p.writer, Sequence: p.sequence, Seen: repo.Sightings(before, p.writer), Held: maps.Clone(p.held),
		Workers: 1, // two wait for each other's buffers on a mutex, which synctest does not take for waiting
	}
	if last := repo.Newest(before, s.now().Add(p.of.ahead)); last != nil {
		o.Previous = &last.Name
	}
	for _, f := range p.folders {
		o.Sources = append(o.Sources, repo.Source{Name: f.name, Path: f.path})
	}
	res, err := backup.Run(ctx, o)
	if none := errors.Is(err, backup.ErrNoSource); none != (len(sources) == 0) && (none || err == nil) {
		s.t.Errorf("profile %d: the sources %q are there, and it says %v", p.number, sources, err)
	}
	if err != nil {
		return false, err
	}
	var held []string
	for _, src := range res.Snapshot.Sources {
		held = append(held, src.Path)
	}
	told := func(f *folder) bool {
		return slices.ContainsFunc(res.Problems, func(q backup.Problem) bool { return q.Path == f.path })
	}
	for _, f := range p.folders {
		if there := slices.Contains(sources, f.path); there != slices.Contains(held, f.path) || there == told(f) {
			s.t.Errorf("profile %d: of %q there are %q, and the backup holds %q, and tells %v", p.number, f.path, sources, held, res.Problems)
		}
	}
	if len(held)+len(res.Problems) != len(p.folders) {
		return false, fmt.Errorf("told: %v", res.Problems)
	}
	maps.Copy(p.held, res.Held)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log("profile %d made %.8s, number %d of %v", p.number, res.Snapshot.Name, p.sequence, res.Snapshot.Begin)
	seen := s.records[res.Snapshot.Name] // somebody may have removed it already
	rec := &record{files: files, host: p.of.host, era: era, gone: seen != nil && seen.gone}
	s.records[res.Snapshot.Name] = rec
	for e := range s.erasures {
		e.meets(rec)
	}
	if s.cutErasures != cut { // it may have been seen, and replaced, before it was reported
		rec.erasing++
	}
	return len(res.Problems) == 0, nil
}

func (s *schedule) prune(ctx context.Context, p *profile, repository *repo.Repository, r *rand.Rand) error {
	o := prune.Options{
		Grace: []time.Duration{0, time.Hour, 72 * time.Hour}[r.IntN(3)], MaxWaste: []float64{0, 0.25, 1}[r.IntN(3)],
		PackBytes: 48 << 10, DryRun: r.IntN(8) == 0, Thorough: r.IntN(4) == 0,
		Now: func() time.Time {
			s.mu.Lock() // of the offset
			defer s.mu.Unlock()
			return s.by(p)
		},
	}
	var err error
	if o.Remove, err = s.toRemove(ctx, p, p.rules, repository, o.Now()); err != nil {
		return err
	}
	if r.IntN(2) == 0 { // somebody deletes more
		names, err := repository.SnapshotNames(ctx)
		if err != nil {
			return err
		}
		slices.SortFunc(names, func(a, b repo.Name) int { return strings.Compare(a.String(), b.String()) })
		for _, n := range names {
			if r.IntN(3) == 0 && !slices.Contains(o.Remove, n) {
				o.Remove = append(o.Remove, n)
			}
		}
	}
	if !o.DryRun {
		s.mu.Lock()
		for _, n := range o.Remove {
			s.forget(n)
		}
		s.mu.Unlock()
	}
	// What is not saved is forgotten in a crash.
	seen := clone(p.seen)
	o.Seen = &seen
	o.Save = func() error {
		p.seen = clone(seen)
		return nil
	}
	_, err = prune.Run(ctx, repository, o)
	return err
}

// toRemove is what rules do not keep, as a profile judges by its clock.
func (s *schedule) toRemove(ctx context.Context, p *profile, rules retention.Rules, repository *repo.Repository,
	now time.Time) (out []repo.Name, err error) {
	all, bad, err := repository.Snapshots(ctx)
	if err != nil || len(bad) > 0 {
		return nil, errors.Join(append(bad, err)...)
	}
	why := rules.Decide(all, nil, now)
	if wrong := judge(rules, all, func(s *repo.Snapshot) bool { return len(why[s.Name]) > 0 }, now); wrong != "" {
		s.t.Errorf("by the rules %+v of profile %d, at %v: %s", rules, p.number, now, wrong)
	}
	for _, one := range all {
		if len(why[one.Name]) == 0 {
			out = append(out, one.Name)
		}
	}
	return out, nil
}

// makeRoom prunes a place that is full, with nothing else under way. Two blocks are enough for all that a prune must write, and each
// snapshot that goes gives one.
// Then somebody may find a larger disk.
func (s *schedule) makeRoom() {
	ctx := context.Background()
	if s.rand.IntN(2) == 0 {
		s.disk.fill(int64(s.rand.IntN(2)))
		r, err := s.open(ctx, s.disk)
		if err != nil {
			s.t.Errorf("the backup at a full place does not open: %v", err)
			return
		}
		p := s.profiles[s.rand.IntN(len(s.profiles))]
		now := func() time.Time { return s.by(p) }
		remove, err := s.toRemove(ctx, p, retention.Rules{Last: 1}, r, now())
		if err != nil {
			s.t.Errorf("the snapshots at a full place: %v", err)
			return
		}
		for _, n := range remove {
			s.forget(n)
		}
		if !r.Facts().Changing {
			before := s.disk.room
			o := prune.Options{Remove: remove, Seen: &p.seen, MaxWaste: []float64{0.25, 1}[s.rand.IntN(2)], PackBytes: 48 << 10, Now: now,
				DryRun: true}
			would, err := prune.Run(ctx, r.Fresh(), o)
			if err != nil {
				s.t.Errorf("a look at what a prune of a full place would do: %v", err)
				return
			}
			o.DryRun = false
			_, err = prune.Run(ctx, r.Fresh(), o)
			s.log("profile %d prunes a full place of %d snapshots: %d blocks of room, then %d: %v", p.number, len(remove), before, s.disk.room, err)
			// A removal and a mark. What is to be moved may take more.
			enough := int64(len(remove))+before >= 2 && would.MovedBytes == 0
			if err != nil && (enough || !errors.Is(err, store.ErrNoSpace)) {
				s.t.Errorf("a prune of a full place: %v", err)
			}
			names, err := r.Fresh().SnapshotNames(ctx)
			if err != nil || slices.ContainsFunc(names, func(n repo.Name) bool { return slices.Contains(remove, n) }) {
				s.t.Errorf("a prune of a full place leaves of %.8s: %.8s, %v", remove, names, err)
			}
			s.did[actionMakeRoom]++
		}
	}
	if s.rand.IntN(3) > 0 {
		s.disk.relieve()
	}
}

func clone(s prune.State) prune.State {
	out := prune.State{Pruner: s.Pruner, Marks: make(map[repo.Name]time.Time), Pending: make(map[repo.Name]time.Time)}
	for n, t := range s.Marks {
		out.Marks[n] = t
	}
	for n, t := range s.Pending {
		out.Pending[n] = t
	}
	return out
}

// read restores a snapshot beside everything else. Where no fault befalls it
// and nobody removes the snapshot, it must come back.
func (s *schedule) read(ctx context.Context, g *gated, repository *repo.Repository, r *rand.Rand, era int) error {
	s.mu.Lock()
	var names []repo.Name
	for n, rec := range s.records {
		if rec.files != nil && !rec.mayBeGone() && rec.era == era && era == s.era { // nil: it was never reported
			names = append(names, n)
		}
	}
	s.mu.Unlock()
	if len(names) == 0 {
		return errors.New("nothing to read")
	}
	n := names[r.IntN(len(names))]
	got, err := restore(ctx, repository, n)
	s.mu.Lock()
	defer s.mu.Unlock()
	rec := s.records[n]
	if g.hurt || rec.mayBeGone() || rec.era != s.era {
		return err
	}
	if err == nil {
		err = same(rec.files, got)
	}
	if err != nil {
		s.t.Errorf("a read of %s beside the others: %v", n, err)
	}
	return err
}

// restore reads all files of a snapshot.
func restore(ctx context.Context, r *repo.Repository, n repo.Name) (map[string][]byte, error) {
	snap, err := r.Snapshot(ctx, n)
	if err != nil {
		return nil, err
	}
	bad, err := r.LoadIndex(ctx)
	if err != nil || len(bad) > 0 {
		return nil, errors.Join(append(bad, err)...)
	}
	out := make(map[string][]byte)
	var folder func(c repo.Content, prefix string) error
	folder = func(c repo.Content, prefix string) error {
		return r.Tree(ctx, c, func(n *repo.Node) error {
			if n.Kind == repo.NodeDir {
				return folder(n.Content, prefix+n.Name+"/")
			}
			var content []byte
			err := r.Extents(ctx, n.Content, func(e repo.Extent) error {
				b, err := r.Chunk(ctx, e.Chunk)
				if err != nil || e.Hole {
					return errors.Join(err, errors.New("hole"))
				}
				if int64(len(b)) < int64(e.Offset)+e.Length {
					return errors.New("a short chunk")
				}
				content = append(content, b[e.Offset:int64(e.Offset)+e.Length]...)
				return nil
			})
			if err != nil {
				return fmt.Errorf("%s: %w", prefix+n.Name, err)
			}
			out[prefix+n.Name] = content
			return nil
		})
	}
	return out, folder(snap.Root, "")
}

func (s *schedule) changeKey(ctx context.Context, repository *repo.Repository) error {
	k := newKey(s.t)
	s.mu.Lock()
	s.keys = append(s.keys, k)
	s.mu.Unlock()
	err := protection.ChangeKey(ctx, repository, k, nil)
	if err != nil {
		s.mu.Lock()
		s.cutOff = true
		s.mu.Unlock()
	}
	return err
}

// changeProtection turns encryption on or off, or goes on with what somebody began.
func (s *schedule) changeProtection(ctx context.Context, p *profile, on store.Store, repository *repo.Repository, r *rand.Rand) error {
	var key *backupkey.Key
	facts := repository.Facts()
	if facts.Protection == repo.ProtectionNone {
		key = newKey(s.t)
		s.mu.Lock()
		for _, k := range s.keys {
			if facts.Changing && k != nil && k.ID() == facts.NextKeyID {
				key = k
			}
		}
		s.keys = append(s.keys, key)
		s.mu.Unlock()
	}
	moving, err := beginChange(ctx, repository, key)
	if err != nil {
		return err
	}
	// Of what another computer backs up while the header is replaced nobody can
	// say whether it is of before or after: that is an era of its own.
	s.mu.Lock()
	era := s.era + 2
	s.mu.Unlock()
	moving.SetAhead(s.skew + p.of.ahead)
	if all, err := s.run1(ctx, p, moving, "", era); err != nil || !all {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, rec := range s.records {
			rec.gone = rec.gone || rec.era == era // the change does not come about with it
		}
		return errors.Join(err, errors.New("not everything is in the backup of the change"))
	}
	s.mu.Lock()
	s.era++
	s.mu.Unlock()
	err = protection.Commit(ctx, moving)
	s.mu.Lock()
	s.era = era
	for _, rec := range s.records {
		// After a fault, whether it was done is the destination's to say: neither side need be visible.
		rec.gone = rec.gone || err != nil && rec.era == era
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	next, err := s.open(ctx, on)
	if err != nil {
		return err
	}
	old := key
	if key == nil {
		s.mu.Lock()
		for _, k := range s.keys {
			if k != nil && k.ID() == facts.KeyID {
				old = k
			}
		}
		s.mu.Unlock()
	} else {
		old = nil
	}
	return protection.DropOldEpochs(ctx, next, old, nil)
}

// beginChange begins turning encryption on with a key, or off with nil.
func beginChange(ctx context.Context, r *repo.Repository, key *backupkey.Key) (*repo.Repository, error) {
	if key == nil {
		return protection.BeginTurnOff(ctx, r)
	}
	return protection.BeginTurnOn(ctx, r, key, nil)
}
