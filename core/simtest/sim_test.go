package simtest

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-backup/holdfast/core/backup"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/store"
)

var (
	schedules = flag.Int("sim.schedules", 200, "how many schedules are run")
	seed      = flag.Uint64("sim.seed", 1, "the first schedule's seed; the others' follow")
	verbose   = flag.Bool("sim.log", false, "tell what happens")
)

// A backup that was reported and not removed restores, whatever happened.
func TestSchedules(t *testing.T) {
	n := *schedules
	if testing.Short() {
		n = min(n, 50)
	}
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var did [actions]int
		for i := range n {
			one := *seed + uint64(i)
			s := newSchedule(t, filepath.Join(dir, fmt.Sprint(one)), one)
			s.run()
			for a, n := range s.did {
				did[a] += n
			}
			if i%500 == 499 {
				t.Logf("%d schedules so far", i+1)
			}
			if err := os.RemoveAll(s.dir); err != nil {
				t.Fatal(err)
			}
			if t.Failed() {
				t.Fatalf("schedule %d: go test ./core/simtest -sim.schedules 1 -sim.seed %d -sim.log", i, one)
			}
		}
		t.Logf("%d schedules; ended well: %d backups, %d prunes, %d reads, %d erasures, %d key changes, %d changes of protection; %d snapshots were checked",
			n, did[actionBackup], did[actionPrune], did[actionRead], did[actionErase], did[actionKey], did[actionProtection], did[actionCheck])
	})
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
	actions
)

// computer is a computer with its own disk and clock. What it remembers lives
// through a crash; what is in its memory does not.
type computer struct {
	number int
	source string
	cache  string
	seen   repo.PruneState
	sleeps int           // turns for which none of its calls goes on
	offset time.Duration // of its clock
}

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
	blobs     [][]byte
	keys      []*backupkey.Key // that may be in force; nil: none
	era       int
	changes   bool // keys and protection change in this schedule
	database  bool // the computers have one, stored by pages
	cutOff    bool // a change of the key ended with an error
	changing  bool // one does now: two at once are for people to agree on
	records   map[repo.Name]*record
	did       [actions]int
}

func newSchedule(t *testing.T, dir string, seed uint64) *schedule {
	r := rand.New(rand.NewPCG(seed, 0))
	s := &schedule{
		t: t, dir: dir, records: make(map[repo.Name]*record),
		world: &world{rand: r, disk: store.NewMemory(), log: func(string, ...any) {}},
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
	for i := range 2 + r.IntN(3) {
		c := &computer{number: i, source: filepath.Join(dir, fmt.Sprint(i), "files"), cache: filepath.Join(dir, fmt.Sprint(i), "changes")}
		if err := os.MkdirAll(c.source, 0o700); err != nil {
			t.Fatal(err)
		}
		s.computers = append(s.computers, c)
	}
	s.changes = r.IntN(3) == 0
	s.database = r.IntN(16) == 0
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
			if s.rand.IntN(4) > 0 {
				s.start(c)
			}
		}
		s.choose()
		s.changing = false
		for _, c := range s.computers {
			c.sleeps = 0
		}
		s.skew += time.Duration(s.rand.IntN(100)) * time.Hour
		if s.check(); s.t.Failed() {
			return
		}
	}
	s.settle()
}

func (s *schedule) setOdds() {
	s.odds = [fateDiesAfter + 1]float64{}
	if s.rand.IntN(4) == 0 {
		return // a quiet day
	}
	scale := s.rand.Float64() * 0.02
	for f := fateFails; f <= fateDiesAfter; f++ {
		s.odds[f] = scale
		if f == fateDies || f == fateDiesAfter {
			s.odds[f] = scale / 4
		}
	}
}

