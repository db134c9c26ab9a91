package backup

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// inSource returns the files of the source folder, by path.
func (b *bench) inSource() map[string][]byte {
	b.t.Helper()
	return filesBelow(b.t, b.src)
}

// TestEveryChangeIsSeen changes a tree at random, between runs that take what did not change from
// the run before, a run of entries at a time: each snapshot is the tree as it was, and counts it.
func TestEveryChangeIsSeen(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			b := newBench(t)
			rng := rand.New(rand.NewPCG(seed, 0))
			content := func() []byte { return bytes.Repeat([]byte{byte(rng.Uint32())}, rng.IntN(300)) }
			for i := range 600 { // more than are looked at in one go
				b.write(fmt.Sprintf("wide/%03d", i), content())
			}
			for i := range 40 {
				b.write(fmt.Sprintf("d%d/e%d/%d", i%3, i%5, i), content())
			}
			for round := range 12 {
				for range rng.IntN(8) {
					b.change(rng, content)
				}
				want := b.inSource()
				first := b.run()
				b.wantFiles(first.Snapshot, want)
				b.wantCounts(first.Snapshot, want)
				if again := b.run(); again.Stats.NewChunks != 0 || !slices.Equal(again.Snapshot.Root.Extents, first.Snapshot.Root.Extents) {
					t.Fatalf("round %d: %d chunks are new where nothing changed", round, again.Stats.NewChunks)
				}
			}
		})
	}
}

// change does one thing to the tree.
func (b *bench) change(rng *rand.Rand, content func() []byte) {
	b.t.Helper()
	names := slices.Sorted(maps.Keys(b.inSource()))
	name := names[rng.IntN(len(names))]
	path := filepath.Join(b.src, name)
	var err error
	switch rng.IntN(8) {
	case 0:
		b.write(name, content())
	case 1:
		b.write(name+"+", content())
	case 2:
		err = os.Remove(path)
	case 3:
		err = os.Chmod(path, 0o600)
	case 4: // a folder where a file was
		if err = os.Remove(path); err == nil {
			b.write(name+"/inside", content())
		}
	case 5:
		err = os.Rename(path, path+"~")
	case 6:
		err = os.Link(path, filepath.Join(b.src, fmt.Sprintf("wide/link-%d", rng.Uint32())))
	default: // a folder with all that is in it
		if dir := filepath.Dir(name); dir != "wide" {
			err = os.RemoveAll(filepath.Join(b.src, dir))
		}
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) wantCounts(s *repo.Snapshot, want map[string][]byte) {
	b.t.Helper()
	var size int64
	for _, content := range want {
		size += int64(len(content))
	}
	if s.Files != int64(len(want)) || s.Bytes != size {
		b.t.Errorf("the snapshot counts %d files of %d bytes, want %d of %d", s.Files, s.Bytes, len(want), size)
	}
}

// TestUnchangedRunKeepsItsCache: where nothing changed, the cache of the run before is that of the next too.
func TestUnchangedRunKeepsItsCache(t *testing.T) {
	b := newBench(t)
	for i := range 5 {
		b.write(fmt.Sprintf("d%d/f", i), []byte("x"))
	}
	b.run()
	cache := func() []byte {
		content, err := os.ReadFile(b.o.CachePath)
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	before, err := os.Stat(b.o.CachePath)
	if err != nil {
		t.Fatal(err)
	}
	b.run()
	if after, err := os.Stat(b.o.CachePath); err != nil || !os.SameFile(before, after) {
		t.Errorf("the cache was written again, %v", err)
	}
	// A folder less is a change, though all that are left are as they were.
	old := cache()
	if err := os.RemoveAll(filepath.Join(b.src, "d2")); err != nil {
		t.Fatal(err)
	}
	b.run()
	if c := cache(); len(c) >= len(old) {
		t.Error("the folder that is gone is still in the cache")
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(b.o.CachePath), "*.tmp")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
