package wire

import (
	"io"
	"net"
	"time"
)

// Conn is a pair of pipes as a connection. It has no deadlines: pings find a program that hangs.
type Conn struct {
	io.ReadWriteCloser
	Gone func() // called, perhaps more than once, when nothing can be read any more
}

// Read implements net.Conn.
func (c Conn) Read(p []byte) (int, error) {
	n, err := c.ReadWriteCloser.Read(p)
	if err != nil {
		c.Gone()
	}
	return n, err
}

// Close implements net.Conn.
func (c Conn) Close() error {
	c.Gone()
	return c.ReadWriteCloser.Close()
}

// LocalAddr implements net.Conn.
func (Conn) LocalAddr() net.Addr { return Addr{} }

// RemoteAddr implements net.Conn.
func (Conn) RemoteAddr() net.Addr { return Addr{} }

// SetDeadline implements net.Conn.
func (Conn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.Conn.
func (Conn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.Conn.
func (Conn) SetWriteDeadline(time.Time) error { return nil }

// Addr is the address of either side.
type Addr struct{}

// Network implements net.Addr.
func (Addr) Network() string { return "pipe" }

func (Addr) String() string { return "holdfast-remote" }
