// Package storetest holds the mandatory tests of every store.Store.
//
//	func TestFolder(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) store.Store { … })
//	}
//
// It tests what the comments of store.Store promise and can be seen from one
// process. Power loss, full disks and vanished destinations are each
// implementation's own tests.
package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-backup/holdfast/core/store"
)

// Limit is a test that a store does not pass at one server, for what the server cannot do.
type Limit struct {
	Test string // its name in tests
	Why  string
}

// tests are what Run runs.
var tests = []struct {
	name string
	test func(*testing.T, store.Store)
}{
	{"put, then read, stat and list", roundTrip},
	{"ranges", ranges},
	{"put never overwrites", noOverwrite},
	{"one of many puts wins", racingPuts},
	{"replace makes and replaces", replace},
	{"readers see the old or the new object whole", atomicReplace},
	{"put is invisible until it is whole", atomicPut},
	{"list by prefix", list},
	{"list stops with the error of fn", listStops},
	{"fn may use the store", listReenters},
	{"delete can be repeated", deleteTwice},
	{"missing objects", missing},
	{"invalid names", invalidNames},
	{"cancelled context", cancelled},
	{"empty object", empty},
	{"large object", large},
	{"what is put is not retained", notRetained},
	{"many goroutines", parallel},
	{"many that find nothing", manyMissing},
	{"ReadAll", readAll},
	{"folders one level below", lookBelow},
	{"properties", properties},
	{"close twice", closeTwice},
}

// Run tests the stores that open returns: an empty one each time, which Run closes. It skips the limits, and says why.
func Run(t *testing.T, open func(t *testing.T) store.Store, limits ...Limit) {
	why := make(map[string]string)
	for _, l := range limits {
		why[l.Test] = l.Why
	}
	for _, c := range tests {
		reason, limited := why[c.name]
		delete(why, c.name)
		t.Run(c.name, func(t *testing.T) {
			if limited {
				t.Skipf("this server cannot: %s", reason)
			}
			s := open(t)
			defer func() {
				if err := s.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			}()
			c.test(t, s)
		})
	}
	for name := range why {
		t.Errorf("a limit names no test: %q", name)
	}
}

// Bytes returns n bytes that depend on seed alone.
func Bytes(seed uint64, n int) []byte {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(key).Read(b) // never fails
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantErr asserts that err wraps target in an *store.Error that names the object.
func wantErr(t *testing.T, what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("%s: %v, want %v", what, err, target)
		return
	}
	var e *store.Error
	if !errors.As(err, &e) || e.Op == "" || e.Location == "" {
		t.Errorf("%s: %#v is no full *store.Error", what, err)
	}
	if target != store.ErrUnreachable && errors.Is(err, store.ErrUnreachable) { //nolint:errorlint // these very values
		t.Errorf("%s: %v is an error of the place too", what, err)
	}
}

func wantObject(t *testing.T, s store.Store, name string, data []byte) {
	t.Helper()
	got, err := store.ReadAll(t.Context(), s, name, int64(len(data))+1)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, data) {
		t.Fatalf("%s: %d other bytes, want %d", name, len(got), len(data))
	}
}

func names(t *testing.T, s store.Store, prefix string) map[string]int64 {
	t.Helper()
	seen := map[string]int64{}
	must(t, s.List(t.Context(), prefix, func(o store.Object) error {
		if _, ok := seen[o.Name]; ok {
			t.Errorf("%s is listed twice", o.Name)
		}
		seen[o.Name] = o.Size
		return nil
	}))
	return seen
}

func roundTrip(t *testing.T, s store.Store) {
	want := map[string]int64{}
	for i, name := range []string{"holdfast.json", "keyring-1", "packs/0a/0a-b.c", "indexes/9", "snapshots/x", "a/b/c/d/e/f",
		strings.Repeat("n", 100)} {
		data := Bytes(uint64(i), 100*i+1)
		must(t, s.Put(t.Context(), name, data))
		wantObject(t, s, name, data)
		o, err := s.Stat(t.Context(), name)
		must(t, err)
		if o.Name != name || o.Size != int64(len(data)) {
			t.Errorf("Stat(%s): %+v", name, o)
		}
		want[name] = o.Size
	}
	if got := names(t, s, ""); !maps.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
}

