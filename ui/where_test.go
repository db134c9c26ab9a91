package ui

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
)

func TestTheBackupMovedAndAFreshPlace(t *testing.T) {
	dir, destination := treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast")
	d := sit(t, t.TempDir(), nil)
	d.setUpEncrypted(dir, destination)
	d.backUp()
	moved := destination + " moved"
	if err := os.Rename(destination, moved); err != nil {
		t.Fatal(err)
	}
	d.row("Where").Tapped(nil)
	d.Sees("The place of your backup cannot be reached.")
	if says(d, "are free there") {
		t.Error("a place that is away has room")
	}
	d.write(0, destination+" beside")
	d.Sees("are free there. This is the disk that your files are on")
	d.write(0, filepath.Join(dir, "inside"))
	d.press("Use this place")
	d.Sees("The backup cannot be kept inside of " + dir + ", which it backs up.")
	d.write(0, filepath.Dir(dir))
	d.press("Use this place")
	d.Sees("Your own files are in this folder")
	d.press("Choose another place")
	d.write(0, moved)
	d.press("Use this place")
	d.Sees("Backed up")
	if got := d.core.Status().Destination; got != moved {
		t.Fatalf("the backup is at %s", got)
	}
	d.backUp()

	fresh := filepath.Join(t.TempDir(), "New disk", "Holdfast")
	d.row("Where").Tapped(nil)
	d.write(0, fresh)
	d.press("Use this place")
	d.Sees("Begin a fresh backup there?")
	d.press("Not now")
	if got := d.core.Status().Destination; got != moved {
		t.Fatal("it began all the same")
	}
	d.press("Use this place")
	d.Sees("Begin a fresh backup there?")
	d.press("Begin there")
	d.Until("the new place", func() bool { return d.core.Status().Destination == fresh })
	d.Sees("Back up now")
	d.press("Back up now")
	d.Until("a backup there", func() bool { return d.ui.w.Job == nil })
	if d.core.Status().LastBackup.Outcome != core.OutcomeDone {
		t.Error("it did not work at the new place")
	}
	d.nav("Restore")
	d.door("This backup")
	d.Sees("From which day?")
}
