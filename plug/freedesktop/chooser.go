//go:build !windows && !darwin

package freedesktop

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	"github.com/godbus/dbus/v5"
)

const (
	portalName = "org.freedesktop.portal.Desktop"
	portalPath = dbus.ObjectPath("/org/freedesktop/portal/desktop")
	chooseFile = "org.freedesktop.portal.FileChooser."
	request    = "org.freedesktop.portal.Request"
)

// Chooser shows the system's file dialogs: those of the portal
// org.freedesktop.portal.FileChooser. (The library for it takes a plus in a path
// for a space, and any signal for the answer.)
type Chooser struct{}

// Folder asks for a folder, beginning at start if that is not "". window is the
// portal's name of the window that asks, "" if it has none. "" was chosen when
// the person closed the dialog. Errors: ErrNoPortal.
func (Chooser) Folder(ctx context.Context, window, title, start string) (string, error) {
	o := options{"directory": dbus.MakeVariant(true)}
	o.folder("current_folder", start)
	return o.choose(ctx, "OpenFile", window, title)
}

// File asks for a file to read. Errors: ErrNoPortal.
func (Chooser) File(ctx context.Context, window, title string) (string, error) {
	return options{}.choose(ctx, "OpenFile", window, title)
}

// Save asks for the name of a file to write; the dialog asks about one that exists. Errors: ErrNoPortal.
func (Chooser) Save(ctx context.Context, window, title, name string) (string, error) {
	return options{"current_name": dbus.MakeVariant(name)}.choose(ctx, "SaveFile", window, title)
}

type options map[string]dbus.Variant

// folder sets a path: the portal wants its bytes, with a zero at the end.
func (o options) folder(name, path string) {
	if filepath.IsAbs(path) {
		o[name] = dbus.MakeVariant(append([]byte(path), 0))
	}
}

// choose shows a dialog and waits for its answer. It closes with ctx.
func (o options) choose(ctx context.Context, method, window, title string) (path string, err error) {
	conn, err := session(ctx)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoPortal, err)
	}
	defer conn.Close() //nolint:errcheck // whatever was to be said has been
	answers := make(chan *dbus.Signal, 16)
	conn.Signal(answers)
	err = conn.AddMatchSignal(dbus.WithMatchInterface(request), dbus.WithMatchMember("Response"), dbus.WithMatchSender(portalName))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoPortal, err)
	}
	var handle dbus.ObjectPath
	portal := conn.Object(portalName, portalPath)
	if err = portal.CallWithContext(ctx, chooseFile+method, 0, window, title, map[string]dbus.Variant(o)).Store(&handle); err != nil {
		return "", errors.Join(ctx.Err(), fmt.Errorf("%w: %w", ErrNoPortal, err))
	}
	for {
		select {
		case <-ctx.Done():
			return "", ctx.Err() // the dialog goes with the connection
		case answer, open := <-answers:
			if !open {
				return "", errors.Join(ctx.Err(), ErrNoPortal)
			}
			if answer.Path == handle {
				return chosen(answer.Body)
			}
		}
	}
}

// chosen reads the answer of a dialog: (u response, a{sv} results).
func chosen(body []any) (string, error) {
	var response uint32
	var results map[string]dbus.Variant
	if err := dbus.Store(body, &response, &results); err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoPortal, err)
	}
	if response != 0 {
		return "", nil // 1: the person cancelled it, 2: it was closed otherwise, as GTK's is by Escape
	}
	var uris []string
	if v, ok := results["uris"]; ok {
		if err := v.Store(&uris); err != nil {
			return "", fmt.Errorf("%w: %w", ErrNoPortal, err)
		}
	}
	if len(uris) == 0 {
		return "", fmt.Errorf("%w: it names nothing", ErrNoPortal)
	}
	u, err := url.Parse(uris[0])
	if err != nil || u.Scheme != "file" {
		return "", fmt.Errorf("%w: it names no file of this computer", ErrNoPortal)
	}
	return u.Path, nil
}
