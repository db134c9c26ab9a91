//go:build windows

package autostart

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf16"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// runKey is the person's own "Run" key.
const runKey = `Software\Microsoft\Windows\CurrentVersion\Run`

// approvedKey is where the system's own settings turn such an entry off: the first byte of its value is odd then.
const approvedKey = `Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run`

// longest is how long a command in the "Run" key may be, characters.
const longest = 260

// Enabled reports whether the program is started at login.
func (e Entry) Enabled() (bool, error) {
	if e.disapproved() {
		return false, nil
	}
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

// disapproved reports whether the person has turned the entry off in the system's settings.
func (e Entry) disapproved() bool {
	k, err := registry.OpenKey(registry.CURRENT_USER, approvedKey, registry.QUERY_VALUE)
	if err != nil {
		return false // nothing was ever turned off
	}
	defer k.Close() //nolint:errcheck // only read from
	b, _, err := k.GetBinaryValue(e.ID)
	return err == nil && len(b) > 0 && b[0]&1 != 0
}

// approve takes back what was turned off in the system's settings.
func (e Entry) approve() error {
	k, err := registry.OpenKey(registry.CURRENT_USER, approvedKey, registry.SET_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err = k.DeleteValue(e.ID); errors.Is(err, registry.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, k.Close())
}

// withWindow is the program to start: one for a console would open one at each login, so the one of the same name beside it is taken.
func withWindow(program string) string {
	if ext := filepath.Ext(program); strings.EqualFold(ext, ".com") {
		if exe := strings.TrimSuffix(program, ext) + ".exe"; exists(exe) {
			return exe
		}
	}
	return program
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
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
		command[0] = withWindow(command[0])
		for _, arg := range command {
			quoted = append(quoted, windows.EscapeArg(arg))
		}
		line := strings.Join(quoted, " ")
		if n := len(utf16.Encode([]rune(line))); n > longest {
			return errors.Join(fmt.Errorf("the command has %d characters, and Windows starts none of more than %d", n, longest), k.Close())
		}
		err = errors.Join(e.approve(), k.SetStringValue(e.ID, line))
	}
	return errors.Join(err, k.Close())
}
