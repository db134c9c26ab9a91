package store_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/storetest"
)

func TestLimited(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store {
		b := &store.Bandwidth{}
		b.Set(1<<40, nil)
		return store.Limited(store.NewMemory(), b)
	})
}

// Two who upload at once share the limit, a new one counts at once, and none is none.
func TestUploadsHoldTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &store.Bandwidth{}
		s := store.Limited(store.NewMemory(), b)
		took := func(run func()) time.Duration {
			begin := time.Now()
			run()
			synctest.Wait()
			return time.Since(begin)
		}
		put := func(name string) {
			if err := s.Put(t.Context(), name, make([]byte, 1_000_000)); err != nil {
				t.Error(err)
			}
		}
		if d := took(func() { put("a") }); d != 0 {
			t.Errorf("without a limit 1 MB took %v", d)
		}
		b.Set(100_000, nil)
		between := func(d, least, most time.Duration) {
			t.Helper()
			if d < least || d > most {
				t.Errorf("it took %v, not %v to %v", d, least, most)
			}
		}
		between(took(func() {
			done := make(chan struct{})
			go func() { put("b"); close(done) }()
			put("c")
			<-done
		}), 19*time.Second, 21*time.Second)
		between(took(func() {
			done := make(chan struct{})
			go func() { put("d"); close(done) }()
			time.Sleep(5 * time.Second) //nolint:forbidigo // the bubble's clock, not the machine's
			b.Set(1_000_000, nil)
			<-done
		}), 5*time.Second, 6*time.Second)
		between(took(func() {
			if err := s.ReadAt(t.Context(), "d", make([]byte, 1_000_000), 0); err != nil {
				t.Error(err)
			}
		}), 0, 0)
	})
}

func TestAWaitForTheLimitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &store.Bandwidth{}
		b.Set(10, nil)
		s := store.Limited(store.NewMemory(), b)
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error)
		go func() { failed <- s.Put(ctx, "slow", make([]byte, 1_000_000)) }()
		synctest.Wait()
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) || !store.IsPermanent(err) {
			t.Errorf("it ended with %v", err)
		}
		if _, err := s.Stat(t.Context(), "slow"); !errors.Is(err, store.ErrNotExist) {
			t.Errorf("something was stored: %v", err)
		}
		soon, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Put(soon, "slow", make([]byte, 1000)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("past its deadline it ended with %v", err)
		}
	})
}

// A limit holds in its hours, and what waits goes on when they end.
func TestALimitHasHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &store.Bandwidth{}
		s := store.Limited(store.NewMemory(), b)
		end := time.Now().Add(5 * time.Second)
		b.Set(100_000, func(t time.Time) bool { return t.Before(end) })
		begin := time.Now()
		for _, name := range []string{"a", "b"} {
			if err := s.Put(t.Context(), name, make([]byte, 1_000_000)); err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(begin); took < 5*time.Second || took > 6*time.Second {
			t.Errorf("2 MB at 0.1 MB a second, of 5 seconds, took %v", took)
		}
	})
}
