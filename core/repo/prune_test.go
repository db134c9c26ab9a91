package repo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core/repo/internal/engine"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/index"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/faultstore"
)

// pruneComputer is a computer that prunes: what it remembers, and its clock.
type pruneComputer struct {
	seen PruneState
	now  time.Time
}

func newPruneComputer() *pruneComputer {
	return &pruneComputer{now: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}
}

func (c *pruneComputer) options(remove ...Name) PruneOptions {
	return PruneOptions{Remove: remove, Seen: &c.seen, Grace: 72 * time.Hour, MaxWaste: 0.25, Now: func() time.Time { return c.now }}
}

func (c *pruneComputer) prune(t testing.TB, s store.Store, o PruneOptions) Pruning {
	t.Helper()
	r := reopen(t, s, nil)
	p, err := r.Prune(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// kept is snapshots with what they must give.
type kept map[Name][]testFile

func (k kept) check(t testing.TB, s store.Store) {
	t.Helper()
	r := reopen(t, s, nil)
	ctx := context.Background()
	all, bad, err := r.Snapshots(ctx)
	if err != nil || len(bad) > 0 {
		t.Fatal(err, bad)
	}
	if _, err := r.LoadIndex(ctx); err != nil {
		t.Fatal(err)
	}
	there := make(map[Name]*Snapshot)
	for _, s := range all {
		there[s.Name] = s
	}
	for n, files := range k {
		if there[n] == nil {
			t.Fatalf("snapshot %s is gone", n)
		}
		for _, f := range files {
			got, err := readFile(r, there[n], f.name)
			if err != nil || string(got) != string(f.content) {
				t.Fatalf("snapshot %s, %s: %d bytes, %v", n, f.name, len(got), err)
			}
		}
	}
}

func (k kept) clean(t testing.TB, s store.Store) {
	t.Helper()
	k.check(t, s)
	v := verify(t, reopen(t, s, nil), slices.Collect(maps.Keys(k))...)
	if len(v.Damage) > 0 || v.Snapshots != len(k) {
		t.Fatalf("%d snapshots, %d expected; damage: %v", v.Snapshots, len(k), v.Damage)
	}
}

// threeSnapshots share one file; each has another of its own.
func threeSnapshots(t testing.TB) (*store.Memory, []Name, kept) {
	t.Helper()
	_, m := newRepo(t, nil)
	k := make(kept)
	var names []Name
	for i := range 3 {
		files := []testFile{{"common", noise(1, 50_000)}, {fmt.Sprintf("own%d", i), noise(uint64(10+i), 30_000+10_000*i)}}
		s := writeSnapshot(t, reopen(t, m, nil), files, nil)
		k[s.Name] = files
		names = append(names, s.Name)
	}
	return m, names, k
}

func TestPruneFreesWhatNoSnapshotNeedsAfterAWhile(t *testing.T) {
	m, names, k := threeSnapshots(t)
	c := newPruneComputer()
	before := count(t, m, "packs/")
	dry := c.options(names[1])
	dry.DryRun = true
	p := c.prune(t, m, dry)
	if p.WaitingBytes < 40_000 || count(t, m, "snapshots/") != 3 || count(t, m, "marks/") != 0 {
		t.Fatalf("the preview: %+v", p)
	}
	delete(k, names[1])
	p = c.prune(t, m, c.options(names[1]))
	if p.FreedPacks != 0 || p.WaitingPacks == 0 || p.WaitingBytes < 40_000 || !p.NextDeletion.Equal(c.now.Add(72*time.Hour)) {
		t.Errorf("first: %+v", p)
	}
	k.clean(t, m)
	waiting := p.WaitingPacks
	c.now = c.now.Add(71 * time.Hour)
	if p = c.prune(t, m, c.options()); p.FreedPacks != 0 {
		t.Errorf("too early: %+v", p)
	}
	// Another computer has seen nothing yet, however long ago the mark was made.
	other := newPruneComputer()
	other.now = c.now.Add(1000 * time.Hour)
	if p = other.prune(t, m, other.options()); p.FreedPacks != 0 {
		t.Errorf("another computer's clock was trusted: %+v", p)
	}
	c.now = c.now.Add(time.Hour)
	if p = c.prune(t, m, c.options()); p.FreedPacks != waiting {
		t.Errorf("not freed: %+v", p)
	}
	k.clean(t, m)
	if after := count(t, m, "packs/"); after >= before {
		t.Errorf("%d packs before, %d after", before, after)
	}
}

func TestAClockThatGoesBackMakesPacksStayLonger(t *testing.T) {
	m, names, _ := threeSnapshots(t)
	c := newPruneComputer()
	c.prune(t, m, c.options(names[0]))
	c.now = c.now.Add(-1000 * time.Hour)
	c.prune(t, m, c.options())
	c.now = c.now.Add(71 * time.Hour)
	if p := c.prune(t, m, c.options()); p.FreedPacks != 0 {
		t.Errorf("freed: %+v", p)
	}
	c.now = c.now.Add(time.Hour)
	if p := c.prune(t, m, c.options()); p.FreedPacks == 0 {
		t.Errorf("not freed: %+v", p)
	}
}

func TestPruneMovesWhatIsLeftInAPackThatIsMostlyWaste(t *testing.T) {
	_, m := newRepo(t, nil)
	k := make(kept)
	both := []testFile{{"large", noise(1, 100_000)}, {"small", noise(2, 5_000)}}
	first := writeSnapshot(t, reopen(t, m, nil), both, nil)
	s := writeSnapshot(t, reopen(t, m, nil), both[1:], nil)
	k[s.Name] = both[1:]
	c := newPruneComputer()
	o := c.options(first.Name)
	o.Grace = 0
	p := c.prune(t, m, o)
	if p.MovedBytes < 5_000 || p.MovedBytes > 20_000 || p.FreedBytes < 100_000 {
		t.Errorf("%+v", p)
	}
	k.clean(t, m)
	if n := count(t, m, "marks/") + count(t, m, "pending/"); n != 0 {
		t.Errorf("%d marks and pending objects are left", n)
	}
	again := c.prune(t, m, o)
	if again.MovedBytes != 0 || again.FreedPacks != 0 || again.WaitingPacks != 0 {
		t.Errorf("a second prune is not at rest: %+v", again)
	}
}

func TestSmallPacksAndIndexesAreGathered(t *testing.T) {
	_, m := newRepo(t, nil)
	k := make(kept)
	for i := range 2 * smallPacks {
		files := []testFile{{"f", noise(uint64(i), 2000)}}
		k[writeSnapshot(t, reopen(t, m, nil), files, nil).Name] = files
	}
	c := newPruneComputer()
	o := c.options()
	o.Grace = 0
	c.prune(t, m, o)
	if packs, indexes := count(t, m, "packs/"), count(t, m, "indexes/"); packs > 4 || indexes > 2 {
		t.Errorf("%d packs, %d indexes", packs, indexes)
	}
	k.clean(t, m)
}

// A backup that has taken a chunk for stored learns that a prune took it away.
func TestABackupThatMeetsAPruneStoresAgain(t *testing.T) {
	for _, grace := range []time.Duration{0, 72 * time.Hour} { // deleted, and only marked
		m, names, k := threeSnapshots(t)
		ctx := context.Background()
		r := reopen(t, m, nil)
		w, err := r.NewWriter(ctx, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		c := newPruneComputer()
		o := c.options(names[0])
		o.Grace = grace
		c.prune(t, m, o)
		delete(k, names[0])
		make := func() error {
			s, err := w.NewSaver()
			if err != nil {
				t.Fatal(err)
			}
			content := s.NewContentBuilder()
			for rest := noise(10, 30_000); len(rest) > 0; rest = rest[100:] { // own0
				id, err := s.Save(KindData, append([]byte{0}, rest[:100]...))
				if err != nil {
					t.Fatal(err)
				}
				if err := content.Add(Extent{Chunk: id, Length: 100}); err != nil {
					t.Fatal(err)
				}
			}
			file, err := content.Content()
			if err != nil {
				t.Fatal(err)
			}
			dir, root := s.NewTreeBuilder(), s.NewTreeBuilder()
			if err := dir.Add(&Node{Kind: NodeFile, Name: "own0", Size: 30_000, Content: file}); err != nil {
				t.Fatal(err)
			}
			docs, err := dir.Content()
			if err != nil {
				t.Fatal(err)
			}
			if err := root.Add(&Node{Kind: NodeDir, Name: "docs", Files: 1, Size: 30_000, Content: docs}); err != nil {
				t.Fatal(err)
			}
			rc, err := root.Content()
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			snap, err := w.WriteSnapshot(Snapshot{Begin: c.now, End: c.now, Root: rc, Sources: []Source{{Name: "docs", Path: "/docs"}}})
			if err == nil {
				k[snap.Name] = []testFile{{"own0", noise(10, 30_000)}}
			}
			return err
		}
		if err := make(); !errors.Is(err, ErrVanished) {
			t.Fatalf("grace %v: the first try gave %v", grace, err)
		}
		if n := count(t, m, "snapshots/"); n != 2 {
			t.Fatalf("%d snapshots", n)
		}
		k.clean(t, m) // what the first try has left is no damage
		if err := make(); err != nil {
			t.Fatalf("grace %v: the second try gave %v", grace, err)
		}
		c.now = c.now.Add(100 * time.Hour)
		c.prune(t, m, c.options())
		k.clean(t, m)
	}
}

// The other way round: a pending object makes prune keep what it needs.
func TestPruneKeepsWhatABackupIsAboutToReferTo(t *testing.T) {
	m, names, k := threeSnapshots(t)
	ctx := context.Background()
	r := reopen(t, m, nil)
	old, err := r.Snapshot(ctx, names[0])
	if err != nil {
		t.Fatal(err)
	}
	w, err := r.NewWriter(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Checkpoint(old); err != nil {
		t.Fatal(err)
	}
	c := newPruneComputer()
	o := c.options(names[0])
	o.Grace = 0
	c.prune(t, m, o)
	if err := w.Settle(); err != nil {
		t.Fatal(err)
	}
	s, err := w.WriteSnapshot(*old)
	if err != nil {
		t.Fatal(err)
	}
	k[s.Name] = k[names[0]]
	delete(k, names[0])
	c.prune(t, m, o)
	k.clean(t, m)
}

// A dead backup's pending object goes after a year; if the dead wakes up, it notices.
func TestAPendingObjectOfTheDeadGoes(t *testing.T) {
	m, names, k := threeSnapshots(t)
	ctx := context.Background()
	r := reopen(t, m, nil)
	old, err := r.Snapshot(ctx, names[0])
	if err != nil {
		t.Fatal(err)
	}
	slept := false
	c := newPruneComputer()
	o := c.options(names[0])
	o.Grace = 0
	script := faultstore.NewScript(faultstore.Fault{Op: faultstore.Put, Prefix: "snapshots/", Kind: faultstore.Delay, Before: func(context.Context) error {
		slept = true
		c.prune(t, m, o)
		c.now = c.now.Add(364 * 24 * time.Hour)
		c.prune(t, m, o)
		if n := count(t, m, "pending/"); n != 1 {
			t.Errorf("%d pending objects after 364 days", n)
		}
		c.now = c.now.Add(24 * time.Hour)
		c.prune(t, m, o)
		return nil
	}})
	sleeper := reopen(t, faultstore.New(m, script), nil)
	w, err := sleeper.NewWriter(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err = w.WriteSnapshot(*old); !errors.Is(err, ErrVanished) || !slept {
		t.Errorf("slept: %v, %v", slept, err)
	}
	delete(k, names[0])
	k.clean(t, m)
}

// Cut off at any write, a prune leaves what is kept whole, and the next one ends its work.
func TestPruneCutOffAnywhere(t *testing.T) {
	for _, kind := range []faultstore.Kind{faultstore.Crash, faultstore.CrashAfter} {
		for skip := 0; ; skip++ {
			m, names, k := threeSnapshots(t)
			delete(k, names[1])
			c := newPruneComputer()
			o := c.options(names[1])
			o.Grace, o.MaxWaste = 0, 0
			script := faultstore.NewScript(faultstore.Fault{Op: faultstore.Write, Skip: skip, Kind: kind})
			f := faultstore.New(m, script)
			_, err := reopen(t, f, nil).Prune(context.Background(), o)
			k.check(t, m)
			if !f.Crashed() {
				if err != nil {
					t.Fatal(err)
				}
				if skip < 7 {
					t.Fatalf("only %d writes", skip)
				}
				break
			}
			if err == nil {
				t.Fatalf("crash %d was not noticed", skip)
			}
			o.Remove = nil
			if _, there := mustSnapshotNames(t, m)[names[1]]; there {
				o.Remove = []Name{names[1]}
			}
			for range 2 {
				c.prune(t, m, o)
			}
			k.clean(t, m)
			if n := count(t, m, "marks/"); n != 0 {
				t.Fatalf("crash %d: %d marks are left", skip, n)
			}
		}
	}
}

func mustSnapshotNames(t testing.TB, s store.Store) map[Name]bool {
	t.Helper()
	names, err := reopen(t, s, nil).SnapshotNames(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[Name]bool)
	for _, n := range names {
		out[n] = true
	}
	return out
}

// Two that prune at the same time never leave a chunk that stands twice to each other.
func TestTwoPrunesKeepOneOfTwoCopies(t *testing.T) {
	m, names, k := threeSnapshots(t)
	delete(k, names[0])
	// Copies of what is live: a prune that moves everything and is cut off before it marks.
	a, b := newPruneComputer(), newPruneComputer()
	o := a.options(names[0])
	o.Grace, o.MaxWaste = 0, -1
	cut := faultstore.New(m, faultstore.NewScript(faultstore.Fault{Op: faultstore.Put, Prefix: "marks/", Kind: faultstore.Crash}))
	if _, err := reopen(t, cut, nil).Prune(context.Background(), o); err == nil {
		t.Fatal("the first was not cut off")
	}
	// a has put its mark when b runs from beginning to end.
	ran := false
	script := faultstore.NewScript(faultstore.Fault{Op: faultstore.List, Prefix: "pending/", Skip: 3, Kind: faultstore.Delay, Before: func(context.Context) error {
		ran = true
		ob := b.options()
		ob.Grace, ob.MaxWaste = 0, 1
		b.prune(t, m, ob)
		return nil
	}})
	oa := a.options()
	oa.Grace, oa.MaxWaste = 0, 1
	if _, err := reopen(t, faultstore.New(m, script), nil).Prune(context.Background(), oa); err != nil {
		t.Fatal(err)
	}
	if !ran {
		t.Fatal("the second did not run")
	}
	k.check(t, m)
	k.clean(t, m)
}

func TestPruneTouchesNothingInADamagedRepository(t *testing.T) {
	for _, kind := range []string{"snapshots/", "indexes/", "packs/"} {
		m, names, _ := threeSnapshots(t)
		ctx := context.Background()
		err := m.List(ctx, kind, func(o store.Object) error {
			if o.Name == format.KindSnapshot.Path(names[0]) {
				return nil
			}
			return m.Replace(ctx, o.Name, []byte("not what it was"))
		})
		if err != nil {
			t.Fatal(err)
		}
		packs := count(t, m, "packs/")
		c := newPruneComputer()
		o := c.options(names[0])
		o.Grace = 0
		if _, err := reopen(t, m, nil).Prune(ctx, o); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", kind, err)
		}
		if n := count(t, m, "packs/"); n != packs {
			t.Errorf("%s: packs were deleted", kind)
		}
	}
}

func TestPinsAndRemovals(t *testing.T) {
	m, names, _ := threeSnapshots(t)
	ctx := context.Background()
	r := reopen(t, m, nil)
	for range 2 {
		if err := r.Pin(ctx, names[0], true); err != nil {
			t.Fatal(err)
		}
	}
	if p, err := r.Pinned(ctx); err != nil || !p[names[0]] || len(p) != 1 || count(t, m, "pins/") != 1 {
		t.Errorf("%v %v", p, err)
	}
	if err := r.Pin(ctx, names[0], false); err != nil {
		t.Fatal(err)
	}
	if p, err := r.Pinned(ctx); err != nil || len(p) != 0 {
		t.Errorf("%v %v", p, err)
	}
	if err := r.Pin(ctx, Name{}, true); !errors.Is(err, ErrNoSnapshot) {
		t.Errorf("a snapshot that is not there was pinned: %v", err)
	}
	if err := r.RemoveSnapshots(ctx, names[:2]); err != nil {
		t.Fatal(err)
	}
	if gone, err := r.Removed(ctx); err != nil || !gone[names[0]] || !gone[names[1]] || gone[names[2]] {
		t.Errorf("%v %v", gone, err)
	}
	if n := count(t, m, "snapshots/"); n != 1 {
		t.Errorf("%d snapshots", n)
	}
}

// A snapshot whose deletion the destination loses can still be seen: then it is still whole.
func TestASnapshotWhoseDeletionIsLostStaysWhole(t *testing.T) {
	m, names, k := threeSnapshots(t)
	c := newPruneComputer()
	o := c.options(names[0])
	o.Grace = 0
	script := faultstore.NewScript(faultstore.Fault{Op: faultstore.Delete, Prefix: "snapshots/", Times: faultstore.Always, Kind: faultstore.LostWrite})
	if _, err := reopen(t, faultstore.New(m, script), nil).Prune(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	script.VerifyAllHit(t)
	k.clean(t, m)
	o.Remove = nil
	c.prune(t, m, o) // finishes it
	delete(k, names[0])
	k.clean(t, m)
}

// A backup that ends while a prune writes its indexes anew keeps its own.
func TestAnIndexThatComesDuringAPruneStays(t *testing.T) {
	m, names, k := threeSnapshots(t)
	delete(k, names[0])
	c := newPruneComputer()
	o := c.options(names[0])
	o.Grace, o.MaxWaste = 0, 1
	for i, at := range []faultstore.Fault{
		{Op: faultstore.Put, Prefix: "indexes/"}, {Op: faultstore.Delete, Prefix: "indexes/"}, {Op: faultstore.Delete, Prefix: "packs/"},
		{Op: faultstore.Put, Prefix: "marks/"}, {Op: faultstore.List, Prefix: "snapshots/", Skip: 2}, {Op: faultstore.List, Prefix: "marks/", Skip: 3},
		{Op: faultstore.List, Prefix: "indexes/", Skip: 3},
	} {
		came := false
		at.Kind, at.Before = faultstore.Delay, func(context.Context) error {
			came = true
			files := []testFile{{"again", noise(10, 30_000)}, {"late", noise(uint64(100+i), 20_000)}} // again: own0
			k[writeSnapshot(t, reopen(t, m, nil), files, nil).Name] = files
			return nil
		}
		if _, err := reopen(t, faultstore.New(m, faultstore.NewScript(at)), nil).Prune(context.Background(), o); err != nil {
			t.Fatalf("%v: %v", at, err)
		}
		if !came {
			t.Fatalf("%v was not met", &at)
		}
		o.Remove = nil
		k.clean(t, m)
		for n := range k { // something to delete in the next round
			if n != names[1] && n != names[2] {
				delete(k, n)
				o.Remove = []Name{n}
				break
			}
		}
	}
}

// What a backup is about to refer to when the mark is put is taken out of it again.
func TestWhatIsNeededAfterAllIsUnmarked(t *testing.T) {
	m, names, k := threeSnapshots(t)
	ctx := context.Background()
	r := reopen(t, m, nil)
	old := mustSnapshot(t, m, names[0])
	w, err := r.NewWriter(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	c := newPruneComputer()
	o := c.options(names[0])
	o.Grace = 0
	script := faultstore.NewScript(faultstore.Fault{Op: faultstore.Put, Prefix: "marks/", Kind: faultstore.Delay, Before: func(context.Context) error { return w.Checkpoint(old) }})
	if _, err := reopen(t, faultstore.New(m, script), nil).Prune(ctx, o); err != nil {
		t.Fatal(err)
	}
	script.VerifyAllHit(t)
	if n := count(t, m, "marks/"); n != 0 {
		t.Errorf("%d marks are left", n)
	}
	s, err := w.WriteSnapshot(*old)
	if err != nil {
		t.Fatal(err)
	}
	k[s.Name] = k[names[0]]
	delete(k, names[0])
	k.clean(t, m)
}

// Of the packs that hold a chunk, one that another computer may delete is the
// last choice, and one that this computer may delete the last but one.
func TestWhereAChunkIsCounted(t *testing.T) {
	own, other := [16]byte{1}, [16]byte{2}
	a, b := Name{0xa}, Name{0xb}
	for _, c := range []struct {
		marks map[Name]format.Mark
		want  Name
	}{
		{map[Name]format.Mark{{1}: {Pruner: own, Packs: []Name{a}}}, b},
		{map[Name]format.Mark{{1}: {Pruner: own, Packs: []Name{b}}}, a},
		{map[Name]format.Mark{{1}: {Pruner: other, Packs: []Name{a}}}, b},
		{map[Name]format.Mark{{1}: {Pruner: other, Packs: []Name{b}}}, a},
		{map[Name]format.Mark{{1}: {Pruner: other, Packs: []Name{a}}, {2}: {Pruner: own, Packs: []Name{b}}}, b},
		{map[Name]format.Mark{{1}: {Pruner: other, Packs: []Name{b}}, {2}: {Pruner: own, Packs: []Name{a}}}, a},
	} {
		e := &engine.Engine{Index: index.New()}
		chunk := format.PackEntry{ID: ID{7}, Record: 100, Content: 99}
		e.Index.Add(format.PackList{Name: a, Size: 1000, Entries: []format.PackEntry{chunk}})
		e.Index.Add(format.PackList{Name: b, Size: 1000, Entries: []format.PackEntry{chunk}})
		p := &pruner{e: e, id: own, marks: c.marks, present: map[Name]int64{a: 1000, b: 1000}, snapshots: &reach{}, pending: &reach{}}
		p.o.Seen, p.o.Now = &PruneState{}, time.Now
		p.snapshots.needed.add(0)
		all, err := p.count()
		if err != nil || all[c.want].live == 0 || all[a].live+all[b].live != 100+format.GCMTag {
			t.Errorf("%v: %d in a, %d in b, %v", c.marks, all[a].live, all[b].live, err)
		}
		delete(p.present, c.want)
		if all, err = p.count(); err != nil || len(all) != 1 {
			t.Errorf("with one pack: %v", err)
		}
		clear(p.present)
		if _, err = p.count(); !errors.Is(err, ErrDamaged) {
			t.Errorf("with none: %v", err)
		}
	}
}

// The mark of a computer that is gone stays while its packs are there; what is
// live in them is moved after a while, and then both go.
func TestTheMarkOfAComputerThatIsGone(t *testing.T) {
	m, _, k := threeSnapshots(t)
	ctx := context.Background()
	r := reopen(t, m, nil)
	present, err := r.e.List(ctx, format.KindPack)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.e.PutRecord(ctx, format.KindMark, format.EncodeMark(format.Mark{Pruner: [16]byte{9}, Packs: slices.Collect(maps.Keys(present))})); err != nil {
		t.Fatal(err)
	}
	c := newPruneComputer()
	o := c.options()
	o.Grace = 0
	for range 2 {
		if p := c.prune(t, m, o); p.MovedBytes+p.FreedBytes != 0 || count(t, m, "marks/") != 1 {
			t.Fatalf("too early: %+v", p)
		}
		c.now = c.now.Add(89 * 24 * time.Hour)
	}
	c.prune(t, m, o)
	k.clean(t, m)
	if n := count(t, m, "marks/"); n != 0 {
		t.Errorf("%d marks are left", n)
	}
	for n := range present {
		if _, err := m.Stat(ctx, format.KindPack.Path(n)); err == nil {
			t.Errorf("pack %s is left", n)
		}
	}
}

// A computer falls asleep with the deletion of a pack on its way, for months: its
// mark still tells everybody to leave the pack alone. Found by core/simtest.
func TestADeletionThatComesMonthsLater(t *testing.T) {
	m, names, k := threeSnapshots(t)
	delete(k, names[0])
	ctx := context.Background()
	a, b := newPruneComputer(), newPruneComputer()
	if _, err := reopen(t, m, nil).Prune(ctx, a.options(names[0])); err != nil { // marks
		t.Fatal(err)
	}
	b.prune(t, m, b.options()) // has seen the mark
	slept := false
	script := faultstore.NewScript(faultstore.Fault{Op: faultstore.Delete, Prefix: "packs/", Kind: faultstore.Delay, Before: func(context.Context) error {
		slept = true
		b.now = b.now.Add(100 * 24 * time.Hour)
		o := b.options()
		o.Grace = 1000 * time.Hour * 24
		b.prune(t, m, o)
		files := []testFile{{"own0", noise(10, 30_000)}}
		k[writeSnapshot(t, reopen(t, m, nil), files, nil).Name] = files
		return nil
	}})
	a.now = a.now.Add(80 * time.Hour)
	o := a.options()
	if _, err := reopen(t, faultstore.New(m, script), nil).Prune(ctx, o); err != nil {
		t.Fatal(err)
	}
	if !slept {
		t.Fatal("nothing was deleted")
	}
	k.clean(t, m)
}

// A computer falls asleep between writing indexes without some packs and deleting them. Meanwhile
// a backup is about to refer to one: it stays, and an index names it again. Found by core/simtest.
func TestWhatStaysAfterAllIsInAnIndex(t *testing.T) {
	m, names, k := threeSnapshots(t)
	ctx := context.Background()
	old := mustSnapshot(t, m, names[0])
	w, err := reopen(t, m, nil).NewWriter(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	c := newPruneComputer()
	o := c.options(names[0])
	o.Grace, o.MaxWaste = 0, 1
	script := faultstore.NewScript(faultstore.Fault{Op: faultstore.Delete, Prefix: "indexes/", Kind: faultstore.Delay, Before: func(context.Context) error {
		c.now = c.now.Add(2 * planFor)
		return w.Checkpoint(old)
	}})
	if _, err := reopen(t, faultstore.New(m, script), nil).Prune(ctx, o); err != nil {
		t.Fatal(err)
	}
	script.VerifyAllHit(t)
	s, err := w.WriteSnapshot(*old)
	if err != nil {
		t.Fatal(err)
	}
	k[s.Name] = k[names[0]]
	delete(k, names[0])
	k.clean(t, m)
}

// listing calls after once it has listed the packs so many times.
type listing struct {
	*store.Memory
	left  int
	after func()
}

func (l *listing) List(ctx context.Context, prefix string, fn func(store.Object) error) error {
	err := l.Memory.List(ctx, prefix, fn)
	if prefix == "packs/" {
		if l.left--; l.left == 0 {
			l.after()
		}
	}
	return err
}

// A prune may load indexes while it walks, as when a pack has gone. What these name came after it had listed the packs, and stays in them.
func TestAPruneLeavesIndexesThatCameAfterItsListing(t *testing.T) {
	ctx := context.Background()
	for _, room := range []int64{-1, 2} { // unlimited, and too little for an index
		for listings := 1; listings <= 3; listings++ {
			t.Run(fmt.Sprint(room, " ", listings), func(t *testing.T) {
				r, m := newRepo(t, nil)
				var old []Name
				for i := range 4 {
					old = append(old, writeSnapshot(t, r.Fresh(), []testFile{{"a", noise(uint64(i), 9000)}}, nil).Name)
				}
				l := &listing{Memory: m, left: listings}
				pruner := reopen(t, l, nil)
				pruner = pruner.Fresh()
				keep := kept{}
				l.after = func() {
					files := []testFile{{"b", noise(77, 5000)}}
					keep[writeSnapshot(t, reopen(t, m, nil), files, nil).Name] = files
					if _, err := pruner.LoadIndex(ctx); err != nil {
						t.Error(err)
					}
				}
				if room >= 0 {
					full := &fullStore{Memory: m}
					full.free.Store(room)
					pruner.e.Store = &fullListing{fullStore: full, listing: l}
				}
				for range 2 {
					if _, err := pruner.Prune(ctx, PruneOptions{Seen: &PruneState{}, Remove: old}); err != nil && !errors.Is(err, store.ErrNoSpace) {
						t.Fatal(err)
					}
					old, pruner = nil, pruner.Fresh()
				}
				keep.check(t, m)
				if v := verify(t, reopen(t, m, nil)); len(v.Damage) > 0 {
					t.Error(v.Damage)
				}
			})
		}
	}
}

// fullListing is both.
type fullListing struct {
	*fullStore
	listing *listing
}

func (f *fullListing) List(ctx context.Context, prefix string, fn func(store.Object) error) error {
	return f.listing.List(ctx, prefix, fn)
}
