package ui

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/core/release"
	"github.com/holdfast-backup/holdfast/ui/newer"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// A newer version is asked about once a day, told on the first screen and in Settings, and never when the person does not
// want it.
func TestANewerVersionIsTold(t *testing.T) {
	asked := 0
	answer := func() (release.Notice, error) { return release.Notice{}, errors.New("no network") }
	ask := func(context.Context) (release.Notice, error) {
		asked++
		return answer()
	}
	profile := t.TempDir()
	params := core.Params{Profile: profile, Keyring: keyring.File{Path: filepath.Join(profile, "device.key")}}
	d := sitWhere(t, params, nil, func(p *Params) { p.Newer = newer.Source{Version: "1.0.0", Ask: ask} })
	d.setUp(treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast"))
	d.press("Later")
	told := func() bool { return strings.Contains(strings.Join(d.Texts(), "\n"), "is there") }
	look := func() {
		d.nav("Settings")
		d.nav("Backup")
		d.ui.w.Work.Wait()
		d.Loop.Drain()
	}
	look()
	look()
	if asked != 1 || told() {
		t.Fatalf("without an answer: asked %d times, told %v", asked, told())
	}

	answer = func() (release.Notice, error) {
		return release.Notice{Version: "1.1.0", Page: "https://releases.example/1.1.0"}, nil
	}
	d.clock += 25 * time.Hour
	look()
	if asked != 2 {
		t.Fatalf("asked %d times in two days", asked)
	}
	d.Sees("Holdfast 1.1.0 is there")
	d.Sees("You have 1.0.0.")
	d.row("Holdfast 1.1.0 is there").Tapped(nil)
	d.nav("Settings")
	d.Sees("Holdfast 1.1.0 is there")

	trailing[*widgets.Toggle](d, "Tell about newer versions").Tapped(nil)
	d.clock += 25 * time.Hour
	look()
	if asked != 2 || told() {
		t.Errorf("against the person's will: asked %d times, told %v", asked, told())
	}
}

// A build that knows nobody to ask has no choice about it, and an older version is not told.
func TestNobodyIsAskedForVersions(t *testing.T) {
	d := sit(t, t.TempDir(), nil)
	d.setUp(treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast"))
	d.press("Later")
	d.ui.w.Prefs.SetNewer("99.0.0", "https://releases.example/")
	d.nav("Settings")
	if texts := strings.Join(d.Texts(), "\n"); strings.Contains(texts, "newer versions") || strings.Contains(texts, "is there") {
		t.Errorf("Settings say %s", texts)
	}
}
