package files

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/stall"
)

// Line is what each connection has.
type Line struct {
	Wire *stall.Conn
	// Naming: the call under way has asked for a name. It is not repeated if the answer is lost.
	Naming bool
	behind sync.WaitGroup
}

// Base implements Connection for what embeds a Line.
func (l *Line) Base() *Line { return l }

// Behind asks the server for something whose answer the call does not wait for. Nothing may rest on that answer.
func (l *Line) Behind(ask func()) {
	rest := l.Wire.Busy()
	l.behind.Go(func() {
		defer rest()
		ask()
	})
}

// Connection is a connection to a server, which has a Line in it.
type Connection interface {
	comparable
	Base() *Line
	// End gives the connection up.
	End()
}

// Pool keeps connections to one server. Each call has one of its own.
type Pool[C Connection] struct {
	dial  func(ctx context.Context) (C, error)
	lost  func(error) bool
	slots chan struct{} // holds a place for each call under way

	alive context.Context // ends with the pool
	end   context.CancelFunc
	dials sync.WaitGroup

	mu      sync.Mutex
	idle    []C
	used    map[C]bool      // connections of calls under way
	dialing int             // that are being made
	waiting []chan<- got[C] // calls without a connection, the oldest first
	done    bool
}

// got is what a call gets.
type got[C Connection] struct {
	c      C
	rested bool // another call had it before
	err    error
}

// NewPool returns a pool of at most so many connections. lost reports whether an error means that a connection is of
// no use any more.
func NewPool[C Connection](connections int, dial func(ctx context.Context) (C, error), lost func(error) bool) *Pool[C] {
	p := &Pool[C]{dial: dial, lost: lost, slots: make(chan struct{}, connections), used: make(map[C]bool)}
	p.alive, p.end = context.WithCancel(context.Background())
	return p
}

// Close ends the connections that rest, once all that they were asked for is answered; the others end with their calls.
func (p *Pool[C]) Close() {
	p.mu.Lock()
	idle, waiting := p.idle, p.waiting
	p.idle, p.waiting, p.done = nil, nil, true
	p.mu.Unlock()
	for _, w := range waiting {
		w <- got[C]{err: store.ErrClosed}
	}
	p.end()
	for _, c := range idle {
		c.Base().behind.Wait()
		c.End()
	}
	p.dials.Wait()
}

// Call runs fn with a connection of its own. One that rested and turns out to be dead is replaced once, unless fn may
// have given a name already: the caller knows how to repeat that. Errors: store.ErrClosed, those of ctx, dial and fn.
func (p *Pool[C]) Call(ctx context.Context, fn func(C) error) error {
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for {
		g := p.take(ctx)
		naming, err := false, g.err
		if err == nil {
			naming, err = p.with(ctx, g.c, fn)
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case g.rested && !naming && p.lost(err):
			continue
		}
		return err
	}
}

// Share runs fn beside what another call may be doing on the same connection. fn only asks, and touches nothing of its caller's:
// where ctx ends first, nobody waits for it. It is run again where a connection turns out to be dead. Errors: as Call.
func (p *Pool[C]) Share(ctx context.Context, fn func(C) error) error {
	done := make(chan error, 1)
	c, ok := p.beside(func(c C) { done <- fn(c) })
	if !ok {
		return p.Call(ctx, fn)
	}
	select {
	case err := <-done:
		if ctx.Err() == nil && p.lost(err) {
			_ = c.Base().Wire.Close() // who has it, or takes it, finds that out
			return p.Call(ctx, fn)
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// beside asks something on a connection that is there, whoever uses it.
func (p *Pool[C]) beside(ask func(C)) (c C, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch n := len(p.idle); {
	case n > 0:
		c = p.idle[n-1]
	case len(p.used) > 0 && !p.done:
		c = slices.Collect(maps.Keys(p.used))[0]
	default:
		return c, false
	}
	c.Base().Behind(func() { ask(c) })
	return c, true
}

// with runs fn, and reports whether it has asked for a name. A context that ends closes the connection under it.
func (p *Pool[C]) with(ctx context.Context, c C, fn func(C) error) (naming bool, err error) {
	line := c.Base()
	line.Naming = false
	rest := line.Wire.Busy()
	stop := context.AfterFunc(ctx, func() { _ = line.Wire.Close() })
	err = fn(c)
	naming = line.Naming // now: another call may have the connection in a moment
	if !stop() || p.lost(err) {
		c.End()
		p.ended(c)
		return naming, err
	}
	rest()
	p.mu.Lock()
	p.give(got[C]{c: c, rested: true})
	return naming, err
}

// take returns a connection: one that rests, or the first that another call gives back or that is made meanwhile.
func (p *Pool[C]) take(ctx context.Context) got[C] {
	p.mu.Lock()
	n := len(p.idle)
	switch {
	case p.done:
		p.mu.Unlock()
		return got[C]{err: store.ErrClosed}
	case n > 0:
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.used[c] = true
		p.mu.Unlock()
		return got[C]{c: c, rested: true}
	}
	mine := make(chan got[C], 1)
	p.waiting = append(p.waiting, mine)
	p.dialLocked()
	p.mu.Unlock()
	select {
	case g := <-mine:
		return g
	case <-ctx.Done():
	}
	p.mu.Lock()
	if i := slices.Index(p.waiting, chan<- got[C](mine)); i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
		p.mu.Unlock()
		return got[C]{err: ctx.Err()}
	}
	p.mu.Unlock()
	g := <-mine // given just now
	if g.err == nil {
		p.mu.Lock()
		p.give(g)
	}
	return got[C]{err: ctx.Err()}
}

// give hands a connection to the call that waits longest, or lets it rest. p.mu is held, and free afterwards.
func (p *Pool[C]) give(g got[C]) {
	defer p.mu.Unlock()
	delete(p.used, g.c)
	switch {
	case p.done:
		g.c.End()
	case len(p.waiting) > 0:
		p.used[g.c] = true
		p.waiting[0] <- g
		p.waiting = p.waiting[1:]
	default:
		p.idle = append(p.idle, g.c)
	}
}

// ended counts a connection that was given up, and makes another for who waits for it.
func (p *Pool[C]) ended(c C) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.used, c)
	if len(p.waiting) > p.dialing {
		p.dialLocked()
	}
}

// dialLocked begins to make a connection; p.mu is held.
func (p *Pool[C]) dialLocked() {
	if p.done {
		return
	}
	p.dialing++
	p.dials.Go(func() {
		c, err := p.dial(p.alive)
		p.mu.Lock()
		p.dialing--
		if err == nil {
			p.give(got[C]{c: c})
			return
		}
		defer p.mu.Unlock()
		// A server may allow fewer connections than are useful: who waits gets one that others give back.
		if len(p.used) == 0 && len(p.waiting) > p.dialing {
			p.waiting[0] <- got[C]{err: err}
			p.waiting = p.waiting[1:]
		}
	})
}
