// Package instance lets a second start of the desktop app show the window of
// the first. Which is the first is for the profile's lock to say; here is only
// the bell: a socket in the profile's folder, which only its owner can reach.
package instance

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// patience is how long a second start waits for the first to answer.
const patience = 2 * time.Second

const heard = "heard\n"

func socket(profile string) string { return filepath.Join(profile, "window.sock") }

// Listen calls raise, from a goroutine of its own, whenever another start
// rings. The caller holds the profile's lock, so a socket that is there was left by a crash. stop ends it.
func Listen(profile string, raise func()) (stop func(), err error) {
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
			raise()
			_, _ = io.WriteString(c, heard) // who rang may have gone
			_ = c.Close()
		}
	})
	return func() {
		_ = l.Close() // takes the socket away too
		wg.Wait()
	}, nil
}

// Raise rings at the profile's window. It reports whether somebody heard.
func Raise(profile string) bool {
	c, err := net.DialTimeout("unix", socket(profile), patience)
	if err != nil {
		return false
	}
	defer c.Close() //nolint:errcheck // all is read
	_ = c.SetDeadline(time.Now().Add(patience))
	answer := make([]byte, len(heard))
	_, err = io.ReadFull(c, answer)
	return err == nil && string(answer) == heard
}
