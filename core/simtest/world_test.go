package simtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/holdfast-backup/holdfast/core/store"
)

var (
	errFault   = errors.New("fault on purpose")
	errCrashed = errors.New("crashed on purpose")
)

// fate is what befalls a call.
type fate int

const (
	fateWell        fate = iota
	fateFails            // nothing is done
	fateLostAnswer       // done, and an error
	fateLostWrite        // a write that is not done, and no error
	fateTwice            // done twice
	fateDies             // nothing is done, and the computer dies
	fateDiesAfter        // done, and the computer dies
	fateKilled           // nothing is done, and holdfast-remote is killed
	fateKilledAfter      // done, and holdfast-remote is killed
)

// call is a call of a profile's store that waits for its turn.
type call struct {
	p    *profile
	pipe *pipe
	op   string
	name string
	turn chan fate
}

// world is a destination and those who use it.
type world struct {
	rand *rand.Rand
	disk *disk
	log  func(format string, args ...any)

	odds        [fateDiesAfter + 1]float64 // of each fate but well, for one call
	kills       float64                    // how likely holdfast-remote is killed, for one call
	dead        int                        // how often it was
	connections int                        // through it at once
	fills       float64                    // how likely the disk gets full, or has room again, before a call

	mu      sync.Mutex
	waiting []*call
	busy    int // actions under way

	favoured *profile // whose calls go first
	burst    int      // for so many turns

	skew time.Duration // what all clocks have jumped together, beyond the fake clock, which has only 262 years for all schedules
}

// now is what right clocks say.
func (w *world) now() time.Time { return time.Now().Add(w.skew) }

// choose lets waiting calls go on, one at a time, until every action has ended.
func (w *world) choose() {
	for {
		synctest.Wait()
		w.mu.Lock()
		waiting, busy := w.waiting, w.busy
		w.mu.Unlock()
		if len(waiting) == 0 {
			if busy == 0 {
				return
			}
			<-time.After(time.Second) // somebody waits before trying again
			continue
		}
		// Goroutines of one computer race to here; sorted, a seed chooses the same again.
		slices.SortStableFunc(waiting, func(a, b *call) int {
			return strings.Compare(fmt.Sprintf("%d %s %.8s", a.p.number, a.op, a.name), fmt.Sprintf("%d %s %.8s", b.p.number, b.op, b.name))
		})
		awake := slices.DeleteFunc(slices.Clone(waiting), func(c *call) bool { return c.p.sleeps > 0 })
		for _, c := range waiting {
			if c.p.sleeps > 0 {
				c.p.sleeps--
			}
		}
		if len(awake) == 0 {
			continue
		}
		next := w.pickCall(awake)
		w.mu.Lock()
		w.waiting = slices.DeleteFunc(w.waiting, func(c *call) bool { return c == next })
		w.mu.Unlock()
		f := w.draw(next)
		if f != fateWell || *verbose && next.op != "read" {
			w.log("profile %d: %s %.20s: fate %d", next.p.number, next.op, next.name, f)
		}
		next.turn <- f
	}
}

// pickCall stays with one computer for a while: races are lost by whole runs of calls.
func (w *world) pickCall(awake []*call) *call {
	if w.burst--; w.burst > 0 {
		mine := slices.DeleteFunc(slices.Clone(awake), func(c *call) bool { return c.p != w.favoured })
		if len(mine) > 0 {
			return mine[w.rand.IntN(len(mine))]
		}
	}
	next := awake[w.rand.IntN(len(awake))]
	w.favoured, w.burst = next.p, 1
	if w.rand.IntN(3) == 0 {
		w.burst = w.rand.IntN(40)
	}
	return next
}

