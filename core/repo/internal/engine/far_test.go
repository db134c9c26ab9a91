package engine

import (
	"bytes"
	"context"
	"sync/atomic"
	"testing"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/store"
)

// far is a place over a network. Where together is not 0, a read is answered when so many wait.
type far struct {
	*store.Memory
	reads    atomic.Int64
	together int64
	all      chan struct{}
}

func (f *far) Properties() store.Properties {
	p := f.Memory.Properties()
	p.Far = true
	return p
}

func (f *far) ReadAt(ctx context.Context, name string, p []byte, offset int64) error {
	switch n := f.reads.Add(1); {
	case n == f.together:
		close(f.all)
	case n < f.together:
		<-f.all
	}
	return f.Memory.ReadAt(ctx, name, p, offset)
}

// stored saves chunks of noise and returns their ids.
func stored(t *testing.T, eng *Engine, kind format.Kind, chunks, size int) (ids []format.ID) {
	t.Helper()
	w, err := eng.NewWriter(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	s, err := w.NewSaver()
	if err != nil {
		t.Fatal(err)
	}
	for i := range chunks {
		b := ChunkBuffer(size)
		copy(b[1:], noise(uint64(i), size))
		id, err := s.Save(kind, b)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return ids
}

// Folders of a place far away are not read one by one.
func TestNeighboursComeTogether(t *testing.T) {
	place := &far{Memory: store.NewMemory()}
	eng := newEngine(place)
	ids := stored(t, eng, format.KindTree, 100, 20_000)
	place.reads.Store(0)
	for i, id := range ids {
		if b, err := eng.Chunk(t.Context(), id); err != nil || !bytes.Equal(b, noise(uint64(i), 20_000)) {
			t.Fatalf("chunk %d: %d bytes, %v", i, len(b), err)
		}
	}
	if n := place.reads.Load(); n > 2*100*20_000/nearSpan {
		t.Errorf("%d reads for 100 neighbours", n)
	}
}

// What is cut off behind a chunk does not take the chunk with it.
func TestNeighboursOfACutPack(t *testing.T) {
	place := &far{Memory: store.NewMemory()}
	eng := newEngine(place)
	ids := stored(t, eng, format.KindTree, 10, 20_000)
	var pack store.Object
	if err := place.List(t.Context(), "packs/", func(o store.Object) error { pack = o; return nil }); err != nil {
		t.Fatal(err)
	}
	whole, err := store.ReadAll(t.Context(), place.Memory, pack.Name, pack.Size)
	if err != nil {
		t.Fatal(err)
	}
	if err := place.Replace(t.Context(), pack.Name, whole[:2*ReadBlock]); err != nil {
		t.Fatal(err)
	}
	if b, err := eng.Chunk(t.Context(), ids[0]); err != nil || !bytes.Equal(b, noise(0, 20_000)) {
		t.Errorf("the first chunk: %d bytes, %v", len(b), err)
	}
	if _, err := eng.Chunk(t.Context(), ids[9]); err == nil {
		t.Error("a chunk that was cut off was read")
	}
}

// Ranges of several packs are read side by side: one after the other, the first would wait for ever.
func TestLoadReadsSideBySide(t *testing.T) {
	place := &far{Memory: store.NewMemory(), all: make(chan struct{})}
	eng := newEngine(place)
	const chunks, size = 20, 1 << 20 // ranges of up to LoadSpan
	ids := stored(t, eng, format.KindData, chunks, size)
	place.reads.Store(0)
	place.together = 4
	got := make(map[format.ID][]byte)
	err := eng.Load(t.Context(), ids, func(n int) []byte { return make([]byte, n) }, func(id format.ID, content []byte, err error) error {
		got[id] = content
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		if !bytes.Equal(got[id], noise(uint64(i), size)) {
			t.Errorf("chunk %d came back otherwise", i)
		}
	}
}

// A copy of an extent list is read where the list itself is at the place, and goes when a backup has not asked for it.
func TestKeptLists(t *testing.T) {
	eng := newEngine(&far{Memory: store.NewMemory()})
	dir := t.TempDir()
	eng.KeepLists(dir)
	ids := stored(t, eng, format.KindList, 2, 1000)
	for _, id := range ids {
		eng.KeepList(id, []byte("list"))
	}
	eng.KeepList(format.ID{1}, []byte("list"))
	if b, ok := eng.KeptList(ids[0]); !ok || string(b) != "list" {
		t.Errorf("a copy: %q, %v", b, ok)
	}
	if _, ok := eng.KeptList(format.ID{1}); ok {
		t.Error("a copy of what is not at the place")
	}
	eng.KeepLists(dir) // the next backup
	if _, ok := eng.KeptList(ids[1]); !ok {
		t.Error("the next backup finds no copy")
	}
	eng.lists.end()
	for i, want := range []bool{false, true} {
		if _, ok := eng.KeptList(ids[i]); ok != want {
			t.Errorf("copy %d is there: %v", i, ok)
		}
	}
}
