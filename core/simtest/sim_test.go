package simtest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-backup/holdfast/core/backup"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/check"
	"github.com/holdfast-backup/holdfast/core/repo/protection"
	"github.com/holdfast-backup/holdfast/core/repo/prune"
	"github.com/holdfast-backup/holdfast/core/retention"
	"github.com/holdfast-backup/holdfast/core/store"
)

var (
	schedules      = flag.Int("sim.schedules", 200, "how many schedules are run")
	pipedSchedules = flag.Int("sim.piped", 60, "how many schedules are run over the pipe")
	seed           = flag.Uint64("sim.seed", 1, "the first schedule's seed; the others' follow")
	verbose        = flag.Bool("sim.log", false, "tell what happens")
)

// A backup that was reported and not removed restores, whatever happened. The same with computers that reach the
// destination through holdfast-remote, which is killed at any time.
//
// All in one bubble of synctest: what libraries keep for the whole process, as decoders, belongs to the bubble that made it.
func TestSchedules(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // half of the time went into collecting large buffers
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		runSchedules(t, dir, *schedules, false)
		runSchedules(t, dir, *pipedSchedules, true)
	})
}

func runSchedules(t *testing.T, dir string, n int, piped bool) {
	if testing.Short() {
		n = min(n, 50)
	}
	var did [actions]int
	deaths := 0
	for i := range n {
		one := *seed + uint64(i)
		s := newSchedule(t, filepath.Join(dir, fmt.Sprint(one)), one)
		if piped {
			s.piped, s.connections = true, 1+s.rand.IntN(8)
		}
		s.run()
		for a, n := range s.did {
			did[a] += n
		}
		deaths += s.dead
		if i%500 == 499 {
			t.Logf("%d schedules so far", i+1)
		}
		if err := os.RemoveAll(s.dir); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			of := map[bool]string{false: "-sim.schedules 1 -sim.piped 0", true: "-sim.schedules 0 -sim.piped 1"}[piped]
			t.Fatalf("schedule %d: go test ./core/simtest %s -sim.seed %d -sim.log", i, of, one)
		}
	}
	t.Logf("%d schedules; ended well: %d backups, %d prunes, %d reads, %d erasures, %d key changes, "+
		"%d changes of protection, %d prunes of a full place; %d snapshots were checked; holdfast-remote was killed %d times",
		n, did[actionBackup], did[actionPrune], did[actionRead], did[actionErase], did[actionKey], did[actionProtection], did[actionMakeRoom],
		did[actionCheck], deaths)
	if piped && n > 0 && deaths == 0 {
		t.Error("holdfast-remote was never killed")
	}
}

// What a computer can do.
const (
	actionBackup = iota
	actionPrune
	actionRead
	actionErase
	actionKey
	actionProtection
	actionCheck
	actionMakeRoom
	actions
)

// record is a snapshot that was reported.
type record struct {
	files map[string][]byte // by path
	host  string            // whose it is
	era   int               // changes of protection before it
	gone  bool              // it may be gone: somebody was asked to remove it
	// erasing counts the erasures that may replace it, under way or ended by a fault.
	erasing int
}

func (r *record) mayBeGone() bool { return r.gone || r.erasing > 0 }

// schedule is one run.
type schedule struct {
	*world
	t         *testing.T
	dir       string
	computers []*computer
	profiles  []*profile
	blobs     [][]byte
	keys      []*backupkey.Key // that may be in force; nil: none
	era       int
	changes   bool // keys and protection change in this schedule
	database  bool // the computers have one, stored by pages
	filling   bool // the disk gets full
	piped     bool // the computers reach the disk through holdfast-remote
	cutOff    bool // a change of the key ended with an error
	changing  bool // one does now: two at once are for people to agree on
	records   map[repo.Name]*record
	erasures  map[*erasure]bool // under way

	cutErasures int // ended by a fault
	did         [actions]int
}

func newSchedule(t *testing.T, dir string, seed uint64) *schedule {
	r := rand.New(rand.NewPCG(seed, 0))
	s := &schedule{
		t: t, dir: dir, records: make(map[repo.Name]*record), erasures: make(map[*erasure]bool),
		world: &world{rand: r, disk: &disk{Memory: store.NewMemory()}, log: func(string, ...any) {}},
	}
	if *verbose {
		s.log = t.Logf
	}
	// Contents recur, on all computers, so that chunks are shared; sizes do not.
	for i := range 24 {
		b := make([]byte, 200+i*i*97)
		for k := range b {
			b[k] = byte(r.Uint32())
		}
		s.blobs = append(s.blobs, b)
	}
	s.newComputers()
	s.changes = r.IntN(3) == 0
	s.database = r.IntN(16) == 0
	s.filling = r.IntN(2) == 0
	if r.IntN(4) > 0 {
		s.keys = []*backupkey.Key{newKey(t)}
	} else {
		s.keys = []*backupkey.Key{nil}
	}
	return s
}

