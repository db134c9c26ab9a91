package prune_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/repotest"
	"github.com/holdfast-backup/holdfast/core/repo/prune"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/faultstore"
)

func TestPruneFreesWhatNoSnapshotNeedsAfterAWhile(t *testing.T) {
	m, names, k := repotest.ThreeSnapshots(t)
	c := repotest.NewComputer()
	before := repotest.Count(t, m, "packs/")
	dry := c.Options(names[1])
	dry.DryRun = true
	p := c.Prune(t, m, dry)
	if p.WaitingBytes < 40_000 || repotest.Count(t, m, "snapshots/") != 3 || repotest.Count(t, m, "marks/") != 0 {
		t.Fatalf("the preview: %+v", p)
	}
	delete(k, names[1])
	p = c.Prune(t, m, c.Options(names[1]))
	if p.FreedPacks != 0 || p.WaitingPacks == 0 || p.WaitingBytes < 40_000 || !p.NextDeletion.Equal(c.Now.Add(72*time.Hour)) {
		t.Errorf("first: %+v", p)
	}
	k.Clean(t, m)
	waiting := p.WaitingPacks
	c.Now = c.Now.Add(71 * time.Hour)
	if p = c.Prune(t, m, c.Options()); p.FreedPacks != 0 {
		t.Errorf("too early: %+v", p)
	}
	// Another computer has seen nothing yet, however long ago the mark was made.
	other := repotest.NewComputer()
	other.Now = c.Now.Add(1000 * time.Hour)
	if p = other.Prune(t, m, other.Options()); p.FreedPacks != 0 {
		t.Errorf("another computer's clock was trusted: %+v", p)
	}
	c.Now = c.Now.Add(time.Hour)
	if p = c.Prune(t, m, c.Options()); p.FreedPacks != waiting {
		t.Errorf("not freed: %+v", p)
	}
	k.Clean(t, m)
	if after := repotest.Count(t, m, "packs/"); after >= before {
		t.Errorf("%d packs before, %d after", before, after)
	}
}

func TestAClockThatGoesBackMakesPacksStayLonger(t *testing.T) {
	m, names, _ := repotest.ThreeSnapshots(t)
	c := repotest.NewComputer()
	c.Prune(t, m, c.Options(names[0]))
	c.Now = c.Now.Add(-1000 * time.Hour)
	c.Prune(t, m, c.Options())
	c.Now = c.Now.Add(71 * time.Hour)
	if p := c.Prune(t, m, c.Options()); p.FreedPacks != 0 {
		t.Errorf("freed: %+v", p)
	}
	c.Now = c.Now.Add(time.Hour)
	if p := c.Prune(t, m, c.Options()); p.FreedPacks == 0 {
		t.Errorf("not freed: %+v", p)
	}
}

func TestPruneMovesWhatIsLeftInAPackThatIsMostlyWaste(t *testing.T) {
	_, m := repotest.New(t, nil)
	k := make(repotest.Kept)
	both := []repotest.File{{Name: "large", Content: repotest.Noise(1, 100_000)}, {Name: "small", Content: repotest.Noise(2, 5_000)}}
	first := repotest.WriteSnapshot(t, repotest.Open(t, m, nil), both, nil)
	s := repotest.WriteSnapshot(t, repotest.Open(t, m, nil), both[1:], nil)
	k[s.Name] = both[1:]
	c := repotest.NewComputer()
	o := c.Options(first.Name)
	o.Grace = 0
	p := c.Prune(t, m, o)
	if p.MovedBytes < 5_000 || p.MovedBytes > 20_000 || p.FreedBytes < 100_000 {
		t.Errorf("%+v", p)
	}
	k.Clean(t, m)
	if n := repotest.Count(t, m, "marks/") + repotest.Count(t, m, "pending/"); n != 0 {
		t.Errorf("%d marks and pending objects are left", n)
	}
	again := c.Prune(t, m, o)
	if again.MovedBytes != 0 || again.FreedPacks != 0 || again.WaitingPacks != 0 {
		t.Errorf("a second prune is not at rest: %+v", again)
	}
}

