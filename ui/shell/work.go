package shell

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Work owns the goroutines of the window.
type Work struct {
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	later  func(func()) // runs a function on the toolkit's goroutine, later
	over   atomic.Bool  // there is nothing left to show anything in

	mu      sync.Mutex
	stopped bool // nothing begins any more
}

func newWork(later func(func())) *Work {
	w := &Work{later: later}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	return w
}

// Do runs a function on the toolkit's goroutine, unless the window has gone:
// then the toolkit would run it on the caller's.
func (w *Work) Do(fn func()) {
	if !w.over.Load() {
		w.later(fn)
	}
}

// Stop cancels all work, and lets none begin: what ends meanwhile may want to go on with more.
func (w *Work) Stop() {
	w.mu.Lock()
	w.stopped = true
	w.mu.Unlock()
	w.cancel()
}

// end stops all work and waits for it. The window has gone already.
func (w *Work) end() {
	w.over.Store(true)
	w.Stop()
	w.Wait()
}

// Wait returns when all work has ended. stop comes first.
func (w *Work) Wait() { w.wg.Wait() }

// Run calls fn in a goroutine, and what fn returns on the toolkit's. The
// returned function cancels fn's context; fn still ends in its own time. After stop it calls nothing.
func (w *Work) Run(fn func(ctx context.Context) (end func())) context.CancelFunc {
	ctx, cancel := context.WithCancel(w.ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return cancel
	}
	w.wg.Go(func() {
		defer cancel()
		if end := fn(ctx); end != nil {
			w.Do(end)
		}
	})
	return cancel
}

// keep calls fn in a goroutine that the end waits for, and after stop at once:
// for what must not be lost.
func (w *Work) keep(fn func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		fn()
		return
	}
	w.wg.Go(fn)
}

// after calls fn on the toolkit's goroutine when a while has passed, unless the returned function is called before.
func (w *Work) after(d time.Duration, fn func()) context.CancelFunc {
	return w.Run(func(ctx context.Context) func() {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			return fn
		}
	})
}

// Every calls tick on the toolkit's goroutine again and again, until the
// returned function is called.
func (w *Work) Every(d time.Duration, tick func()) context.CancelFunc {
	return w.Run(func(ctx context.Context) func() {
		t := time.NewTicker(d)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-t.C:
				w.Do(tick)
			}
		}
	})
}

// Latest lets only the newest of several runs come to its end: for what
// follows typing, where an older answer must not replace a newer one.
type Latest struct {
	w      *Work
	cancel context.CancelFunc
	turn   int
}

// Newest returns a latest for work of this window.
func (w *Work) Newest() Latest { return Latest{w: w} }

// Run begins the newest run, and stops the one before.
func (l *Latest) Run(fn func(ctx context.Context) (end func())) {
	l.Stop()
	turn := l.turn
	l.cancel = l.w.Run(func(ctx context.Context) func() {
		end := fn(ctx)
		return func() {
			if turn == l.turn && end != nil {
				end()
			}
		}
	})
}

// Stop lets no run come to its end.
func (l *Latest) Stop() {
	l.turn++
	if l.cancel != nil {
		l.cancel()
	}
}
