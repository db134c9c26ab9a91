//go:build !windows && !darwin

package autostart

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestEntryIsMadeSeenAndRemoved(t *testing.T) {
	config := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", config)
	e := Entry{ID: "org.example.app", Name: "App", Comment: "Does things", Program: "/opt/My App/app",
		Args: []string{"--profile", `/home/a"b$c\d%e`}}
	on := func() bool {
		t.Helper()
		got, err := e.Enabled()
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if on() {
		t.Fatal("it is on before anybody asked")
	}
	for range 2 {
		if err := e.Set(true); err != nil || !on() {
			t.Fatal("it is not on", err)
		}
	}
	path := filepath.Join(config, "autostart", "org.example.app.desktop")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// desktop-entry-spec, "Escaping": a backslash in a quoted argument is four in the file.
	if want := `Exec="/opt/My App/app" "--profile" "/home/a\\"b\\$c\\\\d%%e"`; !strings.Contains(string(b), want+"\n") {
		t.Errorf("the entry says\n%s\nnot\n%s", b, want)
	}
	// As a desktop turns it off.
	off := strings.Replace(string(b), "X-GNOME-Autostart-enabled=true", "X-GNOME-Autostart-enabled=false", 1)
	if err := os.WriteFile(path, []byte(off), 0o644); err != nil {
		t.Fatal(err)
	}
	if on() {
		t.Error("it is on although the desktop turned it off")
	}
	for range 2 {
		if err := e.Set(false); err != nil || on() {
			t.Fatal("it is not off", err)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 0 {
		t.Errorf("%v is left: %v", left, err)
	}
}

// The freedesktop's own judge finds nothing to say, and the icon that the entry names is there.
func TestEntryIsValid(t *testing.T) {
	config, data := t.TempDir(), t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", config)
	t.Setenv("XDG_DATA_HOME", data)
	e := Entry{ID: "org.example.app", Name: "App", Comment: "Does things", Program: "/opt/My App/app",
		Args: []string{"--profile", "/home/a%b"}, Icon: []byte("a picture")}
	if err := e.Set(true); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("desktop-file-validate", filepath.Join(config, "autostart", "org.example.app.desktop")).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v (it needs Debian's desktop-file-utils)\n%s", err, out)
	}
	icon := filepath.Join(data, "icons", "hicolor", "512x512", "apps", "org.example.app.png")
	if b, err := os.ReadFile(icon); err != nil || !bytes.Equal(b, e.Icon) {
		t.Errorf("the icon is %q, %v", b, err)
	}
	if err := e.Set(false); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(icon); err == nil {
		t.Error("the icon is left")
	}
}