func TestSmallPacksAndIndexesAreGathered(t *testing.T) {
	_, m := repotest.New(t, nil)
	k := make(repotest.Kept)
	for i := range 2 * prune.SmallPacks {
		files := []repotest.File{{Name: "f", Content: repotest.Noise(uint64(i), 2000)}}
		k[repotest.WriteSnapshot(t, repotest.Open(t, m, nil), files, nil).Name] = files
	}
	c := repotest.NewComputer()
	o := c.Options()
	o.Grace = 0
	c.Prune(t, m, o)
	if packs, indexes := repotest.Count(t, m, "packs/"), repotest.Count(t, m, "indexes/"); packs > 4 || indexes > 2 {
		t.Errorf("%d packs, %d indexes", packs, indexes)
	}
	k.Clean(t, m)
}

// The other way round: a pending object makes prune keep what it needs.
func TestPruneKeepsWhatABackupIsAboutToReferTo(t *testing.T) {
	m, names, k := repotest.ThreeSnapshots(t)
	ctx := context.Background()
	r := repotest.Open(t, m, nil)
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
	c := repotest.NewComputer()
	o := c.Options(names[0])
	o.Grace = 0
	c.Prune(t, m, o)
	if err := w.Settle(); err != nil {
		t.Fatal(err)
	}
	s, err := w.WriteSnapshot(*old)
	if err != nil {
		t.Fatal(err)
	}
	k[s.Name] = k[names[0]]
	delete(k, names[0])
	c.Prune(t, m, o)
	k.Clean(t, m)
}