func ranges(t *testing.T, s store.Store) {
	for _, name := range []string{"top", "packs/00/x"} {
		data := Bytes(1, 10_000)
		must(t, s.Put(t.Context(), name, data))
		for _, r := range [][2]int{{0, 10_000}, {0, 1}, {9_999, 1}, {5_000, 5_000}, {17, 4_096}, {0, 0}, {10_000, 0}} {
			p := make([]byte, r[1])
			must(t, s.ReadAt(t.Context(), name, p, int64(r[0])))
			if !bytes.Equal(p, data[r[0]:r[0]+r[1]]) {
				t.Errorf("%d bytes at %d differ", r[1], r[0])
			}
		}
		for _, r := range [][2]int{{0, 10_001}, {9_999, 2}, {10_000, 1}, {10_001, 0}, {20_000, 5}} {
			wantErr(t, fmt.Sprint(r), s.ReadAt(t.Context(), name, make([]byte, r[1]), int64(r[0])), io.ErrUnexpectedEOF)
		}
		if s.ReadAt(t.Context(), name, make([]byte, 1), -1) == nil {
			t.Error("a negative offset is accepted")
		}
	}
}

func noOverwrite(t *testing.T, s store.Store) {
	must(t, s.Put(t.Context(), "packs/aa/1", []byte("first")))
	for _, data := range []string{"second", "first", ""} { // the same content too
		err := s.Put(t.Context(), "packs/aa/1", []byte(data))
		wantErr(t, "second put", err, store.ErrExists)
		if !store.IsPermanent(err) {
			t.Error("ErrExists is not permanent")
		}
	}
	wantObject(t, s, "packs/aa/1", []byte("first"))
}

func racingPuts(t *testing.T, s store.Store) {
	const writers = 8
	errs := make([]error, writers)
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() { errs[i] = s.Put(t.Context(), "packs/aa/race", Bytes(uint64(i), 50_000)) })
	}
	group.Wait()
	winner := -1
	for i, err := range errs {
		if err == nil {
			if winner >= 0 {
				t.Errorf("puts %d and %d both succeeded", winner, i)
			}
			winner = i
			continue
		}
		wantErr(t, "loser", err, store.ErrExists)
	}
	if winner < 0 {
		t.Fatal("no put succeeded")
	}
	wantObject(t, s, "packs/aa/race", Bytes(uint64(winner), 50_000))
}

func replace(t *testing.T, s store.Store) {
	for _, name := range []string{"holdfast.json", "sub/header"} {
		for i, n := range []int{10, 1_000, 0, 5} {
			data := Bytes(uint64(i), n)
			must(t, s.Replace(t.Context(), name, data))
			wantObject(t, s, name, data)
		}
	}
	must(t, s.Put(t.Context(), "keyring-1", []byte("put")))
	must(t, s.Replace(t.Context(), "keyring-1", []byte("replaced")))
	wantObject(t, s, "keyring-1", []byte("replaced"))
}

func atomicReplace(t *testing.T, s store.Store) {
	const size = 100_000
	content := func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, size) }
	must(t, s.Replace(t.Context(), "holdfast.json", content(0)))
	stop := make(chan struct{})
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			p := make([]byte, size)
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := s.ReadAt(t.Context(), "holdfast.json", p, 0); err != nil {
					t.Errorf("a reader got %v", err)
					return
				}
				if !bytes.Equal(p, bytes.Repeat(p[:1], size)) {
					t.Error("a reader saw a mixture")
					return
				}
			}
		})
	}
	for i := range 30 {
		must(t, s.Replace(t.Context(), "holdfast.json", content(i)))
	}
	close(stop)
	group.Wait()
}

func atomicPut(t *testing.T, s store.Store) {
	const size = 1 << 20
	data := Bytes(5, size)
	var group sync.WaitGroup
	finished := make(chan struct{})
	for range 2 {
		group.Go(func() {
			for {
				o, err := s.Stat(t.Context(), "packs/aa/put")
				switch {
				case err == nil && o.Size != size:
					t.Errorf("%d bytes are visible", o.Size)
					return
				case err == nil:
					p := make([]byte, size)
					if err := s.ReadAt(t.Context(), "packs/aa/put", p, 0); err != nil || !bytes.Equal(p, data) {
						t.Errorf("a visible object is not whole: %v", err)
					}
					return
				case !errors.Is(err, store.ErrNotExist):
					t.Error(err)
					return
				}
				select {
				case <-finished:
					if _, err := s.Stat(t.Context(), "packs/aa/put"); err != nil {
						t.Errorf("invisible after Put: %v", err)
					}
					return
				default:
				}
			}
		})
	}
	err := s.Put(t.Context(), "packs/aa/put", data)
	close(finished)
	group.Wait()
	must(t, err)
}

