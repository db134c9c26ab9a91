package shell

import (
	"path/filepath"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

func TestSecondWindowOnTheSameProfile(t *testing.T) {
	profile := t.TempDir()
	params := core.Params{Profile: profile, Keyring: keyring.File{Path: filepath.Join(profile, "device.key")}}
	first, err := core.Open(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close() //nolint:errcheck // nothing was written
	_, err = core.Open(t.Context(), params)
	if err == nil {
		t.Fatal("the profile opened twice")
	}
	w := newTroubleWindow(test.NewTempApp(t), profile, err, func() {})
	w.Resize(fyne.NewSize(520, 340))
	said := false
	for _, o := range test.LaidOutObjects(w.Content()) {
		if x, ok := o.(*widgets.Text); ok && strings.Contains(x.Text, "already open") {
			said = true
		}
	}
	if !said {
		t.Error("the window does not say why")
	}
}

func TestTheRealDialogsOpen(t *testing.T) {
	d := sit(t, t.TempDir(), Desk{})
	real := &dialogs{w: d.w}
	real.Folder(t.TempDir(), func(string) {})
	if d.w.Canvas().Overlays().Top() == nil {
		t.Error("there is no folder dialog")
	}
	real.Folder("/nowhere/at/all", func(string) {})
	real.Save("key.txt", func(string) {})
	if n := len(d.w.Canvas().Overlays().List()); n != 3 {
		t.Errorf("%d dialogs are open", n)
	}
}