func newKey(t *testing.T) *backupkey.Key {
	k, err := backupkey.New()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (s *schedule) run() {
	ctx := context.Background()
	if _, err := repo.Create(ctx, s.disk, s.keys[0], nil); err != nil {
		s.t.Fatal(err)
	}
	rounds := 3 + s.rand.IntN(5)
	for range rounds {
		s.setOdds()
		for _, c := range s.computers {
			s.dawn(c)
		}
		for _, p := range s.profiles {
			if s.rand.IntN(4) > 0 {
				s.start(p)
			}
		}
		s.choose()
		s.changing = false
		for _, p := range s.profiles {
			p.sleeps = 0
		}
		if s.disk.full {
			s.makeRoom()
		}
		s.skew += time.Duration(s.rand.IntN(100*60)) * time.Minute
		if s.check(false); s.t.Failed() {
			return
		}
	}
	s.settle()
}

func (s *schedule) setOdds() {
	s.odds, s.fills, s.kills = [fateDiesAfter + 1]float64{}, 0, 0
	if s.filling && s.rand.IntN(2) == 0 {
		s.fills = 0.02
	}
	if s.rand.IntN(4) == 0 {
		return // a quiet day
	}
	scale := s.rand.Float64() * 0.02
	if s.piped {
		s.kills = 5 * scale
	}
	for f := fateFails; f <= fateDiesAfter; f++ {
		s.odds[f] = scale
		if f == fateDies || f == fateDiesAfter {
			s.odds[f] = scale / 4
		}
	}
}

// start begins an action; it goes on as its calls are let through.
func (s *schedule) start(p *profile) {
	g := &gated{w: s.world, p: p}
	what := s.pick()
	if what == actionKey || what == actionProtection {
		if s.changing {
			what = actionBackup
		}
		s.changing = true
	}
	// Everything that is drawn is drawn here, in the order of the seed.
	r := rand.New(rand.NewPCG(s.rand.Uint64(), 1))
	s.mu.Lock()
	s.busy++
	s.mu.Unlock()
	go func() {
		var err error
		if s.piped {
			err = s.through(g, func(on store.Store) error { return s.act(p, g, on, what, r) })
		} else {
			err = s.act(p, g, g, what, r)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.busy--
		s.log("profile %d: action %d: %v", p.number, what, err)
		if err == nil {
			s.did[what]++
		}
	}()
}

func (s *schedule) pick() int {
	switch n := s.rand.IntN(100); {
	case n < 50:
		return actionBackup
	case n < 80 || !s.changes && n >= 90:
		return actionPrune
	case n < 87 && !s.changes: // eras and erasures together are too much to foretell
		return actionErase
	case n < 90:
		return actionRead
	case n < 95:
		return actionKey
	}
	return actionProtection
}

func (s *schedule) act(p *profile, g *gated, on store.Store, what int, r *rand.Rand) error {
	ctx := context.Background()
	s.mu.Lock()
	era := s.era // of what the header will show, or older
	s.mu.Unlock()
	repository, err := s.open(ctx, on)
	if err != nil {
		return err
	}
	repository.SetAhead(s.skew + p.of.ahead)
	switch what {
	case actionBackup:
		return s.backup(ctx, p, repository, r)
	case actionPrune:
		return s.prune(ctx, p, repository, r)
	case actionRead:
		return s.read(ctx, g, repository, r, era)
	case actionErase:
		return s.erase(ctx, p, repository, r)
	case actionKey:
		return s.changeKey(ctx, repository)
	}
	return s.changeProtection(ctx, p, on, repository, r)
}

// open opens the repository with whichever key is in force.
func (s *schedule) open(ctx context.Context, on store.Store) (*repo.Repository, error) {
	s.mu.Lock()
	keys := slices.Clone(s.keys)
	s.mu.Unlock()
	facts, err := repo.Inspect(ctx, on)
	if err != nil {
		return nil, err
	}
	if facts.Protection == repo.ProtectionNone {
		return repo.Open(ctx, on, repo.Unencrypted())
	}
	for _, k := range keys {
		if k != nil && k.ID() == facts.KeyID {
			return repo.Open(ctx, on, repo.By(k))
		}
	}
	return nil, fmt.Errorf("no key with the id %s", facts.KeyID)
}

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
	before, _, err := repository.Snapshots(ctx)
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

// check looks, with nothing else under way, whether everything is there that must be, and restores everything that can be seen, or
// half of it.
func (s *schedule) check(whole bool) {
	ctx := context.Background()
	r, err := s.open(ctx, s.disk)
	if err != nil {
		s.t.Errorf("the backup does not open: %v", err)
		return
	}
	all, bad, err := r.Snapshots(ctx)
	if err = errors.Join(append(bad, err)...); err != nil {
		s.t.Error(err)
		return
	}
	s.checkLatest(r, all)
	var names []repo.Name
	for _, one := range all {
		names = append(names, one.Name)
		if !whole && s.rand.IntN(2) == 0 {
			continue
		}
		s.did[actionCheck]++
		got, err := restore(ctx, r, one.Name)
		if rec := s.records[one.Name]; err == nil && rec != nil && rec.files != nil { // nil: it was never reported
			err = same(rec.files, got)
		}
		if err != nil {
			s.t.Errorf("snapshot %s: %v", one.Name, err)
		}
	}
	// A change of the key that was cut off between its header and its second list leaves out what came between: it is kept and told
	// (docs/adr/0020).
	late, err := r.Late(ctx)
	if err != nil {
		s.t.Error(err)
	}
	for n, rec := range s.records {
		if s.cutOff && slices.Contains(late, n) {
			rec.gone = true
		}
		if !rec.mayBeGone() && rec.era >= s.era && !slices.Contains(names, n) {
			s.t.Errorf("snapshot %s was reported and is gone", n)
		}
	}
}

// settle lets everybody, on a quiet day and with room, prune to the end and back up: nothing is left
// that is not needed, and all is well.
func (s *schedule) settle() {
	ctx := context.Background()
	s.disk.relieve()
	r, err := s.open(ctx, s.disk)
	if err != nil {
		s.t.Error(err)
		return
	}
	if r.Facts().Changing {
		return
	}
	for _, c := range s.computers {
		c.ahead = 0
		for _, f := range c.folders {
			if err := errors.Join(f.move(diskHere), os.WriteFile(filepath.Join(f.path, "last"), []byte(f.path), 0o600)); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	for _, p := range s.profiles {
		r.SetAhead(s.skew)
		if all, err := s.run1(ctx, p, r.Fresh(), p.cache, s.era); err != nil || !all {
			s.t.Errorf("profile %d: the last backup: %v", p.number, err)
		}
	}
	// Later than everything that the dead have left.
	s.skew += 10_000 * time.Hour
	for range 3 {
		s.skew += 400 * 24 * time.Hour
		for _, p := range s.profiles {
			if _, err := prune.Run(ctx, r.Fresh(), prune.Options{Seen: &p.seen, MaxWaste: 0.25, PackBytes: 48 << 10, Now: s.now}); err != nil {
				s.t.Errorf("the last prune: %v", err)
				return
			}
		}
	}
	s.check(true)
	for _, prefix := range []string{"marks/", "pending/"} {
		_ = s.disk.List(ctx, prefix, func(o store.Object) error {
			probe := strings.HasPrefix(o.Name, prefix+"fresh-") // one that was killed before it took it away; it goes after a day
			if !s.changes && !probe {                           // otherwise it may be of an epoch that was dropped beside its writer
				s.t.Errorf("%s is left", o.Name)
			}
			return nil
		})
	}
	v, err := check.Verify(ctx, r.Fresh(), check.VerifyOptions{DataPercent: 100})
	if err != nil {
		s.t.Error(err)
	}
	for _, d := range v.Damage {
		if one := ""; strings.Contains(d, "is missing") {
			_, _ = fmt.Sscanf(d, "snapshot %s", &one)
			n, _ := repo.ParseName(one)
			switch rec := s.records[n]; {
			case rec == nil:
				continue // taken back by its run, of which two calls failed in a row: nobody was told that it is there
			case rec.gone && s.filling:
				continue // deleted to make room for the note that it is, and then its prune was cut off
			}
		}
		if s.changes && strings.Contains(d, "was not written by this backup") {
			continue // another computer's, when the protection was changed beside it
		}
		s.t.Errorf("damage: %s", d)
	}
}

// beginChange begins turning encryption on with a key, or off with nil.
func beginChange(ctx context.Context, r *repo.Repository, key *backupkey.Key) (*repo.Repository, error) {
	if key == nil {
		return protection.BeginTurnOff(ctx, r)
	}
	return protection.BeginTurnOn(ctx, r, key, nil)
}
