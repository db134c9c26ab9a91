package storetest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-backup/holdfast/core/store"
)

// calls are all operations on one name.
func calls(ctx context.Context, s store.Store) map[string]func(name string) error {
	return map[string]func(string) error{
		"put":     func(n string) error { return s.Put(ctx, n, []byte("x")) },
		"replace": func(n string) error { return s.Replace(ctx, n, []byte("x")) },
		"read":    func(n string) error { return s.ReadAt(ctx, n, make([]byte, 1), 0) },
		"stat":    func(n string) error { _, err := s.Stat(ctx, n); return err },
		"delete":  func(n string) error { return s.Delete(ctx, n) },
	}
}

func invalidNames(t *testing.T, s store.Store) {
	bad := []string{"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/..", "a/../b", "./a", "a/.", ".a", "a/.b", "a.", "A", "a b", "ä",
		"a\\b", "a:b", "a\x00", "~a", "a_b", "con", "x/nul.json", "com1", strings.Repeat("n", store.MaxName+1)}
	for op, call := range calls(t.Context(), s) {
		for _, name := range bad {
			wantErr(t, fmt.Sprintf("%s %q", op, name), call(name), store.ErrInvalidName)
		}
	}
	for _, prefix := range []string{"/", "../", "..", "a//", "a/../", "A", "a\x00", "./"} {
		wantErr(t, "list "+prefix, s.List(t.Context(), prefix, func(store.Object) error { return nil }), store.ErrInvalidName)
	}
	if got := names(t, s, ""); len(got) != 0 {
		t.Errorf("stored %v", got)
	}
}

func cancelled(t *testing.T, s store.Store) {
	must(t, s.Put(t.Context(), "there", []byte("old")))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for op, call := range calls(ctx, s) {
		for _, name := range []string{"there", "packs/aa/new"} {
			err := call(name)
			wantErr(t, op, err, context.Canceled)
			if !store.IsPermanent(err) {
				t.Error("an ended context is not permanent")
			}
		}
	}
	wantErr(t, "list", s.List(ctx, "", func(store.Object) error { return nil }), context.Canceled)
	if got := names(t, s, ""); len(got) != 1 {
		t.Errorf("stored %v", got)
	}
	wantObject(t, s, "there", []byte("old"))
}

func empty(t *testing.T, s store.Store) {
	must(t, s.Put(t.Context(), "packs/aa/empty", nil))
	wantObject(t, s, "packs/aa/empty", nil)
	wantErr(t, "put again", s.Put(t.Context(), "packs/aa/empty", nil), store.ErrExists)
	if got := names(t, s, ""); len(got) != 1 || got["packs/aa/empty"] != 0 {
		t.Errorf("listed %v", got)
	}
}

func large(t *testing.T, s store.Store) {
	data := Bytes(9, 33<<20+7)
	must(t, s.Put(t.Context(), "packs/aa/large", data))
	wantObject(t, s, "packs/aa/large", data)
}

func notRetained(t *testing.T, s store.Store) {
	data := []byte("before")
	must(t, s.Put(t.Context(), "a", data))
	must(t, s.Replace(t.Context(), "b", data))
	copy(data, "after!")
	wantObject(t, s, "a", []byte("before"))
	wantObject(t, s, "b", []byte("before"))
	p := make([]byte, 6)
	must(t, s.ReadAt(t.Context(), "a", p, 0))
	copy(p, "after!")
	wantObject(t, s, "a", []byte("before"))
}

func parallel(t *testing.T, s store.Store) {
	const goroutines, each = 8, 12
	var group sync.WaitGroup
	for g := range goroutines {
		group.Go(func() {
			for i := range each {
				name := fmt.Sprintf("packs/%02x/%d-%d", i, g, i)
				data := Bytes(uint64(100*g+i), 3_000)
				if err := s.Put(t.Context(), name, data); err != nil {
					t.Error(err)
					return
				}
				p := make([]byte, 500)
				for _, offset := range []int{0, 2_500, 1_111} {
					if err := s.ReadAt(t.Context(), name, p, int64(offset)); err != nil || !bytes.Equal(p, data[offset:offset+500]) {
						t.Errorf("%s at %d: %v", name, offset, err)
						return
					}
				}
				if i%3 == 0 {
					if err := s.Delete(t.Context(), name); err != nil {
						t.Error(err)
					}
				}
				if err := s.List(t.Context(), "packs/00/", func(store.Object) error { return nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if got, want := len(names(t, s, "packs/")), goroutines*each*2/3; got != want {
		t.Errorf("%d objects are left, want %d", got, want)
	}
}

func readAll(t *testing.T, s store.Store) {
	data := Bytes(3, 1_000)
	must(t, s.Put(t.Context(), "x", data))
	got, err := store.ReadAll(t.Context(), s, "x", 1_000)
	must(t, err)
	if !slices.Equal(got, data) {
		t.Error("other bytes")
	}
	_, err = store.ReadAll(t.Context(), s, "x", 999)
	wantErr(t, "too large", err, store.ErrTooLarge)
	_, err = store.ReadAll(t.Context(), s, "y", 999)
	wantErr(t, "missing", err, store.ErrNotExist)
}

func properties(t *testing.T, s store.Store) {
	if p := s.Properties(); p.Location == "" || p.Connections < 1 {
		t.Errorf("%+v", p)
	}
}

func closeTwice(t *testing.T, s store.Store) { must(t, s.Close()) } // Run closes again

// manyMissing: calls that find nothing do not wait for each other's connections for ever.
func manyMissing(t *testing.T, s store.Store) {
	var group sync.WaitGroup
	for i := range 48 {
		group.Go(func() {
			name := fmt.Sprint("packs/00/", i)
			_, err := s.Stat(t.Context(), name)
			wantErr(t, "stat", err, store.ErrNotExist)
			wantErr(t, "read", s.ReadAt(t.Context(), name, make([]byte, 1), 0), store.ErrNotExist)
			_, err = store.ReadAll(t.Context(), s, name, 1)
			wantErr(t, "read whole", err, store.ErrNotExist)
			if err := s.Delete(t.Context(), name); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}
