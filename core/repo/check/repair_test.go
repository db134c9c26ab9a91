package check_test

import (
	"bytes"
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/check"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/repotest"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/faultstore"
)

func repairIt(t testing.TB, s store.Store, o check.RepairOptions) check.Repairing {
	t.Helper()
	r, err := repo.Open(context.Background(), s, repo.By(nil))
	if err != nil {
		t.Fatal(err)
	}
	p, err := check.Repair(context.Background(), r, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRepairOfAHealthyRepositoryChangesNothing(t *testing.T) {
	m, _, k := repotest.ThreeSnapshots(t)
	before := repotest.Dump(t, m)
	p := repairIt(t, m, check.RepairOptions{Data: true})
	if len(p.Repaired)+len(p.Damage)+p.Lost != 0 || !maps.EqualFunc(before, repotest.Dump(t, m), bytes.Equal) {
		t.Errorf("%+v", p)
	}
	k.Clean(t, m)
}

// Indexes come back from the packs alone, whether they are gone or damaged.
func TestLostIndexesAreBuiltAnew(t *testing.T) {
	for _, damage := range []bool{false, true} {
		m, _, k := repotest.ThreeSnapshots(t)
		ctx := context.Background()
		for name, b := range repotest.Dump(t, m) {
			if !strings.HasPrefix(name, "indexes/") {
				continue
			}
			b[len(b)/2] ^= 1
			err := m.Replace(ctx, name, b)
			if !damage {
				err = m.Delete(ctx, name)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		before := repotest.Dump(t, m)
		dry := repairIt(t, m, check.RepairOptions{DryRun: true})
		if !maps.EqualFunc(before, repotest.Dump(t, m), bytes.Equal) {
			t.Error("the preview changed something")
		}
		p := repairIt(t, m, check.RepairOptions{})
		if len(p.Damage) != 0 || p.Lost != 0 || len(p.Repaired) == 0 || !slices.Equal(p.Repaired, dry.Repaired) {
			t.Errorf("damage %v: %+v\npreview %+v", damage, p, dry)
		}
		k.Clean(t, m)
	}
}

// A chunk that does not read back is given up; the others of its pack, and a
// backup of the same files heals all snapshots.
func TestARottenChunkIsGivenUpAndHealed(t *testing.T) {
	m, names, k := repotest.ThreeSnapshots(t)
	ctx := context.Background()
	r := repotest.Open(t, m, nil)
	id := r.Engine().Writes.NewHasher().ID(repotest.Noise(10, 30_000)[:100])
	at, _ := r.Engine().Index.Find(id)
	path := format.KindPack.Path(r.Engine().Index.PackName(at.Pack))
	b, err := store.ReadAll(ctx, m, path, format.MaxPack)
	if err != nil {
		t.Fatal(err)
	}
	b[at.Offset+10] ^= 1
	if err := m.Replace(ctx, path, b); err != nil {
		t.Fatal(err)
	}
	if p := repairIt(t, m, check.RepairOptions{}); len(p.Repaired) > 0 {
		t.Errorf("without reading the data: %+v", p)
	}
	p := repairIt(t, m, check.RepairOptions{Data: true})
	if p.Lost != 1 || len(p.LostFiles) != 1 || !strings.HasPrefix(p.LostFiles[0], names[0].String()[:8]) ||
		!strings.HasSuffix(p.LostFiles[0], "own0") {
		t.Errorf("%+v", p)
	}
	rest := maps.Clone(k)
	delete(rest, names[0])
	rest.Check(t, m)
	if _, err := repotest.ReadFile(repotest.Open(t, m, nil), repotest.Snapshot(t, m, names[0]), "common"); err != nil {
		t.Errorf("another file of the snapshot: %v", err)
	}
	again := repotest.WriteSnapshot(t, repotest.Open(t, m, nil), k[names[0]], nil)
	k[again.Name] = k[names[0]]
	k.Clean(t, m)
	c := repotest.NewComputer()
	o := c.Options()
	o.Grace = 0
	if p := c.Prune(t, m, o); p.FreedPacks == 0 {
		t.Errorf("the pack that was given up is still there: %+v", p)
	}
	k.Clean(t, m)
}

// Whatever object is damaged or gone, a repair makes no file worse, and prune
// works again once the snapshots that lost something are removed.
func TestRepairNeverMakesAnythingWorse(t *testing.T) {
	m, _, k := repotest.ThreeSnapshots(t)
	all := repotest.Dump(t, m)
	rng := rand.New(rand.NewPCG(1, 2))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if name == repo.HeaderPath {
			continue
		}
		for _, how := range []string{"gone", "cut", "bit"} {
			o := maps.Clone(all)
			b := bytes.Clone(o[name])
			switch how {
			case "gone":
				delete(o, name)
			case "cut":
				o[name] = b[:len(b)/2]
			case "bit":
				b[rng.IntN(len(b))] ^= 1
				o[name] = b
			}
			s := o.Store(t)
			before := readable(t, s, k)
			repairIt(t, s, check.RepairOptions{Data: rng.IntN(2) == 0})
			after := readable(t, s, k)
			for f := range before {
				if !after[f] {
					t.Errorf("%s %s: %s is lost by the repair", name, how, f)
				}
			}
			again := repairIt(t, s, check.RepairOptions{Data: true})
			repairIt(t, s, check.RepairOptions{Data: true})
			if last := repairIt(t, s, check.RepairOptions{Data: true}); len(last.Repaired) > 0 {
				t.Errorf("%s %s: repairs do not come to an end: %v\n%v", name, how, again.Repaired, last.Repaired)
			}
		}
	}
}

// readable are the files that read right, by snapshot and name.
func readable(t testing.TB, s store.Store, k repotest.Kept) map[string]bool {
	t.Helper()
	ctx := context.Background()
	out := make(map[string]bool)
	r, err := repo.Open(ctx, s, repo.By(nil))
	if err != nil {
		t.Fatal(err)
	}
	for n, files := range k {
		snap, err := r.Snapshot(ctx, n)
		if err != nil {
			continue
		}
		if _, err := r.LoadIndex(ctx); err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if b, err := repotest.ReadFile(r, snap, f.Name); err == nil && bytes.Equal(b, f.Content) {
				out[n.String()[:8]+f.Name] = true
			}
		}
	}
	return out
}

// Cut off at any write, a repair leaves what was readable, and the next one ends its work.
func TestRepairCutOffAnywhere(t *testing.T) {
	m, _, k := repotest.ThreeSnapshots(t)
	all := repotest.Dump(t, m)
	for name, b := range all {
		if strings.HasPrefix(name, "indexes/") {
			b[20] ^= 1
		}
	}
	for skip := 0; ; skip++ {
		s := all.Store(t)
		f := faultstore.New(s, faultstore.NewScript(faultstore.Fault{Op: faultstore.Write, Skip: skip, Kind: faultstore.CrashAfter}))
		r, err := repo.Open(context.Background(), f, repo.By(nil))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = check.Repair(context.Background(), r, check.RepairOptions{})
		repairIt(t, s, check.RepairOptions{})
		k.Check(t, s)
		if !f.Crashed() {
			if skip < 3 {
				t.Errorf("only %d writes", skip)
			}
			return
		}
	}
}
