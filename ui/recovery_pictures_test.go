package ui

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// On a new computer two photos of sheets open the backup, in place of 192 digits. A sheet of another backup is told by its file.
func TestPicturesOfSheets(t *testing.T) {
	dir, destination, folder := treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast"), t.TempDir()
	d := sit(t, t.TempDir(), nil)
	d.choosePlaces(dir, destination)
	d.Sees("Who may open it?")
	d.press("Continue")
	d.Sees("This is your key")
	other := filepath.Join(folder, "other")
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, d.files.folderAnswer = range []string{folder, other} {
		d.press("Split it over three sheets of paper…")
		d.Sees("Three sheets are saved.")
		d.Until("the sheets", func() bool {
			_, err := os.Stat(filepath.Join(d.files.folderAnswer, "Holdfast sheet 3 of 3.pdf"))
			return err == nil
		})
	}
	photo := func(sheet, name string) string {
		out := filepath.Join(folder, name)
		if b, err := exec.Command("pdftoppm", "-r", "100", "-png", "-singlefile", sheet, out).CombinedOutput(); err != nil {
			t.Fatalf("pdftoppm (scripts/install test installs it): %v %s", err, b)
		}
		return out + ".png"
	}
	one := photo(filepath.Join(folder, "Holdfast sheet 1 of 3.pdf"), "one")
	three := photo(filepath.Join(folder, "Holdfast sheet 3 of 3.pdf"), "three")
	strange := photo(filepath.Join(other, "Holdfast sheet 2 of 3.pdf"), "strange")
	d.confirmKey()
	d.press("Set up the backup")
	d.Sees("Everything is set")
	d.backUp()
	d.leave()

	second := sit(t, t.TempDir(), nil)
	second.door("Restore a backup")
	second.write(0, destination)
	second.press("Continue")
	second.Sees("Unlock the backup")
	choose := func(file string) {
		second.files.fileAnswer = file
		second.press("From a picture…")
	}
	choose(filepath.Join(folder, "Holdfast sheet 1 of 3.pdf"))
	second.Sees("Holdfast sheet 1 of 3.pdf is no picture that Holdfast can read.")
	choose(one)
	second.Sees("96 of the 192 digits of two sheets")
	choose(strange)
	second.Sees("The sheet in strange.png does not belong to the one that is there.")
	choose(three)
	second.Sees("192 of the 192 digits of two sheets")
	second.press("Unlock")
	second.Sees("From which day?")
}
