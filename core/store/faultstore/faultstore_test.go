package faultstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/faultstore"
	"github.com/holdfast-backup/holdfast/core/store/storetest"
)

func TestWithoutFaultsItIsTheStoreBeneath(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return faultstore.New(store.NewMemory(), nil) })
}

// recorder is a *testing.T that may fail.
type recorder struct{ failed []string }

func (*recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.failed = append(r.failed, fmt.Sprintf(format, args...))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, err, target error) {
	t.Helper()
	var e *store.Error
	if !errors.Is(err, target) || !errors.As(err, &e) {
		t.Fatalf("%v, want %v", err, target)
	}
}

// broken returns a store with one object "a" = "12345678" and one fault.
func broken(t *testing.T, f faultstore.Fault) (*faultstore.Store, *store.Memory) {
	t.Helper()
	inner := store.NewMemory()
	must(t, inner.Put(t.Context(), "a", []byte("12345678")))
	script := faultstore.NewScript(f)
	t.Cleanup(func() { script.VerifyAllHit(t) })
	return faultstore.New(inner, script), inner
}

func content(t *testing.T, s store.Store, name string) string {
	t.Helper()
	b, err := store.ReadAll(t.Context(), s, name, 100)
	if errors.Is(err, store.ErrNotExist) {
		return "none"
	}
	must(t, err)
	return string(b)
}

func TestWriteFaults(t *testing.T) {
	full := fmt.Errorf("%w: on purpose", store.ErrNoSpace)
	for _, c := range []struct {
		kind               faultstore.Kind
		err                error  // of the call
		put, repl, deleted string // what is there after Put, Replace and Delete
	}{
		{faultstore.Fail, full, "none", "12345678", "12345678"},
		{faultstore.Delay, nil, "abcd", "abcd", "none"},
		{faultstore.LostWrite, nil, "none", "12345678", "12345678"},
		{faultstore.RepeatedWrite, nil, "abcd", "abcd", "none"},
		{faultstore.PartialWrite, full, "ab", "ab", ""},
		{faultstore.LostAnswer, full, "abcd", "abcd", "none"},
		{faultstore.Crash, faultstore.ErrCrashed, "none", "12345678", "12345678"},
		{faultstore.CrashAfter, faultstore.ErrCrashed, "abcd", "abcd", "none"},
	} {
		check := func(err error) {
			t.Helper()
			if c.err == nil {
				must(t, err)
			} else {
				wantErr(t, err, c.err)
			}
		}
		fault := faultstore.Fault{Kind: c.kind, Err: full}
		fault.Op = faultstore.Put
		s, inner := broken(t, fault)
		check(s.Put(t.Context(), "b", []byte("abcd")))
		if got := content(t, inner, "b"); got != c.put {
			t.Errorf("kind %d: Put left %s", c.kind, got)
		}
		fault.Op = faultstore.Replace
		s, inner = broken(t, fault)
		check(s.Replace(t.Context(), "a", []byte("abcd")))
		if got := content(t, inner, "a"); got != c.repl {
			t.Errorf("kind %d: Replace left %s", c.kind, got)
		}
		if c.deleted == "" {
			continue
		}
		fault.Op = faultstore.Write
		s, inner = broken(t, fault)
		check(s.Delete(t.Context(), "a"))
		if got := content(t, inner, "a"); got != c.deleted {
			t.Errorf("kind %d: Delete left %s", c.kind, got)
		}
	}
}

