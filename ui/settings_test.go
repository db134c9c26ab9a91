package ui

import (
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// atLogin stands for the system's list of what starts at login.
type atLogin struct{ on atomic.Bool }

func (l *atLogin) Enabled() (bool, error) { return l.on.Load(), nil }
func (l *atLogin) Set(on bool) error      { l.on.Store(on); return nil }

// trailing is the control at the end of a row.
func trailing[T any](d *desk, row string) T {
	d.t.Helper()
	c, ok := d.row(row).Trailing().(T)
	if !ok {
		d.t.Fatalf("%q ends in a %T", row, d.row(row).Trailing())
	}
	return c
}

func TestSettingsAboutRunning(t *testing.T) {
	d := sit(t, t.TempDir(), nil)
	d.setUp(treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast"))
	d.press("Later")
	login := &atLogin{}
	d.ui.w.Login = login
	d.nav("Settings")
	d.Loop.Drain()
	for range 2 {
		want := !login.on.Load()
		trailing[*widgets.Toggle](d, "Start at login").Tapped(nil)
		d.Until("the change", func() bool {
			return login.on.Load() == want && trailing[*widgets.Toggle](d, "Start at login").On() == want
		})
	}
	trailing[*widgets.Toggle](d, "Keep running").Tapped(nil)
	d.close()
	if !d.ui.w.Hidden {
		t.Error("the window's end is Holdfast's, against what Settings says")
	}
	d.panel.item("Open Holdfast").Action()
	d.Loop.Drain()
	trailing[*widgets.Toggle](d, "Keep running").Tapped(nil)
	d.close()
	d.Until("the end", func() bool { return d.closed })
}

func TestLanguageChangesAtOnce(t *testing.T) {
	t.Cleanup(func() { shell.Speak("en") })
	profile := t.TempDir()
	d := sit(t, profile, nil)
	d.setUp(treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast"))
	d.press("Later")
	d.nav("Settings")
	d.pick("Deutsch")
	d.Sees("Sprache")
	d.nav("Sicherung")
	d.press("Jetzt sichern")
	d.Until("the backup", func() bool { return d.ui.w.Job == nil })
	d.Sees("Gesichert")
	if line := d.panel.menu.Items[0].Label; !strings.HasPrefix(line, "Gesichert") {
		t.Errorf("the tray says %q", line)
	}
	d.nav("Einstellungen")
	d.pick("English")
	d.Sees("Language")
}

func TestLicences(t *testing.T) {
	d := sit(t, t.TempDir(), nil)
	d.setUp(treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast"))
	d.press("Later")
	d.nav("Settings")
	d.row("Licences").Tapped(nil)
	d.row("fyne.io/fyne/v2").Tapped(nil)
	d.Sees("Redistribution and use in source and binary forms")
	d.press("Back")
	d.press("Back")
	d.Sees("Keep running without a window")
}
