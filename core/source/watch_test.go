package source

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// The first call without an answer is waited for with patience, those beside it with less; then nothing more is asked of the disk, until it
// answers. All of it by the clock of a bubble.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWatch(t.Context(), WatchParams{})
		defer w.Close()
		p := place{watch: w, disk: w.disk(1)}
		answer := make(chan struct{})
		call := func() (time.Duration, error) {
			begin := time.Now()
			_, err := ask(&p, nil, func() string { return "/nowhere" }, func(*Call) (int, error) { <-answer; return 1, nil })
			return time.Since(begin), err
		}
		for i := range mostSilent + 2 {
			took, err := call()
			if !errors.Is(err, ErrNoAnswer) {
				t.Fatalf("call %d: %v", i, err)
			}
			least, most := DefaultPatience, DefaultPatience+2*time.Second
			switch {
			case i >= mostSilent:
				least, most = 0, 0
			case i > 0:
				least, most = DefaultPatience/silentPatience, DefaultPatience/silentPatience+2*time.Second
			}
			if took < least || took > most {
				t.Errorf("call %d took %v", i, took)
			}
			if again := Again(err); again != (i == mostSilent+1) {
				t.Errorf("call %d: told before: %v", i, again)
			}
		}
		close(answer)
		synctest.Wait()
		if took, err := call(); err != nil || took != 0 {
			t.Errorf("when the disk answers again: %v, %v", took, err)
		}
	})
}

// Slow work that gets on is waited for, however long it takes, and so is what is no call.
func TestSlowIsNotSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWatch(t.Context(), WatchParams{})
		defer w.Close()
		d := &Dir{place: place{watch: w, disk: w.disk(1)}}
		err := w.Do(func(int) (string, *Dir) { return "/nowhere", d }, func(c *Call) error {
			for i := range 5 {
				if !c.Step(i) {
					return errLeftBehind
				}
				<-time.After(DefaultPatience * 9 / 10)
				if !c.Rest() {
					return errLeftBehind
				}
				<-time.After(DefaultPatience * 10)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// Whoever waits goes on at once when the context ends; what comes too late is closed.
func TestWhatComesTooLateIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := NewWatch(ctx, WatchParams{})
		p, answer, late := place{watch: w}, make(chan struct{}), &closable{}
		go func() { cancel() }()
		_, err := ask(&p, nil, func() string { return "" }, func(*Call) (*closable, error) { <-answer; return late, nil })
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		w.Close()
		close(answer)
		synctest.Wait()
		if !late.closed {
			t.Error("it is still open")
		}
	})
}

type closable struct{ closed bool }

func (c *closable) Close() error { c.closed = true; return nil }
