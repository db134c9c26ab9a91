package stall_test

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/remote/stall"
)

// A connection on which nothing moves ends while somebody waits for it, and only then.
func TestSilence(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close() //nolint:errcheck // the test ends
	c := &stall.Conn{Conn: here, Patience: 50 * time.Millisecond}
	defer c.Close() //nolint:errcheck // the test ends
	rest := c.Busy()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a read of a silent connection: %v", err)
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a write to a connection that nobody reads: %v", err)
	}
	rest()
	read := make(chan error, 1)
	go func() {
		_, err := c.Read(make([]byte, 1))
		read <- err
	}()
	timer := time.NewTimer(200 * time.Millisecond)
	defer timer.Stop()
	select {
	case err := <-read:
		t.Fatalf("a connection at rest ends: %v", err)
	case <-timer.C:
	}
	if _, err := there.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := <-read; err != nil {
		t.Errorf("a connection at rest: %v", err)
	}
}

// A server that sends more than it may is heard no more, until the limit ends.
func TestAtMost(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close() //nolint:errcheck // the test ends
	c := &stall.Conn{Conn: here}
	defer c.Close() //nolint:errcheck // the test ends
	go func() {
		for {
			if _, err := there.Write(make([]byte, 10)); err != nil {
				return
			}
		}
	}()
	end, got := c.AtMost(25), 0
	for {
		n, err := c.Read(make([]byte, 10))
		got += n
		if errors.Is(err, stall.ErrTooMuch) {
			break
		}
		if err != nil || got > 100 {
			t.Fatalf("%d bytes, %v", got, err)
		}
	}
	if got < 25 || got > 40 {
		t.Errorf("%d bytes were read", got)
	}
	end()
	if _, err := c.Read(make([]byte, 10)); err != nil {
		t.Error(err)
	}
}
