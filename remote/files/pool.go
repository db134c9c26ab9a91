// Package files is what the clients of servers with files share (SFTP, SMB): connections that calls take in turns, how
// a place's folders are listed and made, and how files are named that are no objects yet.
package files

import (
	"context"
	"sync"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/stall"
)

// Line is what each connection has.
type Line struct {
	Wire *stall.Conn
	// Naming: the call under way has asked for a name. It is not repeated if the answer is lost.
	Naming bool
}

// Base implements Connection for what embeds a Line.
func (l *Line) Base() *Line { return l }

// Connection is a connection to a server, which has a Line in it.
type Connection interface {
	Base() *Line
	// End gives the connection up.
	End()
}

// Pool keeps connections to one server. Each call has one of its own.
type Pool[C Connection] struct {
	dial  func(ctx context.Context) (C, error)
	lost  func(error) bool
	slots chan struct{} // holds a place for each call under way
	mu    sync.Mutex
	idle  []C
	done  bool
}

// NewPool returns a pool of at most so many connections. lost reports whether an error means that a connection is of
// no use any more.
func NewPool[C Connection](connections int, dial func(ctx context.Context) (C, error), lost func(error) bool) *Pool[C] {
	return &Pool[C]{dial: dial, lost: lost, slots: make(chan struct{}, connections)}
}

// Close ends the connections that rest; the others end with their calls.
func (p *Pool[C]) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.idle {
		c.End()
	}
	p.idle, p.done = nil, true
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
		c, rested, err := p.take(ctx)
		naming := false
		if err == nil {
			naming, err = p.with(ctx, c, fn)
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case rested && !naming && p.lost(err):
			continue
		}
		return err
	}
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
		return naming, err
	}
	rest()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done {
		c.End()
	} else {
		p.idle = append(p.idle, c)
	}
	return naming, err
}

func (p *Pool[C]) take(ctx context.Context) (c C, rested bool, err error) {
	p.mu.Lock()
	switch n := len(p.idle); {
	case p.done:
		err = store.ErrClosed
	case n > 0:
		c, p.idle, rested = p.idle[n-1], p.idle[:n-1], true
	}
	p.mu.Unlock()
	if rested || err != nil {
		return c, rested, err
	}
	c, err = p.dial(ctx)
	return c, false, err
}
