package files

import (
	"context"
	"fmt"
	"net"
	"os/user"
	"strings"
	"time"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/stall"
)

const dialPatience = 30 * time.Second

// HostPort splits the host of an address, and returns it with the usual port where it names none.
func HostPort(text, usual string) (host, server string) {
	if host, _, err := net.SplitHostPort(text); err == nil {
		return host, text
	}
	host = strings.Trim(text, "[]")
	return host, net.JoinHostPort(host, usual)
}

// User returns the user that an address names, else whoever runs this program. Errors: store.ErrSignIn.
func User(named string) (string, error) {
	if named != "" {
		return named, nil
	}
	u, err := user.Current()
	if err != nil {
		return "", fmt.Errorf("%w: the address names no user", store.ErrSignIn)
	}
	return u.Username, nil
}

// Dial connects to a server, and has signIn make a connection of it. Both have half a minute. Errors: those of signIn,
// store.ErrUnreachable.
func Dial[C Connection](ctx context.Context, server string, signIn func(ctx context.Context, wire *stall.Conn) (C, error)) (c C,
	err error) {
	within, cancel := context.WithTimeout(ctx, dialPatience)
	defer cancel()
	raw, err := new(net.Dialer).DialContext(within, "tcp", server)
	if err != nil {
		return c, fmt.Errorf("%w: %w", store.ErrUnreachable, err)
	}
	wire := &stall.Conn{Conn: raw}
	rest := wire.Busy()
	stop := context.AfterFunc(within, func() { _ = raw.Close() })
	defer stop()
	if c, err = signIn(within, wire); err != nil {
		_ = raw.Close() // err says more
		return c, err
	}
	rest()
	return c, nil
}
