// Package instance lets a second start of the desktop app show the window of
// the first. Which is the first is for the profile's lock to say; here is only
// the bell: a socket in the profile's folder, which only its owner can reach.
package instance

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Patience is how long a second start waits for the first to answer.
const Patience = 5 * time.Second

const heard = "heard\n"

// Errors of Raise.
var (
	// ErrNobody: no window is open on the profile.
	ErrNobody = errors.New("no window is open")
	// ErrSilent: there is one, and it does not answer.
	ErrSilent = errors.New("the window does not answer")
)

func socket(profile string) string { return filepath.Join(profile, "window.sock") }

// Listen calls raise, from a goroutine of its own, whenever another start
// rings; raise shows the window, waits until that is done, and reports whether
// it was. So a window that hangs is not taken for one that is shown. The caller holds the
// profile's lock, so a socket that is there was left by a crash. stop ends it.
func Listen(profile string, raise func() bool) (stop func(), err error) {
	path := socket(profile)
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = l.Close() // the cause is reported
		return nil, err
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if raise() {
				_, _ = io.WriteString(c, heard) // who rang may have gone
			}
			_ = c.Close()
		}
	})
	return func() {
		_ = l.Close() // takes the socket away too
		wg.Wait()
	}, nil
}

// Raise has the profile's window shown, and returns nil when it is. It waits for patience at most. Errors: ErrNobody, ErrSilent.
func Raise(profile string, patience time.Duration) error {
	c, err := net.DialTimeout("unix", socket(profile), patience)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNobody, err)
	}
	defer c.Close() //nolint:errcheck // all is read
	_ = c.SetDeadline(time.Now().Add(patience))
	answer := make([]byte, len(heard))
	if _, err = io.ReadFull(c, answer); err != nil {
		return fmt.Errorf("%w: %w", ErrSilent, err)
	}
	return nil
}
