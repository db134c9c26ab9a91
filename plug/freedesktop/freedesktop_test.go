//go:build !windows && !darwin

package freedesktop

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/godbus/dbus/v5"
)

// What the portal answers is read as it is meant: names with a plus, a per cent sign and an umlaut are those of the disk.
func TestChosen(t *testing.T) {
	answer := func(response uint32, uris ...string) []any {
		return []any{response, map[string]dbus.Variant{"uris": dbus.MakeVariant(uris)}}
	}
	for name, c := range map[string]struct {
		body []any
		path string
		err  error
	}{
		"a plus":             {answer(0, "file:///home/anna/C++%20and%20100%25/Gr%C3%B6%C3%9Fe"), "/home/anna/C++ and 100%/Größe", nil},
		"no name in UTF-8":   {answer(0, "file:///home/anna/%FF"), "/home/anna/\xff", nil},
		"cancelled":          {answer(1), "", nil},
		"closed by Escape":   {answer(2), "", nil},
		"nothing":            {answer(0), "", ErrNoPortal},
		"another computer's": {answer(0, "smb://server/share"), "", ErrNoPortal},
		"no answer at all":   {[]any{"what"}, "", ErrNoPortal},
	} {
		path, err := chosen(c.body)
		if path != c.path || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
			t.Errorf("%s: %q, %v", name, path, err)
		}
	}
}

// Where the session has no bus none is started; one that is there is used.
func TestNoLaunch(t *testing.T) {
	t.Setenv(busVariable, "unix:path=/x")
	if err := NoLaunch(); err != nil || os.Getenv(busVariable) != "unix:path=/x" {
		t.Errorf("the session's own address becomes %q, %v", os.Getenv(busVariable), err)
	}
	none, run := t.TempDir(), t.TempDir()
	if got := busIn(none, ""); got != "disabled:" {
		t.Errorf("without a bus: %q", got)
	}
	if err := os.WriteFile(filepath.Join(run, "bus"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := busIn(none, run); got != "unix:path="+filepath.Join(run, "bus") {
		t.Errorf("the session's bus is not used: %q", got)
	}
	t.Setenv(busVariable, busIn(none))
	if c, err := session(t.Context()); err == nil {
		t.Errorf("somebody answers: %v", c.Names())
	}
}

// The scheme comes wrapped once or twice, and other values are no answer.
func TestIsDark(t *testing.T) {
	for v, want := range map[any][2]bool{uint32(1): {true, true}, uint32(2): {false, true}, uint32(0): {false, true}, "dark": {false, false}} {
		for _, w := range []dbus.Variant{dbus.MakeVariant(v), dbus.MakeVariant(dbus.MakeVariant(v))} {
			if dark, ok := isDark(w); dark != want[0] || ok != want[1] {
				t.Errorf("%v: %v %v", w, dark, ok)
			}
		}
	}
}
