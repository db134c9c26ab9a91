//go:build windows

package autostart

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/windows/registry"
)

func TestRunKey(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"Hold fast.exe", "hold fast.com"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e := Entry{
		ID: "test.holdfast." + filepath.Base(dir), Program: filepath.Join(dir, "hold fast.com"),
		Args: []string{"--background", "--profile", `C:\a b`},
	}
	t.Cleanup(func() { _ = e.Set(false) }) // of a test that failed
	wantEnabled(t, e, false)
	if err := e.Set(true); err != nil {
		t.Fatal(err)
	}
	wantEnabled(t, e, true)
	k, err := registry.OpenKey(registry.CURRENT_USER, runKey, registry.QUERY_VALUE)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close() //nolint:errcheck // only read from
	line, _, err := k.GetStringValue(e.ID)
	if want := `"` + filepath.Join(dir, "hold fast.exe") + `" --background --profile "C:\a b"`; err != nil || line != want {
		t.Errorf("%s, %v\nwant %s", line, err, want)
	}

	// as the task manager turns it off
	approved, _, err := registry.CreateKey(registry.CURRENT_USER, approvedKey, registry.SET_VALUE)
	if err != nil {
		t.Fatal(err)
	}
	defer approved.Close() //nolint:errcheck // a test's
	if err := approved.SetBinaryValue(e.ID, []byte{3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}); err != nil {
		t.Fatal(err)
	}
	wantEnabled(t, e, false)
	if err := e.Set(true); err != nil {
		t.Fatal(err)
	}
	wantEnabled(t, e, true)
	if err := e.Set(false); err != nil {
		t.Fatal(err)
	}
	wantEnabled(t, e, false)
	if err := e.Set(false); err != nil {
		t.Errorf("turned off twice: %v", err)
	}
}

func wantEnabled(t *testing.T, e Entry, want bool) {
	t.Helper()
	if on, err := e.Enabled(); err != nil || on != want {
		t.Errorf("Enabled = %v, %v, want %v", on, err, want)
	}
}

func TestCommandThatWindowsWouldNotStart(t *testing.T) {
	e := Entry{ID: "test.holdfast.long", Program: `C:\` + strings.Repeat("long", 70) + ".exe"}
	if err := e.Set(true); err == nil {
		t.Error("a command of more than 260 characters is set")
	}
	wantEnabled(t, e, false)
}
