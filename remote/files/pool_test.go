package files_test

import (
	"context"
	"errors"
	"net"
	"testing"

	"go.uber.org/goleak"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/files"
	"github.com/holdfast-backup/holdfast/remote/stall"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type connection struct {
	files.Line
	there net.Conn
}

func (c *connection) End() {
	_ = c.Wire.Close()  // one end of a pipe
	_ = c.there.Close() // and the other
}

func connect() *connection {
	here, there := net.Pipe()
	return &connection{Line: files.Line{Wire: &stall.Conn{Conn: here}}, there: there}
}

var errLost = errors.New("lost")

func lost(err error) bool { return errors.Is(err, errLost) }

// A call takes the connection that another gives back while its own is still being made, or cannot be made.
func TestACallDoesNotWaitForItsOwnConnection(t *testing.T) {
	for name, refused := range map[string]bool{"slow": false, "refused": true} {
		t.Run(name, func(t *testing.T) {
			dials, asked := 0, make(chan struct{})
			p := files.NewPool(2, func(ctx context.Context) (*connection, error) {
				if dials++; dials == 1 {
					return connect(), nil
				}
				close(asked)
				if refused {
					return nil, store.ErrUnreachable
				}
				<-ctx.Done()
				return nil, ctx.Err()
			}, lost)
			defer p.Close()
			second := make(chan error)
			err := p.Call(t.Context(), func(*connection) error {
				go func() { second <- p.Call(t.Context(), func(*connection) error { return nil }) }()
				<-asked
				return nil
			})
			if err := errors.Join(err, <-second); err != nil {
				t.Error(err)
			}
		})
	}
}

// Who waits for a connection that is lost gets a new one, and an error where there is none.
func TestAConnectionIsLost(t *testing.T) {
	dials := make(chan error)
	p := files.NewPool(2, func(ctx context.Context) (*connection, error) {
		select {
		case err := <-dials:
			if err != nil {
				return nil, err
			}
			return connect(), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}, lost)
	defer p.Close()
	second := make(chan error)
	go func() { dials <- nil }()
	err := p.Call(t.Context(), func(*connection) error {
		go func() { second <- p.Call(t.Context(), func(*connection) error { return nil }) }()
		dials <- store.ErrUnreachable // this connection may still be given back
		return errLost
	})
	if !errors.Is(err, errLost) {
		t.Error(err)
	}
	select {
	case dials <- store.ErrNoSpace: // a third one
		err = <-second
	case err = <-second: // the second failed after the first was lost
	}
	if !errors.Is(err, store.ErrNoSpace) && !errors.Is(err, store.ErrUnreachable) {
		t.Errorf("a call without a connection: %v", err)
	}
	if err := p.Call(canceled(), func(*connection) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// What nobody waits for is asked to its end before a pool closes.
func TestWhatIsAskedBehind(t *testing.T) {
	p := files.NewPool(1, func(context.Context) (*connection, error) { return connect(), nil }, lost)
	answered, ended := make(chan struct{}), false
	if err := p.Call(t.Context(), func(c *connection) error {
		c.Behind(func() {
			<-answered
			ended = true
		})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	go close(answered)
	p.Close()
	if !ended {
		t.Error("the pool closed under it")
	}
	if err := p.Call(t.Context(), func(*connection) error { return nil }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("a call after it: %v", err)
	}
}
