package index

import (
	"testing"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
)

// TestIndexForgetsPacks drops packs of an index of several blocks, twice, and puts new ones in: each chunk is found where
// its pack's table says, in another pack that has it too, or not at all.
func TestIndexForgetsPacks(t *testing.T) {
	packs, ids := packsOf(3 * blockRows)
	twice := packs[0]
	twice.Name = format.Name{0xff}
	packs = append(packs, twice) // the chunks of the first pack, again
	x := New()
	check := func(present map[format.Name]int64) {
		t.Helper()
		want := make(map[format.ID]bool)
		for _, p := range packs {
			if _, ok := present[p.Name]; ok {
				for _, e := range p.Entries {
					want[e.ID] = true
				}
			}
		}
		for i, id := range ids {
			at, ok := x.Find(id)
			if ok != want[id] {
				t.Fatalf("chunk %d: found %v, want %v", i, ok, want[id])
			}
			if ok && (at.Ordinal != uint32(i%25) || at.Offset != uint32(i%25)*(1<<20+format.GCMTag) || at.Record != 1<<20 || at.Content != 1<<20) {
				t.Fatalf("chunk %d: %+v", i, at)
			}
			if name := x.PackName(at.Pack); ok && name != packs[i/25].Name && (i/25 != 0 || name != twice.Name) {
				t.Fatalf("chunk %d is in pack %s", i, name)
			}
		}
	}
	present := make(map[format.Name]int64)
	for _, p := range packs {
		present[p.Name] = p.Size
		x.Add(p)
	}
	check(present)
	if n := len(x.Others(ids[3])); n != 1 {
		t.Errorf("%d further places of a chunk that is in two packs", n)
	}
	lost := 0
	for i, p := range packs[:len(packs)-1] {
		if i%2 == 0 {
			delete(present, p.Name)
			lost += len(p.Entries)
		}
	}
	if got, want := x.KeepOnly(present), lost-len(twice.Entries); got != want {
		t.Errorf("%d chunks are lost, want %d", got, want)
	}
	check(present)
	for i, p := range packs[:len(packs)-1] {
		if i%2 == 0 {
			present[p.Name] = p.Size
			x.Add(p)
		}
	}
	check(present)
	if x.KeepOnly(present) != 0 {
		t.Error("something is lost when nothing is gone")
	}
	if x.KeepOnly(nil) != len(ids) || x.rows != 0 {
		t.Errorf("%d rows are left of nothing", x.rows)
	}
}

// Whatever an index object says, its chunks are found.
func FuzzAddPack(f *testing.F) {
	f.Add(format.EncodeIndex([]format.Name{{1}}, []format.PackList{{Name: format.Name{2}, Size: 1000,
		Entries: []format.PackEntry{{ID: format.ID{3}, Kind: format.KindData, Record: 100, Content: 99}}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, packs, err := format.DecodeIndex(b)
		if err != nil {
			return
		}
		x := New()
		for _, p := range packs {
			x.Add(p)
			for _, e := range p.Entries {
				if _, ok := x.Find(e.ID); !ok {
					t.Fatal("a chunk of the index is not found")
				}
			}
		}
	})
}
