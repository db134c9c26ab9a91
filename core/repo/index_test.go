package repo

import (
	"testing"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
)

// TestIndexForgetsPacks drops packs of an index of several blocks, twice, and puts new ones in: each chunk is found where
// its pack's table says, in another pack that has it too, or not at all.
func TestIndexForgetsPacks(t *testing.T) {
	packs, ids := packsOf(3 * blockRows)
	twice := packs[0]
	twice.Name = Name{0xff}
	packs = append(packs, twice) // the chunks of the first pack, again
	x := newIndex()
	check := func(present map[Name]int64) {
		t.Helper()
		want := make(map[ID]bool)
		for _, p := range packs {
			if _, ok := present[p.Name]; ok {
				for _, e := range p.Entries {
					want[e.ID] = true
				}
			}
		}
		for i, id := range ids {
			at, ok := x.find(id)
			if ok != want[id] {
				t.Fatalf("chunk %d: found %v, want %v", i, ok, want[id])
			}
			if ok && (at.ordinal != uint32(i%25) || at.offset != uint32(i%25)*(1<<20+format.GCMTag) || at.record != 1<<20 || at.content != 1<<20) {
				t.Fatalf("chunk %d: %+v", i, at)
			}
			if name := x.packName(at.pack); ok && name != packs[i/25].Name && (i/25 != 0 || name != twice.Name) {
				t.Fatalf("chunk %d is in pack %s", i, name)
			}
		}
	}
	present := make(map[Name]int64)
	for _, p := range packs {
		present[p.Name] = p.Size
		x.addPack(p)
	}
	check(present)
	if n := len(x.others(ids[3])); n != 1 {
		t.Errorf("%d further places of a chunk that is in two packs", n)
	}
	lost := 0
	for i, p := range packs[:len(packs)-1] {
		if i%2 == 0 {
			delete(present, p.Name)
			lost += len(p.Entries)
		}
	}
	if got, want := x.keepOnly(present), lost-len(twice.Entries); got != want {
		t.Errorf("%d chunks are lost, want %d", got, want)
	}
	check(present)
	for i, p := range packs[:len(packs)-1] {
		if i%2 == 0 {
			present[p.Name] = p.Size
			x.addPack(p)
		}
	}
	check(present)
	if x.keepOnly(present) != 0 {
		t.Error("something is lost when nothing is gone")
	}
	if x.keepOnly(nil) != len(ids) || x.rows != 0 {
		t.Errorf("%d rows are left of nothing", x.rows)
	}
}

// Whatever an index object says, its chunks are found.
func FuzzAddPack(f *testing.F) {
	f.Add(format.EncodeIndex([]Name{{1}}, []format.PackList{{Name: Name{2}, Size: 1000, Entries: []format.PackEntry{{ID: ID{3}, Kind: KindData, Record: 100, Content: 99}}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, packs, err := format.DecodeIndex(b)
		if err != nil {
			return
		}
		x := newIndex()
		for _, p := range packs {
			x.addPack(p)
			for _, e := range p.Entries {
				if _, ok := x.find(e.ID); !ok {
					t.Fatal("a chunk of the index is not found")
				}
			}
		}
	})
}