// A dead backup's pending object goes after a year; if the dead wakes up, it notices.
func TestAPendingObjectOfTheDeadGoes(t *testing.T) {
	m, names, k := repotest.ThreeSnapshots(t)
	ctx := context.Background()
	r := repotest.Open(t, m, nil)
	old, err := r.Snapshot(ctx, names[0])
	if err != nil {
		t.Fatal(err)
	}
	slept := false
	c := repotest.NewComputer()
	o := c.Options(names[0])
	o.Grace = 0
	script := faultstore.NewScript(faultstore.Fault{Op: faultstore.Put, Prefix: "snapshots/", Kind: faultstore.Delay,
		Before: func(context.Context) error {
			slept = true
			c.Prune(t, m, o)
			c.Now = c.Now.Add(364 * 24 * time.Hour)
			c.Prune(t, m, o)
			if n := repotest.Count(t, m, "pending/"); n != 1 {
				t.Errorf("%d pending objects after 364 days", n)
			}
			c.Now = c.Now.Add(24 * time.Hour)
			c.Prune(t, m, o)
			return nil
		}})
	sleeper := repotest.Open(t, faultstore.New(m, script), nil)
	w, err := sleeper.NewWriter(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err = w.WriteSnapshot(*old); !errors.Is(err, repo.ErrVanished) || !slept {
		t.Errorf("slept: %v, %v", slept, err)
	}
	delete(k, names[0])
	k.Clean(t, m)
}

// Cut off at any write, a prune leaves what is kept whole, and the next one ends its work.
func TestPruneCutOffAnywhere(t *testing.T) {
	for _, kind := range []faultstore.Kind{faultstore.Crash, faultstore.CrashAfter} {
		for skip := 0; ; skip++ {
			m, names, k := repotest.ThreeSnapshots(t)
			delete(k, names[1])
			c := repotest.NewComputer()
			o := c.Options(names[1])
			o.Grace, o.MaxWaste = 0, 0
			script := faultstore.NewScript(faultstore.Fault{Op: faultstore.Write, Skip: skip, Kind: kind})
			f := faultstore.New(m, script)
			_, err := prune.Run(context.Background(), repotest.Open(t, f, nil), o)
			k.Check(t, m)
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
			if _, there := repotest.SnapshotNames(t, m)[names[1]]; there {
				o.Remove = []repo.Name{names[1]}
			}
			for range 2 {
				c.Prune(t, m, o)
			}
			k.Clean(t, m)
			if n := repotest.Count(t, m, "marks/"); n != 0 {
				t.Fatalf("crash %d: %d marks are left", skip, n)
			}
		}
	}
}

// Two that prune at the same time never leave a chunk that stands twice to each other.
func TestTwoPrunesKeepOneOfTwoCopies(t *testing.T) {
	m, names, k := repotest.ThreeSnapshots(t)
	delete(k, names[0])
	// Copies of what is live: a prune that moves everything and is cut off before it marks.
	a, b := repotest.NewComputer(), repotest.NewComputer()
	o := a.Options(names[0])
	o.Grace, o.MaxWaste = 0, -1
	cut := faultstore.New(m, faultstore.NewScript(faultstore.Fault{Op: faultstore.Put, Prefix: "marks/", Kind: faultstore.Crash}))
	if _, err := prune.Run(context.Background(), repotest.Open(t, cut, nil), o); err == nil {
		t.Fatal("the first was not cut off")
	}
	// a has put its mark when b runs from beginning to end.
	ran := false
	script := faultstore.NewScript(faultstore.Fault{Op: faultstore.List, Prefix: "pending/", Skip: 3, Kind: faultstore.Delay,
		Before: func(context.Context) error {
			ran = true
			ob := b.Options()
			ob.Grace, ob.MaxWaste = 0, 1
			b.Prune(t, m, ob)
			return nil
		}})
	oa := a.Options()
	oa.Grace, oa.MaxWaste = 0, 1
	if _, err := prune.Run(context.Background(), repotest.Open(t, faultstore.New(m, script), nil), oa); err != nil {
		t.Fatal(err)
	}
	if !ran {
		t.Fatal("the second did not run")
	}
	k.Check(t, m)
	k.Clean(t, m)
}

func TestPruneTouchesNothingInADamagedRepository(t *testing.T) {
	for _, kind := range []string{"snapshots/", "indexes/", "packs/"} {
		m, names, _ := repotest.ThreeSnapshots(t)
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
		packs := repotest.Count(t, m, "packs/")
		c := repotest.NewComputer()
		o := c.Options(names[0])
		o.Grace = 0
		if _, err := prune.Run(ctx, repotest.Open(t, m, nil), o); !errors.Is(err, repo.ErrDamaged) {
			t.Errorf("%s: %v", kind, err)
		}
		if n := repotest.Count(t, m, "packs/"); n != packs {
			t.Errorf("%s: packs were deleted", kind)
		}
	}
}

func TestPinsAndRemovals(t *testing.T) {
	m, names, _ := repotest.ThreeSnapshots(t)
	ctx := context.Background()
	r := repotest.Open(t, m, nil)
	for range 2 {
		if err := r.Pin(ctx, names[0], true); err != nil {
			t.Fatal(err)
		}
	}
	if p, err := r.Pinned(ctx); err != nil || !p[names[0]] || len(p) != 1 || repotest.Count(t, m, "pins/") != 1 {
		t.Errorf("%v %v", p, err)
	}
	if err := r.Pin(ctx, names[0], false); err != nil {
		t.Fatal(err)
	}
	if p, err := r.Pinned(ctx); err != nil || len(p) != 0 {
		t.Errorf("%v %v", p, err)
	}
	if err := r.Pin(ctx, repo.Name{}, true); !errors.Is(err, repo.ErrNoSnapshot) {
		t.Errorf("a snapshot that is not there was pinned: %v", err)
	}
	if err := r.RemoveSnapshots(ctx, names[:2]); err != nil {
		t.Fatal(err)
	}
	if gone, err := r.Removed(ctx); err != nil || !gone[names[0]] || !gone[names[1]] || gone[names[2]] {
		t.Errorf("%v %v", gone, err)
	}
	if n := repotest.Count(t, m, "snapshots/"); n != 1 {
		t.Errorf("%d snapshots", n)
	}
}

// A snapshot whose deletion the destination loses can still be seen: then it is still whole.
func TestASnapshotWhoseDeletionIsLostStaysWhole(t *testing.T) {
	m, names, k := repotest.ThreeSnapshots(t)
	c := repotest.NewComputer()
	o := c.Options(names[0])
	o.Grace = 0
	script := faultstore.NewScript(faultstore.Fault{Op: faultstore.Delete, Prefix: "snapshots/", Times: faultstore.Always,
		Kind: faultstore.LostWrite})
	if _, err := prune.Run(context.Background(), repotest.Open(t, faultstore.New(m, script), nil), o); err != nil {
		t.Fatal(err)
	}
	script.VerifyAllHit(t)
	k.Clean(t, m)
	o.Remove = nil
	c.Prune(t, m, o) // finishes it
	delete(k, names[0])
	k.Clean(t, m)
}

// A backup that ends while a prune writes its indexes anew keeps its own.
func TestAnIndexThatComesDuringAPruneStays(t *testing.T) {
	m, names, k := repotest.ThreeSnapshots(t)
	delete(k, names[0])
	c := repotest.NewComputer()
	o := c.Options(names[0])
	o.Grace, o.MaxWaste = 0, 1
	for i, at := range []faultstore.Fault{
		{Op: faultstore.Put, Prefix: "indexes/"}, {Op: faultstore.Delete, Prefix: "indexes/"}, {Op: faultstore.Delete, Prefix: "packs/"},
		{Op: faultstore.Put, Prefix: "marks/"}, {Op: faultstore.List, Prefix: "snapshots/", Skip: 2},
		{Op: faultstore.List, Prefix: "marks/", Skip: 3},
		{Op: faultstore.List, Prefix: "indexes/", Skip: 3},
	} {
		came := false
		at.Kind, at.Before = faultstore.Delay, func(context.Context) error {
			came = true
			// again: own0
			files := []repotest.File{{Name: "again", Content: repotest.Noise(10, 30_000)},
				{Name: "late", Content: repotest.Noise(uint64(100+i), 20_000)}}
			k[repotest.WriteSnapshot(t, repotest.Open(t, m, nil), files, nil).Name] = files
			return nil
		}
		if _, err := prune.Run(context.Background(), repotest.Open(t, faultstore.New(m, faultstore.NewScript(at)), nil), o); err != nil {
			t.Fatalf("%v: %v", at, err)
		}
		if !came {
			t.Fatalf("%v was not met", &at)
		}
		o.Remove = nil
		k.Clean(t, m)
		for n := range k { // something to delete in the next round
			if n != names[1] && n != names[2] {
				delete(k, n)
				o.Remove = []repo.Name{n}
				break
			}
		}
	}
}

// What a backup is about to refer to when the mark is put is taken out of it again.
func TestWhatIsNeededAfterAllIsUnmarked(t *testing.T) {
	m, names, k := repotest.ThreeSnapshots(t)
	ctx := context.Background()
	r := repotest.Open(t, m, nil)
	old := repotest.Snapshot(t, m, names[0])
	w, err := r.NewWriter(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	c := repotest.NewComputer()
	o := c.Options(names[0])
	o.Grace = 0
	script := faultstore.NewScript(faultstore.Fault{Op: faultstore.Put, Prefix: "marks/", Kind: faultstore.Delay,
		Before: func(context.Context) error { return w.Checkpoint(old) }})
	if _, err := prune.Run(ctx, repotest.Open(t, faultstore.New(m, script), nil), o); err != nil {
		t.Fatal(err)
	}
	script.VerifyAllHit(t)
	if n := repotest.Count(t, m, "marks/"); n != 0 {
		t.Errorf("%d marks are left", n)
	}
	s, err := w.WriteSnapshot(*old)
	if err != nil {
		t.Fatal(err)
	}
	k[s.Name] = k[names[0]]
	delete(k, names[0])
	k.Clean(t, m)
}

// The mark of a computer that is gone stays while its packs are there; what is
// live in them is moved after a while, and then both go.
func TestTheMarkOfAComputerThatIsGone(t *testing.T) {
	m, _, k := repotest.ThreeSnapshots(t)
	ctx := context.Background()
	r := repotest.Open(t, m, nil)
	present, err := r.Engine().List(ctx, format.KindPack)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Engine().PutRecord(ctx, format.KindMark,
		format.EncodeMark(format.Mark{Pruner: [16]byte{9}, Packs: slices.Collect(maps.Keys(present))})); err != nil {
		t.Fatal(err)
	}
	c := repotest.NewComputer()
	o := c.Options()
	o.Grace = 0
	for range 2 {
		if p := c.Prune(t, m, o); p.MovedBytes+p.FreedBytes != 0 || repotest.Count(t, m, "marks/") != 1 {
			t.Fatalf("too early: %+v", p)
		}
		c.Now = c.Now.Add(89 * 24 * time.Hour)
	}
	c.Prune(t, m, o)
	k.Clean(t, m)
	if n := repotest.Count(t, m, "marks/"); n != 0 {
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
	m, names, k := repotest.ThreeSnapshots(t)
	delete(k, names[0])
	ctx := context.Background()
	a, b := repotest.NewComputer(), repotest.NewComputer()
	if _, err := prune.Run(ctx, repotest.Open(t, m, nil), a.Options(names[0])); err != nil { // marks
		t.Fatal(err)
	}
	b.Prune(t, m, b.Options()) // has seen the mark
	slept := false
	script := faultstore.NewScript(faultstore.Fault{Op: faultstore.Delete, Prefix: "packs/", Kind: faultstore.Delay,
		Before: func(context.Context) error {
			slept = true
			b.Now = b.Now.Add(100 * 24 * time.Hour)
			o := b.Options()
			o.Grace = 1000 * time.Hour * 24
			b.Prune(t, m, o)
			files := []repotest.File{{Name: "own0", Content: repotest.Noise(10, 30_000)}}
			k[repotest.WriteSnapshot(t, repotest.Open(t, m, nil), files, nil).Name] = files
			return nil
		}})
	a.Now = a.Now.Add(80 * time.Hour)
	o := a.Options()
	if _, err := prune.Run(ctx, repotest.Open(t, faultstore.New(m, script), nil), o); err != nil {
		t.Fatal(err)
	}
	if !slept {
		t.Fatal("nothing was deleted")
	}
	k.Clean(t, m)
}

// A computer falls asleep between writing indexes without some packs and deleting them. Meanwhile
// a backup is about to refer to one: it stays, and an index names it again. Found by core/simtest.
func TestWhatStaysAfterAllIsInAnIndex(t *testing.T) {
	m, names, k := repotest.ThreeSnapshots(t)
	ctx := context.Background()
	old := repotest.Snapshot(t, m, names[0])
	w, err := repotest.Open(t, m, nil).NewWriter(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	c := repotest.NewComputer()
	o := c.Options(names[0])
	o.Grace, o.MaxWaste = 0, 1
	script := faultstore.NewScript(faultstore.Fault{Op: faultstore.Delete, Prefix: "indexes/", Kind: faultstore.Delay,
		Before: func(context.Context) error {
			c.Now = c.Now.Add(2 * prune.PlanFor)
			return w.Checkpoint(old)
		}})
	if _, err := prune.Run(ctx, repotest.Open(t, faultstore.New(m, script), nil), o); err != nil {
		t.Fatal(err)
	}
	script.VerifyAllHit(t)
	s, err := w.WriteSnapshot(*old)
	if err != nil {
		t.Fatal(err)
	}
	k[s.Name] = k[names[0]]
	delete(k, names[0])
	k.Clean(t, m)
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
				r, m := repotest.New(t, nil)
				var old []repo.Name
				for i := range 4 {
					old = append(old, repotest.WriteSnapshot(t, r.Fresh(), []repotest.File{{Name: "a", Content: repotest.Noise(uint64(i), 9000)}},
						nil).Name)
				}
				l := &listing{Memory: m, left: listings}
				pruner := repotest.Open(t, l, nil)
				pruner = pruner.Fresh()
				keep := repotest.Kept{}
				l.after = func() {
					files := []repotest.File{{Name: "b", Content: repotest.Noise(77, 5000)}}
					keep[repotest.WriteSnapshot(t, repotest.Open(t, m, nil), files, nil).Name] = files
					if _, err := pruner.LoadIndex(ctx); err != nil {
						t.Error(err)
					}
				}
				if room >= 0 {
					full := &fullStore{Memory: m}
					full.free.Store(room)
					pruner.Engine().Store = &fullListing{fullStore: full, listing: l}
				}
				for range 2 {
					if _, err := prune.Run(ctx, pruner, prune.Options{Seen: &prune.State{}, Remove: old}); err != nil &&
						!errors.Is(err, store.ErrNoSpace) {
						t.Fatal(err)
					}
					old, pruner = nil, pruner.Fresh()
				}
				keep.Check(t, m)
				if v := repotest.Verify(t, repotest.Open(t, m, nil)); len(v.Damage) > 0 {
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
