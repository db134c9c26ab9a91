package cached_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/cached"
	"github.com/holdfast-backup/holdfast/core/store/storetest"
)

// far is a store behind a network, which counts what it is asked for.
type far struct {
	store.Store
	reads int
}

func (f *far) Properties() store.Properties {
	p := f.Store.Properties()
	p.Far = true
	return p
}

func (f *far) ReadAt(ctx context.Context, name string, p []byte, offset int64) error {
	f.reads++
	return f.Store.ReadAt(ctx, name, p, offset)
}

func (f *far) Stat(ctx context.Context, name string) (store.Object, error) {
	f.reads++
	return f.Store.Stat(ctx, name)
}

var prefixes = []string{"indexes/", "snapshots/"}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		return cached.New(cached.Params{Store: &plainFar{store.NewMemory()}, Dir: filepath.Join(t.TempDir(), "cache"), Prefixes: prefixes})
	})
}

// plainFar counts nothing, and may be asked by many at once.
type plainFar struct{ store.Store }

func (f *plainFar) Properties() store.Properties {
	p := f.Store.Properties()
	p.Far = true
	return p
}

// What was read or put once is not asked for again, also by the next process, until a list shows that it is gone.
func TestEachObjectIsFetchedOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	s := &far{Store: store.NewMemory()}
	data := storetest.Bytes(1, 1000)
	if err := s.Put(t.Context(), "snapshots/a", data); err != nil {
		t.Fatal(err)
	}
	var c store.Store
	read := func(name string, want int, wantErr error) {
		t.Helper()
		s.reads = 0
		got, err := store.ReadAll(t.Context(), c, name, 1000)
		if !errors.Is(err, wantErr) || err == nil && !bytes.Equal(got, data) || s.reads != want {
			t.Errorf("%s: %d bytes, %v, by %d questions, want %d", name, len(got), err, s.reads, want)
		}
	}
	list := func(prefix string) {
		t.Helper()
		if err := c.List(t.Context(), prefix, func(store.Object) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	for process := range 2 {
		c = cached.New(cached.Params{Store: s, Dir: dir, Prefixes: prefixes})
		if process == 0 {
			read("snapshots/a", 2, nil)
			if err := c.Put(t.Context(), "indexes/b", data); err != nil {
				t.Fatal(err)
			}
			if err := c.Put(t.Context(), "packs/aa/c", data); err != nil {
				t.Fatal(err)
			}
		}
		list("snapshots/")
		read("snapshots/a", 0, nil)
		read("indexes/b", 0, nil)
		read("packs/aa/c", 2, nil)
		read("snapshots/../a", 1, store.ErrInvalidName)
	}
	if _, err := store.ReadAll(t.Context(), c, "snapshots/a", 999); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	// Another computer deletes one, and this one another.
	if err := s.Store.Delete(t.Context(), "snapshots/a"); err != nil {
		t.Fatal(err)
	}
	list("indexes/")
	list("snapshots/")
	read("snapshots/a", 1, store.ErrNotExist)
	if err := c.Delete(t.Context(), "indexes/b"); err != nil {
		t.Fatal(err)
	}
	read("indexes/b", 1, store.ErrNotExist)
}

// A copy that is damaged, cut off or cannot be kept costs a question, and nothing else.
func TestCopiesThatAreDamaged(t *testing.T) {
	dir := t.TempDir()
	s := &far{Store: store.NewMemory()}
	c := cached.New(cached.Params{Store: s, Dir: dir, Prefixes: prefixes})
	data := storetest.Bytes(1, 1000)
	if err := c.Put(t.Context(), "indexes/b", data); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "indexes", "b")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	flipped[500] ^= 1
	for _, b := range [][]byte{nil, whole[:10], whole[:999], flipped, append(bytes.Clone(whole), 0)} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, want := range []int{2, 0} { // it is put right
			s.reads = 0
			if got, err := store.ReadAll(t.Context(), c, "indexes/b", 1000); err != nil || !bytes.Equal(got, data) || s.reads != want {
				t.Errorf("%d bytes on the disk: %d bytes, %v, by %d questions, want %d", len(b), len(got), err, s.reads, want)
			}
		}
	}
	nowhere := cached.New(cached.Params{Store: s, Dir: filepath.Join(path, "no folder"), Prefixes: prefixes})
	for range 2 {
		if got, err := store.ReadAll(t.Context(), nowhere, "indexes/b", 1000); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	}
	near := store.NewMemory()
	if cached.New(cached.Params{Store: near, Dir: dir}) != store.Store(near) {
		t.Error("a near store is cached")
	}
}
