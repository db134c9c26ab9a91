package ui

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/storage"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/uitest"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// The icon in the panel shows by its shape, and says, how things are.
func TestTheTraysIconShowsHowThingsAre(t *testing.T) {
	d, destination := scheduled(t, "Every hour")
	shows := func(state, tip string) {
		t.Helper()
		if d.panel.icon != "holdfast-"+state+".svg" || !strings.HasPrefix(d.panel.tip, tip) {
			t.Errorf("the icon is %q and says %q, not %s and %q", d.panel.icon, d.panel.tip, state, tip)
		}
	}
	shows("well", "Backed up today")
	d.panel.item("Pause for an hour").Action()
	d.Until("the pause", func() bool { return d.panel.item("Go on backing up") != nil })
	shows("paused", "")
	d.panel.item("Go on backing up").Action()
	d.Until("the end of the pause", func() bool { return d.panel.item("Pause for an hour") != nil })
	if err := os.Rename(destination, destination+" unplugged"); err != nil {
		t.Fatal(err)
	}
	d.ui.home.BackUp()
	shows("running", "Backing up")
	d.Until("the end", func() bool { return d.ui.w.Job == nil && d.core.Status().LastBackup.Outcome == core.OutcomeFailed })
	shows("bad", "The last backup did not work")
}

// What is dropped where one chooses is added there.
func TestDroppedOnThePageThatChooses(t *testing.T) {
	d := sit(t, t.TempDir(), nil)
	dir := treeOf(t, someFiles)
	file := filepath.Join(dir, "one.txt")
	if err := os.WriteFile(file, []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	d.door("Set up a backup")
	d.Sees("What do you want to keep?")
	d.drop(dir, file, filepath.Join(dir, "that is not there"), dir)
	d.Until("what was dropped", func() bool { return len(d.chosen()) > 0 })
	if got := d.chosen(); !slices.Equal(got, []string{dir, file}) {
		t.Errorf("added: %v", got)
	}
	d.press("Continue")
	d.Sees("Where should it be kept?")
	other := t.TempDir()
	d.drop(other)
	d.Sees("Added to what is backed up")
	d.press("OK")
	d.press("Back")
	if got := d.chosen(); !slices.Contains(got, other) {
		t.Errorf("added: %v", got)
	}
}

// Elsewhere a question leads there, and what is backed up already is said to be.
func TestDroppedElsewhere(t *testing.T) {
	d := sit(t, t.TempDir(), nil)
	dir := treeOf(t, someFiles)
	d.drop(dir)
	d.Sees("Back up “Documents”?")
	d.press("Add it")
	d.Sees("What do you want to keep?")
	if got := d.chosen(); !slices.Equal(got, []string{dir}) {
		t.Errorf("added: %v", got)
	}
	d.shortcut(fyne.KeyLeft, fyne.KeyModifierAlt)
	d.Sees("Welcome to Holdfast")

	d.setUp(dir, filepath.Join(t.TempDir(), "Holdfast"))
	d.press("Later")
	d.drop(filepath.Join(dir, "letter.txt"), dir)
	d.Sees("It is backed up already")
	d.press("OK")
	other := t.TempDir()
	d.drop(other)
	d.Sees("Back up “" + filepath.Base(other) + "”?")
	d.press("Add it")
	d.Sees("What you take out stays")
	d.press("Save")
	d.Until("the change", func() bool { return slices.Equal(d.core.Status().Sources, []string{dir, other}) })
}

// chosen are the folders and files that a page lists, to be backed up.
func (d *desk) chosen() []string {
	var out []string
	for _, r := range uitest.Find(d.Desk, func(*widgets.SettingRow) bool { return true }) {
		if b, ok := r.Trailing().(*widgets.Button); ok && b.Icon == "cross" {
			out = append(out, r.Value())
		}
	}
	return out
}

func (d *desk) drop(paths ...string) {
	var items []fyne.URI
	for _, p := range paths {
		items = append(items, storage.NewFileURI(p))
	}
	d.panel.frame.dropped(fyne.NewPos(10, 10), items)
}