// draw decides what befalls a call, and may send its profile to sleep, or fill the disk.
func (w *world) draw(c *call) fate {
	if w.rand.Float64() < 0.002 {
		c.p.sleeps = w.rand.IntN(300)
		w.skew += time.Duration(w.rand.IntN(40*24)) * time.Hour
		w.log("profile %d sleeps for %d turns, it is %v", c.p.number, c.p.sleeps, w.now())
	}
	if w.rand.Float64() < 0.003 {
		c.p.offset = time.Duration(w.rand.IntN(2000)-1000) * time.Hour
	}
	if w.fills > 0 && w.rand.Float64() < w.fills {
		if w.rand.IntN(3) == 0 {
			w.disk.relieve()
		} else {
			w.disk.fill(int64(w.rand.IntN(20)))
		}
		w.log("the disk is full: %v", w.disk.full)
	}
	if c.pipe != nil && w.rand.Float64() < w.kills {
		switch w.rand.IntN(3) {
		case 0:
			return fateKilled
		case 1:
			return fateKilledAfter
		}
		c.pipe.killAfter(w.rand.Int64N(1 << (4 + w.rand.IntN(12))))
	}
	p := w.rand.Float64()
	for f, odds := range w.odds {
		if p -= odds; p < 0 {
			return fate(f)
		}
	}
	return fateWell
}

// gated is a profile's way to the disk. It is of one process: after a crash
// nothing gets through any more.
type gated struct {
	w    *world
	p    *profile
	pipe *pipe // that its calls come through; nil: none
	dead bool  // guarded by w.mu
	hurt bool  // a fault befell it
}

func (g *gated) do(ctx context.Context, op, name string, write bool, fn func(context.Context) error) error {
	fail := func(err error) error { return &store.Error{Op: op, Name: name, Location: "the disk", Err: err} }
	c := &call{g.p, g.pipe, op, name, make(chan fate)}
	g.w.mu.Lock()
	if g.dead {
		g.w.mu.Unlock()
		return fail(errCrashed)
	}
	g.w.waiting = append(g.w.waiting, c)
	g.w.mu.Unlock()
	f := <-c.turn
	if err := ctx.Err(); err != nil {
		if g.pipe != nil && f == fateTwice && (op == "put" || op == "delete") {
			_ = fn(context.WithoutCancel(ctx)) // who asked is gone, and the service had the question already
		}
		return fail(err)
	}
	g.w.mu.Lock()
	if g.dead {
		g.w.mu.Unlock()
		return fail(errCrashed)
	}
	g.hurt = g.hurt || f != fateWell && f != fateTwice
	g.dead = f == fateDies || f == fateDiesAfter
	g.w.mu.Unlock()
	if g.pipe != nil && (g.dead || f == fateKilled || f == fateKilledAfter) {
		defer g.pipe.kill()
	}
	switch f {
	case fateFails, fateKilled:
		return fail(errFault)
	case fateLostAnswer, fateKilledAfter:
		if err := fn(ctx); err != nil {
			return err
		}
		return fail(errFault)
	case fateLostWrite:
		if write {
			return nil
		}
	case fateTwice:
		err := fn(ctx)
		if write {
			_ = fn(ctx) // what the repetition is told reaches nobody
		}
		return err
	case fateDies:
		return fail(errCrashed)
	case fateDiesAfter:
		return fail(errors.Join(errCrashed, fn(ctx)))
	}
	return fn(ctx)
}

func (g *gated) Put(ctx context.Context, name string, data []byte) error {
	return g.do(ctx, "put", name, true, func(ctx context.Context) error { return g.w.disk.Put(ctx, name, data) })
}

func (g *gated) Replace(ctx context.Context, name string, data []byte) error {
	return g.do(ctx, "replace", name, true, func(ctx context.Context) error { return g.w.disk.Replace(ctx, name, data) })
}

func (g *gated) Delete(ctx context.Context, name string) error {
	return g.do(ctx, "delete", name, true, func(ctx context.Context) error { return g.w.disk.Delete(ctx, name) })
}

func (g *gated) ReadAt(ctx context.Context, name string, p []byte, offset int64) error {
	return g.do(ctx, "read", name, false, func(ctx context.Context) error { return g.w.disk.ReadAt(ctx, name, p, offset) })
}

func (g *gated) Stat(ctx context.Context, name string) (o store.Object, err error) {
	err = g.do(ctx, "stat", name, false, func(ctx context.Context) error {
		o, err = g.w.disk.Stat(ctx, name)
		return err
	})
	return o, err
}

func (g *gated) List(ctx context.Context, prefix string, fn func(store.Object) error) error {
	return g.do(ctx, "list", prefix, false, func(ctx context.Context) error { return g.w.disk.List(ctx, prefix, fn) })
}

func (g *gated) Properties() store.Properties { return g.w.disk.Properties() }

func (g *gated) Close() error { return nil }
