package ui

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
)

// What was lost comes back to where it was, and nowhere else; then a new computer goes on with the backup.
func TestFilesArePutBackWhereTheyWere(t *testing.T) {
	dir, more := treeOf(t, someFiles), filepath.Join(t.TempDir(), "Music")
	if err := os.Mkdir(more, 0o755); err != nil {
		t.Fatal(err)
	}
	song := filepath.Join(more, "song")
	if err := os.WriteFile(song, []byte("la la"), 0o644); err != nil {
		t.Fatal(err)
	}
	place := filepath.Join(t.TempDir(), "Holdfast")
	d := sit(t, t.TempDir(), nil)
	d.door("Set up a backup")
	for _, path := range []string{dir, more} {
		d.write(0, path)
		d.press("Add")
	}
	d.Sees("6 files")
	d.press("Continue")
	d.write(0, place)
	d.press("Continue")
	d.Sees("Who may open it?")
	d.press("Continue")
	key := d.confirmKey()
	d.press("Set up the backup")
	d.Sees("Everything is set")
	d.backUp()
	d.leave()
	saved := dir + " as it was"
	if err := os.Rename(dir, saved); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(song, []byte("changed since"), 0o644); err != nil {
		t.Fatal(err)
	}

	other := sit(t, t.TempDir(), nil)
	other.unlock(place, strings.Join(key, " "))
	other.Sees("From which day?")
	other.row(other.firstDate()).Tapped(nil)
	other.Sees("Music")
	other.press("All")
	other.press("Continue")
	other.door("Where they were")
	other.pressRestore()
	other.Sees("every byte was checked")
	other.Sees("1 file of those differ")
	sameFiles(t, saved, dir)
	if b, err := os.ReadFile(song); err != nil || string(b) != "changed since" {
		t.Errorf("%q, %v", b, err)
	}
	other.Sees("Keep backing up this computer here?")
	other.press("Set it up")
	other.Sees("6 files")
	other.press("Continue")
	other.Sees("Where should it be kept?")
	other.press("Continue")
	other.Sees("This place already holds a backup")
	other.write(0, strings.Join(key, ""))
	other.press("Join this backup")
	other.Sees("You joined the backup")
	if st := other.core.Status(); st.Destination != place || len(st.Sources) != 2 || st.Protection != core.ProtectionKey {
		t.Errorf("%+v", st)
	}
}
