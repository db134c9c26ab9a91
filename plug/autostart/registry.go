//go:build windows

package autostart

import (
	"errors"
	"strings"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// runKey is the person's own "Run" key.
const runKey = `Software\Microsoft\Windows\CurrentVersion\Run`

// Enabled reports whether the program is started at login.
func (e Entry) Enabled() (bool, error) {
	k, err := registry.OpenKey(registry.CURRENT_USER, runKey, registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer k.Close() //nolint:errcheck // only read from
	_, _, err = k.GetStringValue(e.ID)
	if errors.Is(err, registry.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Set starts the program at login from now on, or not.
func (e Entry) Set(on bool) error {
	k, _, err := registry.CreateKey(registry.CURRENT_USER, runKey, registry.SET_VALUE)
	if err != nil {
		return err
	}
	if !on {
		if err = k.DeleteValue(e.ID); errors.Is(err, registry.ErrNotExist) {
			err = nil
		}
		return errors.Join(err, k.Close())
	}
	command, err := e.command()
	if err == nil {
		var quoted []string
		for _, arg := range command {
			quoted = append(quoted, windows.EscapeArg(arg))
		}
		err = k.SetStringValue(e.ID, strings.Join(quoted, " "))
	}
	return errors.Join(err, k.Close())
}
