//go:build !windows && !darwin

package freedesktop

import (
	"context"

	"github.com/godbus/dbus/v5"
)

const (
	settingsName   = "org.freedesktop.portal.Settings"
	appearanceName = "org.freedesktop.appearance"
	schemeKey      = "color-scheme"
	preferDark     = 1
)

// WatchDark calls told with whether the desktop prefers dark, now and after each
// change, until ctx ends. Where no portal answers it calls it never.
func WatchDark(ctx context.Context, told func(dark bool)) error {
	conn, err := session(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing is left to be said
	changes := make(chan *dbus.Signal, 16)
	conn.Signal(changes)
	err = conn.AddMatchSignal(dbus.WithMatchInterface(settingsName), dbus.WithMatchMember("SettingChanged"),
		dbus.WithMatchArg(0, appearanceName))
	if err != nil {
		return err
	}
	var scheme dbus.Variant
	// Read wraps its answer twice, and is there in every version.
	err = conn.Object(portalName, portalPath).CallWithContext(ctx, settingsName+".Read", 0, appearanceName, schemeKey).Store(&scheme)
	if err != nil {
		return err
	}
	if dark, ok := isDark(scheme); ok {
		told(dark)
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case s, open := <-changes:
			if !open {
				return ctx.Err()
			}
			var namespace, key string
			if dbus.Store(s.Body, &namespace, &key, &scheme) != nil || namespace != appearanceName || key != schemeKey {
				continue
			}
			if dark, ok := isDark(scheme); ok {
				told(dark)
			}
		}
	}
}

func isDark(v dbus.Variant) (dark, ok bool) {
	value := v.Value()
	if inner, wrapped := value.(dbus.Variant); wrapped {
		value = inner.Value()
	}
	scheme, ok := value.(uint32)
	return scheme == preferDark, ok
}