func list(t *testing.T, s store.Store) {
	all := []string{"holdfast.json", "keyring-1", "keyring-12", "packs/aa/aa1", "packs/aa/aa2", "packs/ab/ab1", "packs/b", "packs-old/x",
		"indexes/1", "snapshots/1"}
	for i, name := range all {
		must(t, s.Put(t.Context(), name, make([]byte, i)))
	}
	for _, prefix := range []string{"", "packs/", "packs", "packs/a", "packs/aa", "packs/aa/", "packs/aa/aa1", "packs/aa/aa12", "keyring-",
		"keyring-1", "indexes/", "snapshots/", "nothing/", "z", "holdfast.json"} {
		want := map[string]int64{}
		for i, name := range all {
			if strings.HasPrefix(name, prefix) {
				want[name] = int64(i)
			}
		}
		if got := names(t, s, prefix); !maps.Equal(got, want) {
			t.Errorf("prefix %q: %v, want %v", prefix, got, want)
		}
	}
}

func listStops(t *testing.T, s store.Store) {
	for i := range 5 {
		must(t, s.Put(t.Context(), fmt.Sprint("packs/", i, "/x"), nil))
	}
	stop, calls := errors.New("stop"), 0
	err := s.List(t.Context(), "", func(store.Object) error { calls++; return stop })
	if err != stop || calls != 1 { //nolint:errorlint // as it is
		t.Errorf("%d calls, %v", calls, err)
	}
}

func listReenters(t *testing.T, s store.Store) {
	for i := range 5 {
		must(t, s.Put(t.Context(), fmt.Sprint("packs/", i, "/x"), []byte("old")))
	}
	must(t, s.List(t.Context(), "packs/", func(o store.Object) error {
		if err := s.Put(t.Context(), strings.Replace(o.Name, "packs/", "copies/", 1), []byte("new")); err != nil {
			return err
		}
		return s.Delete(t.Context(), o.Name)
	}))
	if n, m := len(names(t, s, "packs/")), len(names(t, s, "copies/")); n != 0 || m != 5 {
		t.Errorf("%d packs, %d copies", n, m)
	}
}

func deleteTwice(t *testing.T, s store.Store) {
	must(t, s.Put(t.Context(), "packs/aa/1", []byte("x")))
	must(t, s.Put(t.Context(), "packs/aa/2", []byte("y")))
	wantObject(t, s, "packs/aa/1", []byte("x"))
	for range 2 {
		must(t, s.Delete(t.Context(), "packs/aa/1"))
		_, err := s.Stat(t.Context(), "packs/aa/1")
		wantErr(t, "stat", err, store.ErrNotExist)
		wantErr(t, "read", s.ReadAt(t.Context(), "packs/aa/1", make([]byte, 1), 0), store.ErrNotExist)
	}
	for _, name := range []string{"never", "never/there", "packs", "packs/aa", "packs/aa/2/3"} {
		must(t, s.Delete(t.Context(), name))
	}
	wantObject(t, s, "packs/aa/2", []byte("y"))
	must(t, s.Put(t.Context(), "packs/aa/1", []byte("again")))
	wantObject(t, s, "packs/aa/1", []byte("again"))
}

func missing(t *testing.T, s store.Store) {
	must(t, s.Put(t.Context(), "packs/aa/1", []byte("x")))
	for _, name := range []string{"a", "packs", "packs/aa", "packs/aa/2", "packs/aa/1/2", "indexes/1"} {
		_, err := s.Stat(t.Context(), name)
		wantErr(t, "stat "+name, err, store.ErrNotExist)
		wantErr(t, "read "+name, s.ReadAt(t.Context(), name, make([]byte, 1), 0), store.ErrNotExist)
		wantErr(t, "read nothing of "+name, s.ReadAt(t.Context(), name, nil, 0), store.ErrNotExist)
		if !store.IsPermanent(err) {
			t.Error("ErrNotExist is not permanent")
		}
	}
}