func TestReadFaults(t *testing.T) {
	s, _ := broken(t, faultstore.Fault{Op: faultstore.ReadAt, Kind: faultstore.FlipBit})
	p := make([]byte, 8)
	must(t, s.ReadAt(t.Context(), "a", p, 0))
	wrong := 0
	for i, b := range []byte("12345678") {
		wrong += bits.OnesCount8(b ^ p[i])
	}
	if wrong != 1 {
		t.Errorf("%d bits are wrong", wrong)
	}
	must(t, s.ReadAt(t.Context(), "a", p, 0))
	if string(p) != "12345678" {
		t.Errorf("the fault lasts: %q", p)
	}

	s, _ = broken(t, faultstore.Fault{Op: faultstore.ReadAt, Kind: faultstore.ShortRead})
	p = make([]byte, 8)
	wantErr(t, s.ReadAt(t.Context(), "a", p, 0), io.ErrUnexpectedEOF)
	if !bytes.Equal(p, []byte("1234\x00\x00\x00\x00")) {
		t.Errorf("%q", p)
	}

	s, _ = broken(t, faultstore.Fault{Op: faultstore.Stat, Kind: faultstore.LostAnswer})
	o, err := s.Stat(t.Context(), "a")
	wantErr(t, err, faultstore.ErrFault)
	if o != (store.Object{}) {
		t.Error(o)
	}

	for _, kind := range []faultstore.Kind{faultstore.FlipBit, faultstore.ShortRead, faultstore.LostAnswer} {
		s, _ = broken(t, faultstore.Fault{Op: faultstore.ReadAt, Kind: kind})
		wantErr(t, s.ReadAt(t.Context(), "missing", p, 0), store.ErrNotExist)
	}
}

