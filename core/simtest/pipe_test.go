package simtest

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"sync"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/remote"
	"github.com/holdfast-backup/holdfast/core/store/remote/wire"
	"github.com/holdfast-backup/holdfast/remote/serve"
)

// pipe is what a computer speaks through with its holdfast-remote, life after life of it.
type pipe struct {
	g *gated

	mu    sync.Mutex
	now   net.Conn // of the present life
	left  int64    // bytes until it is killed
	armed bool
}

// through does something with a store that reaches the gate through holdfast-remote.
func (s *schedule) through(g *gated, do func(on store.Store) error) error {
	g.pipe = &pipe{g: g}
	on, err := remote.Open(context.Background(), remote.Options{Start: g.pipe.start, Place: "the disk"})
	if err != nil {
		return err
	}
	defer on.Close() //nolint:errcheck // the action has ended
	return do(on)
}

func (p *pipe) start(context.Context) (io.ReadWriteCloser, error) {
	here, there := net.Pipe()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now, p.armed = here, false
	go func() {
		// How it ends does not matter: it is killed.
		_ = serve.Serve(there, serve.Places{Open: func(context.Context, wire.Open, func(json.RawMessage)) (store.Store, error) {
			return narrow{p.g, p.g.w.connections}, nil
		}})
	}()
	return mortal{here, p}, nil
}

// kill kills the program.
func (p *pipe) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.died()
	_ = p.now.Close() // perhaps it is dead
}

// died notes a death.
func (p *pipe) died() {
	p.g.w.mu.Lock()
	defer p.g.w.mu.Unlock()
	p.g.hurt = true
	p.g.w.dead++
}

// killAfter kills it when so many bytes have gone through.
func (p *pipe) killAfter(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left, p.armed = n, true
}

// pass counts bytes, and returns how many of them go through.
func (p *pipe) pass(c net.Conn, n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now != c || !p.armed {
		return n
	}
	if p.left -= int64(n); p.left >= 0 {
		return n
	}
	p.armed = false
	p.g.w.log("profile %d: holdfast-remote is killed within a message", p.g.p.number)
	p.died()
	return max(0, n+int(p.left))
}

// narrow is a store at which fewer calls at once are useful than a computer would make.
type narrow struct {
	*gated
	connections int
}

func (n narrow) Properties() store.Properties {
	p := n.gated.Properties()
	p.Connections, p.Lags, p.Flat = n.connections, true, n.flat()
	return p
}

// flat places list everything at once, in the order of names. Half of the schedules have one.
func (n narrow) flat() bool { return n.connections%2 == 0 }

// List implements store.Store. A list of everything is no look at one moment: others are at work between its parts.
func (n narrow) List(ctx context.Context, prefix string, fn func(store.Object) error) error {
	if prefix != "" || !n.flat() {
		return n.gated.List(ctx, prefix, fn)
	}
	for _, part := range []string{
		"closings/", "holdfast.json", "indexes/", "keyring-", "marks/", "packs/", "pending/", "pins/", "removed/", "snapshots/",
	} {
		if err := n.gated.List(ctx, part, fn); err != nil {
			return err
		}
	}
	return nil
}

// mortal is the app's end of a pipe.
type mortal struct {
	net.Conn
	p *pipe
}

func (m mortal) Write(b []byte) (int, error) {
	n := m.p.pass(m.Conn, len(b))
	k, err := m.Conn.Write(b[:n])
	if n < len(b) && err == nil {
		err = io.ErrClosedPipe
		_ = m.Close() // it is dead
	}
	return k, err
}

func (m mortal) Read(b []byte) (int, error) {
	n, err := m.Conn.Read(b)
	if k := m.p.pass(m.Conn, n); k < n {
		_ = m.Close() // it is dead
		return k, io.ErrClosedPipe
	}
	return n, err
}
