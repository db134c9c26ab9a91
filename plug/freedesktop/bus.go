//go:build !windows && !darwin

package freedesktop

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/godbus/dbus/v5"
)

const busVariable = "DBUS_SESSION_BUS_ADDRESS"

// NoLaunch keeps the bus's library from starting a bus where the session has
// none: nobody else would ever speak on it, and nobody would end it. It is to be
// called before the bus is asked for.
func NoLaunch() error {
	if os.Getenv(busVariable) != "" {
		return nil
	}
	return os.Setenv(busVariable, busIn(fmt.Sprintf("/run/user/%d", os.Getuid()), os.Getenv("XDG_RUNTIME_DIR")))
}

// busIn is the address of the bus in one of some folders, where systemd has it, or one that nobody can have.
func busIn(dirs ...string) string {
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		path := filepath.Join(dir, "bus")
		if _, err := os.Stat(path); err == nil {
			return "unix:path=" + dbus.EscapeBusAddressValue(path)
		}
	}
	return "disabled:"
}

// session is a connection of its own, which ends with ctx.
func session(ctx context.Context) (*dbus.Conn, error) {
	return dbus.ConnectSessionBus(dbus.WithContext(ctx))
}