// start begins an action; it goes on as its calls are let through.
func (s *schedule) start(c *computer) {
	g := &gated{w: s.world, c: c}
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
		err := s.act(c, g, what, r)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.busy--
		s.log("computer %d: action %d: %v", c.number, what, err)
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

func (s *schedule) act(c *computer, g *gated, what int, r *rand.Rand) error {
	ctx := context.Background()
	s.mu.Lock()
	era := s.era // of what the header will show, or older
	s.mu.Unlock()
	repository, err := s.open(ctx, g)
	if err != nil {
		return err
	}
	switch what {
	case actionBackup:
		return s.backup(ctx, c, repository, r)
	case actionPrune:
		return s.prune(ctx, c, repository, r)
	case actionRead:
		return s.read(ctx, g, repository, r, era)
	case actionErase:
		return s.erase(ctx, c, repository, r)
	case actionKey:
		return s.changeKey(ctx, repository)
	}
	return s.changeProtection(ctx, c, g, repository, r)
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

func (s *schedule) backup(ctx context.Context, c *computer, repository *repo.Repository, r *rand.Rand) error {
	for range 1 + r.IntN(4) {
		s.edit(c, r)
	}
	if s.database {
		s.editDatabase(c, r)
	}
	s.mu.Lock()
	era := s.era
	s.mu.Unlock()
	return s.run1(ctx, c, repository, c.cache, era)
}

func (s *schedule) run1(ctx context.Context, c *computer, repository *repo.Repository, cache string, era int) error {
	files, err := tree(c.source)
	if err != nil {
		return err
	}
	res, err := backup.Run(ctx, backup.Options{
		Repository: repository, Sources: []repo.Source{{Name: "files", Path: c.source}}, CachePath: cache,
		Host: fmt.Sprint(c.number), PackBytes: 48 << 10,
		Workers: 1, // two wait for each other's buffers on a mutex, which synctest does not take for waiting
	})
	if err != nil {
		return err
	}
	if len(res.Problems) > 0 {
		return fmt.Errorf("%s: %w", res.Problems[0].Path, res.Problems[0].Err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log("computer %d made %.8s", c.number, res.Snapshot.Name)
	seen := s.records[res.Snapshot.Name] // somebody may have removed it already
	s.records[res.Snapshot.Name] = &record{files: files, host: fmt.Sprint(c.number), era: era, gone: seen != nil && seen.gone}
	return nil
}

// edit changes the files a little. Every write is a new file of another size.
func (s *schedule) edit(c *computer, r *rand.Rand) {
	folder := filepath.Join(c.source, []string{"", "a", "a/b", "c"}[r.IntN(4)])
	name := filepath.Join(folder, fmt.Sprint(r.IntN(5)))
	var err error
	if r.IntN(4) == 0 {
		err = os.RemoveAll([]string{name, name, folder}[r.IntN(3)])
		err = errors.Join(err, os.MkdirAll(c.source, 0o700))
	} else {
		err = errors.Join(os.MkdirAll(folder, 0o700), os.WriteFile(name+".tmp", s.blobs[r.IntN(len(s.blobs))], 0o600), os.Rename(name+".tmp", name))
	}
	if err != nil {
		s.t.Errorf("editing: %v", err)
	}
}

// editDatabase changes pages of a database, which grows by one.
func (s *schedule) editDatabase(c *computer, r *rand.Rand) {
	const page, pages = 4096, 300
	name := filepath.Join(c.source, "db")
	b, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		b, err = make([]byte, pages*page), nil
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		copy(b, "SQLite format 3\x00\x10\x00")
	}
	b = append(b, s.blobs[len(s.blobs)-1][:page]...)
	for range r.IntN(40) {
		b[page+r.IntN(len(b)-page)]++
	}
	if err = errors.Join(err, os.WriteFile(name+".tmp", b, 0o600), os.Rename(name+".tmp", name)); err != nil {
		s.t.Errorf("editing the database: %v", err)
	}
}

func tree(dir string) (map[string][]byte, error) {
	out := make(map[string][]byte)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		out["files/"+rel], err = os.ReadFile(path)
		return err
	})
	return out, err
}

func (s *schedule) prune(ctx context.Context, c *computer, repository *repo.Repository, r *rand.Rand) error {
	names, err := repository.SnapshotNames(ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(names, func(a, b repo.Name) int { return strings.Compare(a.String(), b.String()) })
	o := repo.PruneOptions{
		Grace: []time.Duration{0, time.Hour, 72 * time.Hour}[r.IntN(3)], MaxWaste: []float64{0, 0.25, 1}[r.IntN(3)],
		PackBytes: 48 << 10, DryRun: r.IntN(8) == 0, Thorough: r.IntN(4) == 0,
		Now: func() time.Time {
			s.mu.Lock()
			defer s.mu.Unlock()
			return time.Now().Add(s.skew + c.offset)
		},
	}
	for _, n := range names {
		if r.IntN(3) == 0 {
			o.Remove = append(o.Remove, n)
		}
	}
	if !o.DryRun {
		s.mu.Lock()
		for _, n := range o.Remove {
			if s.records[n] == nil { // it is seen before it is reported
				s.records[n] = &record{}
			}
			s.records[n].gone = true
		}
		s.mu.Unlock()
	}
	// What is not saved is forgotten in a crash.
	seen := clone(c.seen)
	o.Seen = &seen
	o.Save = func() error {
		c.seen = clone(seen)
		return nil
	}
	_, err = repository.Prune(ctx, o)
	return err
}

func clone(s repo.PruneState) repo.PruneState {
	out := repo.PruneState{Pruner: s.Pruner, Marks: make(map[repo.Name]time.Time), Pending: make(map[repo.Name]time.Time)}
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
		if !rec.mayBeGone() && rec.era == era && era == s.era {
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

func same(want, got map[string][]byte) error {
	if len(want) != len(got) {
		return fmt.Errorf("%d files, not %d", len(got), len(want))
	}
	for path, b := range want {
		if g, ok := got[path]; !ok || !bytes.Equal(b, g) {
			return fmt.Errorf("%s has %d bytes, not %d, or others", path, len(g), len(b))
		}
	}
	return nil
}

func (s *schedule) changeKey(ctx context.Context, repository *repo.Repository) error {
	k := newKey(s.t)
	s.mu.Lock()
	s.keys = append(s.keys, k)
	s.mu.Unlock()
	err := repository.ChangeKey(ctx, k, nil)
	if err != nil {
		s.mu.Lock()
		s.cutOff = true
		s.mu.Unlock()
	}
	return err
}

// changeProtection turns encryption on or off, or goes on with what somebody began.
func (s *schedule) changeProtection(ctx context.Context, c *computer, g *gated, repository *repo.Repository, r *rand.Rand) error {
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
	if err := s.run1(ctx, c, moving, "", era); err != nil {
		return err
	}
	s.mu.Lock()
	s.era++
	s.mu.Unlock()
	err = moving.CommitChange(ctx)
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
	next, err := s.open(ctx, g)
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
	return next.DropOldEpochs(ctx, old, nil)
}

// check restores, with nothing else under way, everything that must be there,
// and everything that can be seen.
func (s *schedule) check() {
	ctx := context.Background()
	r, err := s.open(ctx, s.disk)
	if err != nil {
		s.t.Errorf("the backup does not open: %v", err)
		return
	}
	names, err := r.SnapshotNames(ctx)
	if err != nil {
		s.t.Error(err)
		return
	}
	for _, n := range names {
		s.did[actionCheck]++
		got, err := restore(ctx, r, n)
		if rec := s.records[n]; err == nil && rec != nil && rec.files != nil { // nil: it was never reported
			err = same(rec.files, got)
		}
		if err != nil {
			s.t.Errorf("snapshot %s: %v", n, err)
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

// settle lets one computer, on a quiet day, prune to the end: nothing is left
// that is not needed, and all is well.
func (s *schedule) settle() {
	ctx := context.Background()
	r, err := s.open(ctx, s.disk)
	if err != nil {
		s.t.Error(err)
		return
	}
	if r.Facts().Changing {
		return
	}
	// Later than everything that the dead have left.
	now := time.Now().Add(s.skew + 10_000*time.Hour)
	for range 3 {
		now = now.Add(400 * 24 * time.Hour)
		for _, c := range s.computers {
			if _, err := r.Fresh().Prune(ctx, repo.PruneOptions{Seen: &c.seen, MaxWaste: 0.25, PackBytes: 48 << 10, Now: func() time.Time { return now }}); err != nil {
				s.t.Errorf("the last prune: %v", err)
				return
			}
		}
	}
	s.check()
	for _, prefix := range []string{"marks/", "pending/"} {
		_ = s.disk.List(ctx, prefix, func(o store.Object) error {
			if !s.changes { // otherwise it may be of an epoch that was dropped beside its writer
				s.t.Errorf("%s is left", o.Name)
			}
			return nil
		})
	}
	v, err := r.Fresh().Verify(ctx, repo.VerifyOptions{DataPercent: 100})
	if err != nil {
		s.t.Error(err)
	}
	for _, d := range v.Damage {
		if s.changes && strings.Contains(d, "was not written by this backup") {
			continue // another computer's, when the protection was changed beside it
		}
		s.t.Errorf("damage: %s", d)
	}
}

// beginChange begins turning encryption on with a key, or off with nil.
func beginChange(ctx context.Context, r *repo.Repository, key *backupkey.Key) (*repo.Repository, error) {
	if key == nil {
		return r.BeginTurnOff(ctx)
	}
	return r.BeginTurnOn(ctx, key, nil)
}
