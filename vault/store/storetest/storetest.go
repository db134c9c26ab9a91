// Package storetest holds every store.Store against the text of the interface.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/holdfast-backup/holdfast/vault/store"
)

// Maker makes stores of one kind for a test.
type Maker struct {
	// Open opens the store; a second call, after Close, opens the same one again.
	Open func(t *testing.T) store.Store
	// Forgets: the store is gone once it is closed.
	Forgets bool
}

// Run runs the mandatory suite; make is called once for each test.
func Run(t *testing.T, make func(t *testing.T) Maker) {
	for name, f := range map[string]func(*testing.T, Maker){
		"get and swap": getAndSwap, "all or none": allOrNone, "conflicts": conflicts, "iterate": iterate,
		"slices": slices, "reopen": reopen, "context": cancelled, "readers beside commits": parallel, "large": large,
	} {
		t.Run(name, func(t *testing.T) { f(t, make(t)) })
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func key(n byte) store.Key { return store.Key(bytes.Repeat([]byte{n}, 32)) }

func put(t *testing.T, s store.Store, n byte, old, next string) error {
	t.Helper()
	c := store.Change{Key: key(n)}
	if old != "" {
		c.Old = []byte(old)
	}
	if next != "" {
		c.New = []byte(next)
	}
	return s.Commit(t.Context(), []store.Change{c})
}

func want(t *testing.T, s store.Store, n byte, value string) {
	t.Helper()
	got, err := s.Get(t.Context(), key(n))
	if value == "" {
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("key %d: %q, %v", n, got, err)
		}
		return
	}
	if err != nil || string(got) != value {
		t.Errorf("key %d is %q, not %q; %v", n, got, value, err)
	}
}

func getAndSwap(t *testing.T, m Maker) {
	s := m.Open(t)
	defer s.Close() //nolint:errcheck // a test's
	want(t, s, 0, "")
	want(t, s, 1, "")
	must(t, put(t, s, 1, "", "one"))
	must(t, put(t, s, 0, "", "head")) // the key of zeros is a key like others
	want(t, s, 1, "one")
	must(t, put(t, s, 1, "one", "two"))
	want(t, s, 1, "two")
	must(t, put(t, s, 1, "two", "")) // delete
	want(t, s, 1, "")
	want(t, s, 0, "head")
	must(t, put(t, s, 1, "", "again"))
	want(t, s, 1, "again")
}

func conflicts(t *testing.T, m Maker) {
	s := m.Open(t)
	defer s.Close() //nolint:errcheck // a test's
	must(t, put(t, s, 1, "", "one"))
	for _, c := range []struct{ old, next string }{{"", "x"}, {"two", "x"}, {"on", "x"}, {"two", ""}} {
		if err := put(t, s, 1, c.old, c.next); !errors.Is(err, store.ErrConflict) {
			t.Errorf("swap %q for %q: %v", c.old, c.next, err)
		}
	}
	if err := put(t, s, 2, "one", "x"); !errors.Is(err, store.ErrConflict) {
		t.Errorf("swap of nothing: %v", err)
	}
	want(t, s, 1, "one")
	want(t, s, 2, "")
}

func allOrNone(t *testing.T, m Maker) {
	s := m.Open(t)
	defer s.Close() //nolint:errcheck // a test's
	must(t, put(t, s, 1, "", "one"))
	err := s.Commit(t.Context(), []store.Change{
		{Key: key(2), New: []byte("new")}, {Key: key(1), Old: []byte("one"), New: []byte("changed")},
		{Key: key(3), Old: []byte("not there"), New: []byte("x")}})
	if !errors.Is(err, store.ErrConflict) {
		t.Fatal(err)
	}
	want(t, s, 1, "one")
	want(t, s, 2, "")
	must(t, s.Commit(t.Context(), []store.Change{{Key: key(2), New: []byte("new")}, {Key: key(1), Old: []byte("one")}}))
	want(t, s, 1, "")
	want(t, s, 2, "new")
	must(t, s.Commit(t.Context(), nil))
}

func iterate(t *testing.T, m Maker) {
	s := m.Open(t)
	defer s.Close() //nolint:errcheck // a test's
	for n := range byte(20) {
		must(t, put(t, s, n, "", fmt.Sprint("value ", n)))
	}
	seen := map[store.Key]string{}
	must(t, s.Iterate(t.Context(), func(k store.Key, v []byte) error {
		if _, double := seen[k]; double {
			t.Error("a key came twice")
		}
		seen[k] = string(v)
		return nil
	}))
	if len(seen) != 20 || seen[key(7)] != "value 7" {
		t.Errorf("%d values", len(seen))
	}
	stop := errors.New("stop")
	calls := 0
	if err := s.Iterate(t.Context(), func(store.Key, []byte) error { calls++; return stop }); !errors.Is(err, stop) || calls != 1 {
		t.Errorf("%v after %d", err, calls)
	}
}

func slices(t *testing.T, m Maker) {
	s := m.Open(t)
	defer s.Close() //nolint:errcheck // a test's
	value := []byte("before")
	must(t, s.Commit(t.Context(), []store.Change{{Key: key(1), New: value}}))
	copy(value, "after!")
	want(t, s, 1, "before")
	got, err := s.Get(t.Context(), key(1))
	must(t, err)
	copy(got, "after!")
	want(t, s, 1, "before")
}

func reopen(t *testing.T, m Maker) {
	if m.Forgets {
		return
	}
	s := m.Open(t)
	for n := range byte(9) {
		must(t, put(t, s, n, "", "value"))
	}
	must(t, put(t, s, 3, "value", "changed"))
	must(t, put(t, s, 4, "value", ""))
	must(t, s.Close())
	must(t, s.Close())
	s = m.Open(t)
	defer s.Close() //nolint:errcheck // a test's
	want(t, s, 3, "changed")
	want(t, s, 4, "")
	want(t, s, 8, "value")
	must(t, put(t, s, 3, "changed", "more"))
}

func cancelled(t *testing.T, m Maker) {
	s := m.Open(t)
	defer s.Close() //nolint:errcheck // a test's
	must(t, put(t, s, 1, "", "one"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Commit(ctx, []store.Change{{Key: key(1), Old: []byte("one"), New: []byte("two")}}); !errors.Is(err, context.Canceled) {
		t.Errorf("commit: %v", err)
	}
	if err := s.Iterate(ctx, func(store.Key, []byte) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("iterate: %v", err)
	}
	want(t, s, 1, "one")
}

func parallel(t *testing.T, m Maker) {
	s := m.Open(t)
	defer s.Close() //nolint:errcheck // a test's
	must(t, s.Commit(t.Context(), []store.Change{{Key: key(1), New: []byte("0")}, {Key: key(2), New: []byte("0")}}))
	var group sync.WaitGroup
	done := make(chan struct{})
	for range 3 {
		group.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				both := map[store.Key]string{}
				if err := s.Iterate(t.Context(), func(k store.Key, v []byte) error { both[k] = string(v); return nil }); err != nil {
					t.Error(err)
					return
				}
				if both[key(1)] != both[key(2)] {
					t.Errorf("half a commit was seen: %v", both)
					return
				}
			}
		})
	}
	for i := range 20 {
		old, next := []byte(fmt.Sprint(i)), []byte(fmt.Sprint(i+1))
		must(t, s.Commit(t.Context(), []store.Change{{Key: key(1), Old: old, New: next}, {Key: key(2), Old: old, New: next}}))
	}
	close(done)
	group.Wait()
}

func large(t *testing.T, m Maker) {
	s := m.Open(t)
	defer s.Close() //nolint:errcheck // a test's
	value := bytes.Repeat([]byte("x"), 4000)
	must(t, s.Commit(t.Context(), []store.Change{{Key: key(1), New: value}}))
	if got, err := s.Get(t.Context(), key(1)); err != nil || !bytes.Equal(got, value) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