func TestListFaults(t *testing.T) {
	s, inner := broken(t, faultstore.Fault{Op: faultstore.List, Kind: faultstore.ShortRead})
	for i := range 5 {
		must(t, inner.Put(t.Context(), fmt.Sprint("p/", i), nil))
	}
	n := 0
	wantErr(t, s.List(t.Context(), "p/", func(store.Object) error { n++; return nil }), io.ErrUnexpectedEOF)
	if n != 2 {
		t.Errorf("%d of 5 were listed", n)
	}
	stop := errors.New("stop")
	s, _ = broken(t, faultstore.Fault{Op: faultstore.List, Kind: faultstore.ShortRead})
	must(t, s.Put(t.Context(), "b", nil))
	if err := s.List(t.Context(), "", func(store.Object) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
	s, _ = broken(t, faultstore.Fault{Op: faultstore.List, Kind: faultstore.ShortRead})
	wantErr(t, s.List(t.Context(), "..", func(store.Object) error { return nil }), store.ErrInvalidName)
}

func TestSkipTimesAndPrefixChooseTheCalls(t *testing.T) {
	script := faultstore.NewScript(
		faultstore.Fault{Op: faultstore.Put, Prefix: "packs/", Skip: 1, Times: 2},
		faultstore.Fault{Prefix: "always", Times: faultstore.Always},
	)
	s := faultstore.New(store.NewMemory(), script)
	var got []string
	for i := range 5 {
		must(t, s.Put(t.Context(), fmt.Sprint("indexes/", i), nil))
		if err := s.Put(t.Context(), fmt.Sprint("packs/", i), nil); err != nil {
			got = append(got, fmt.Sprint(i))
		}
		if _, err := s.Stat(t.Context(), "always"); !errors.Is(err, faultstore.ErrFault) {
			t.Error(err)
		}
	}
	if strings.Join(got, "") != "12" {
		t.Errorf("hit calls %v", got)
	}
	script.VerifyAllHit(t)
}

func TestCrashAfterBytesIsForEver(t *testing.T) {
	s, inner := broken(t, faultstore.Fault{Op: faultstore.Write, Kind: faultstore.Crash, SkipBytes: 100})
	must(t, s.Put(t.Context(), "p1", make([]byte, 60)))
	must(t, s.Delete(t.Context(), "a"))
	must(t, s.Put(t.Context(), "p2", make([]byte, 40)))
	wantErr(t, s.Put(t.Context(), "p3", make([]byte, 1)), faultstore.ErrCrashed)
	_, err := s.Stat(t.Context(), "p1")
	wantErr(t, err, faultstore.ErrCrashed)
	wantErr(t, s.Delete(t.Context(), "p1"), faultstore.ErrCrashed)
	wantErr(t, s.List(t.Context(), "", nil), faultstore.ErrCrashed)
	if !s.Crashed() || s.Writes() != 5 || s.BytesWritten() != 101 {
		t.Error(s.Crashed(), s.Writes(), s.BytesWritten())
	}
	if content(t, inner, "p2") == "none" || content(t, inner, "p3") != "none" {
		t.Error("the store beneath is not as it was at the crash")
	}
	must(t, s.Close())
}

// A call that is under way when the crash comes gets no answer either.
func TestCallUnderWayCrashesToo(t *testing.T) {
	started, crashed := make(chan struct{}), make(chan struct{})
	script := faultstore.NewScript(
		faultstore.Fault{Op: faultstore.Put, Prefix: "slow", Kind: faultstore.Delay, Before: func(ctx context.Context) error {
			close(started)
			select {
			case <-crashed:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}},
		faultstore.Fault{Op: faultstore.Put, Prefix: "crash", Kind: faultstore.Crash},
	)
	s := faultstore.New(store.NewMemory(), script)
	var group sync.WaitGroup
	group.Go(func() {
		if err := s.Put(t.Context(), "slow", nil); !errors.Is(err, faultstore.ErrCrashed) {
			t.Error(err)
		}
	})
	<-started
	wantErr(t, s.Put(t.Context(), "crash", nil), faultstore.ErrCrashed)
	close(crashed)
	group.Wait()
	script.VerifyAllHit(t)
}

func TestDelayHonoursContext(t *testing.T) {
	s, inner := broken(t, faultstore.Fault{Kind: faultstore.Delay, Before: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantErr(t, s.Put(ctx, "b", nil), context.Canceled)
	if content(t, inner, "b") != "none" {
		t.Error("stored")
	}
}

func TestVerifyAllHitFailsForEachFaultNotMet(t *testing.T) {
	script := faultstore.NewScript(
		faultstore.Fault{Op: faultstore.Put, Prefix: "met"},
		faultstore.Fault{Op: faultstore.Put, Prefix: "once", Times: 2},
		faultstore.Fault{Op: faultstore.Stat, Prefix: "never", Times: faultstore.Always},
	)
	s := faultstore.New(store.NewMemory(), script)
	_ = s.Put(t.Context(), "met", nil)
	_ = s.Put(t.Context(), "once", nil)
	r := &recorder{}
	script.VerifyAllHit(r)
	if len(r.failed) != 2 || !strings.Contains(r.failed[0], `"once"`) || !strings.Contains(r.failed[1], `"never"`) {
		t.Errorf("%q", r.failed)
	}
}

func TestSenselessFaultPanics(t *testing.T) {
	for op, call := range map[faultstore.Op]func(s store.Store){
		faultstore.Put:    func(s store.Store) { _ = s.Put(t.Context(), "b", nil) },
		faultstore.Stat:   func(s store.Store) { _, _ = s.Stat(t.Context(), "b") },
		faultstore.Delete: func(s store.Store) { _ = s.Delete(t.Context(), "b") },
		faultstore.List:   func(s store.Store) { _ = s.List(t.Context(), "b", nil) },
	} {
		kind := faultstore.FlipBit
		if op == faultstore.Delete {
			kind = faultstore.PartialWrite
		}
		s, _ := broken(t, faultstore.Fault{Op: op, Kind: kind})
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s does not panic", op)
				}
			}()
			call(s)
		}()
	}
}

// A write that a fault breaks after the store beneath refused it tells so.
func TestErrorsOfTheStoreBeneathComeFirst(t *testing.T) {
	for _, kind := range []faultstore.Kind{faultstore.PartialWrite, faultstore.LostAnswer} {
		s, _ := broken(t, faultstore.Fault{Op: faultstore.Put, Kind: kind})
		wantErr(t, s.Put(t.Context(), "a", []byte("other")), store.ErrExists)
	}
}
