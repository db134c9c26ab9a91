// Package stall ends connections on which nothing moves: a network that went away says nothing.
package stall

import (
	"errors"
	"net"
	"sync/atomic"
	"time"
)

// Patience is how long a connection may be silent while somebody waits for it.
const Patience = 60 * time.Second

// Conn is a connection whose reads and writes fail when nothing moves for a while. It begins at rest.
type Conn struct {
	net.Conn
	Patience time.Duration // 0: Patience
	busy     atomic.Int32
	most     atomic.Int64 // bytes that may still be read; 0: there is no limit
}

// ErrTooMuch: the other side has sent more than it may.
var ErrTooMuch = errors.New("the server sends too much")

// AtMost has reads fail with ErrTooMuch beyond so many bytes, until the returned function is called.
func (c *Conn) AtMost(bytes int64) (end func()) {
	c.most.Store(bytes)
	return func() { c.most.Store(0) }
}

// Busy says that somebody waits for the connection, until the returned function is called.
func (c *Conn) Busy() (rest func()) {
	c.busy.Add(1)
	c.moved()
	return func() {
		if c.busy.Add(-1) == 0 {
			_ = c.Conn.SetDeadline(time.Time{}) // a closed one needs none
		}
	}
}

// moved gives the connection its patience anew.
func (c *Conn) moved() {
	if c.busy.Load() == 0 {
		return
	}
	patience := c.Patience
	if patience == 0 {
		patience = Patience
	}
	_ = c.Conn.SetDeadline(time.Now().Add(patience)) // a closed one needs none
}

// Read implements net.Conn.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.moved()
		if most := c.most.Load(); most > 0 && !c.most.CompareAndSwap(most, max(most-int64(n), -1)) {
			return n, err // the limit has just ended
		}
	}
	if c.most.Load() < 0 {
		return n, ErrTooMuch
	}
	return n, err
}

// Write implements net.Conn.
func (c *Conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if n > 0 {
		c.moved()
	}
	return n, err
}
