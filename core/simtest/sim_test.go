package simtest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/check"
	"github.com/holdfast-backup/holdfast/core/repo/prune"
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
