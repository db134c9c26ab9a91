package ui

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/uitest"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

func TestOnlySomeFiles(t *testing.T) {
	dir, destination := treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast")
	d := sit(t, t.TempDir(), nil)
	d.setUp(dir, destination)
	d.backUp()
	d.nav("Restore")
	d.door("This backup")
	d.Sees("From which day?")
	d.row(d.firstDate()).Tapped(nil)
	d.Sees("Documents")
	d.Sees("Nothing is chosen yet.")
	d.write(0, "C.RAW") // in any case
	d.Sees("1 found")
	d.press("All") // that is shown
	d.Sees("1 found · Chosen: 1 file, ")
	d.write(0, "")
	d.Sees("Chosen: 1 file, ")
	d.press("Continue")
	d.Sees("1 file, ")
	target := filepath.Join(t.TempDir(), "restored")
	d.write(0, target)
	d.nav("Settings") // the flow waits
	d.nav("Restore")
	d.Sees("Where should they go?")
	d.pressRestore()
	d.Sees("every byte was checked")
	if b, err := os.ReadFile(filepath.Join(target, "Documents/photos/b/c.raw")); err != nil || string(b) != someFiles["photos/b/c.raw"] {
		t.Error("the chosen file is not there", err)
	}
	if _, err := os.Stat(filepath.Join(target, "Documents/letter.txt")); err == nil {
		t.Error("another file is there")
	}
	d.press("Done")
	d.nav("Activity")
	d.row("Restore").Tapped(nil)
	d.Sees(target)
	d.press("Copy details")
	if !strings.Contains(d.panel.Clipboard().Content(), target) {
		t.Error("the details do not tell where")
	}
}

// From the Backup screen it takes six clicks to have one file back.
func TestClicksToOneFile(t *testing.T) {
	d := sit(t, t.TempDir(), nil)
	d.setUp(treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast"))
	d.backUp()
	before := d.taps
	d.nav("Restore")
	d.door("This backup")
	d.Sees("From which day?")
	d.row(d.firstDate()).Tapped(nil)
	d.Sees("letter.txt")
	d.taps++ // on its tick
	d.tree().Pick("Documents/letter.txt", true)
	d.Sees("Chosen: 1 file, ")
	d.press("Continue")
	d.Sees("Where should they go?")
	d.pressRestore()
	d.Sees("every byte was checked")
	if b, err := os.ReadFile(filepath.Join(os.Getenv("HOME"), "Restored files", "Documents", "letter.txt")); err != nil ||
		string(b) != someFiles["letter.txt"] {
		t.Errorf("the file came back as %q: %v", b, err)
	}
	if clicks := d.taps - before; clicks > 6 {
		t.Errorf("it takes %d clicks", clicks)
	}
}

func TestVersionsOfAFileThatWasDeleted(t *testing.T) {
	dir, destination := treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast")
	d := sit(t, t.TempDir(), nil)
	d.setUp(dir, destination)
	d.backUp()
	letter := filepath.Join(dir, "letter.txt")
	for n, change := range []func() error{
		func() error { return os.WriteFile(letter, []byte("Dear you, a second and longer time\n"), 0o644) },
		func() error { return os.Remove(letter) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		d.press("Back up now")
		d.Until("a backup", func() bool { return d.ui.w.Job == nil && d.backups() == n+2 })
	}
	d.nav("Restore")
	d.door("This backup")
	d.Sees("From which day?")
	d.row("Find a file").Tapped(nil)
	d.write(0, "no such name")
	d.press("Search")
	d.Sees("Nothing of that name")
	d.write(0, "LETTER")
	d.press("Search")
	d.Sees("2 found")
	older := uitest.Find(d.Desk, func(r *widgets.SettingRow) bool { return strings.HasPrefix(r.Title(), "As it was") })
	if len(older) != 2 {
		t.Fatalf("%d versions", len(older))
	}
	older[1].Tapped(nil)
	target := filepath.Join(t.TempDir(), "restored")
	d.write(0, target)
	d.pressRestore()
	d.Sees("every byte was checked")
	if b, err := os.ReadFile(filepath.Join(target, "Documents", "letter.txt")); err != nil || string(b) != someFiles["letter.txt"] {
		t.Errorf("the older version came back as %q: %v", b, err)
	}
}

// From a file in the tree of one date one gets to what it was at other ones,
// and back to the files of that date with all that was checked.
func TestVersionsOfAFileInTheTree(t *testing.T) {
	dir, destination := treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast")
	d := sit(t, t.TempDir(), nil)
	d.setUp(dir, destination)
	d.backUp()
	if err := os.WriteFile(filepath.Join(dir, "letter.txt"), []byte("Dear you, a second and longer time\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d.press("Back up now")
	d.Until("a backup", func() bool { return d.ui.w.Job == nil && d.backups() == 2 })
	d.nav("Restore")
	d.door("This backup")
	d.Sees("From which day?")
	newest := uitest.One(d.Desk, "date", func(r *widgets.SettingRow) bool { return strings.Contains(r.Title(), "newest") })
	newest.Tapped(nil)
	d.Sees("letter.txt")
	d.press("All")
	d.tree().Pick("Documents/letter.txt", false)
	c := d.ui.w.Canvas()
	for stop := 0; fmt.Sprintf("%T", c.Focused()) != "*widgets.pickTree"; stop++ {
		if stop == 20 {
			t.Fatal("Tab does not get to the tree")
		}
		c.FocusNext()
	}
	for range 2 { // Documents, empty, letter.txt
		c.Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyDown})
	}
	d.Sees("Versions of this file")
	c.Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	d.Sees("2 found")
	older := uitest.Find(d.Desk, func(r *widgets.SettingRow) bool { return strings.HasPrefix(r.Title(), "As it was") })
	older[1].Tapped(nil)
	target := filepath.Join(t.TempDir(), "restored")
	d.write(0, target)
	d.press("Back")
	d.Sees("2 found")
	d.press("Back")
	d.Sees("Chosen: ")
	d.press("Continue")
	d.write(0, target)
	d.pressRestore()
	d.Sees("every byte was checked")
	if _, err := os.Stat(filepath.Join(target, "Documents", "letter.txt")); err == nil {
		t.Error("what was looked at came back, though it was not chosen")
	}
}

func TestANewBackupIsInTheListOfDates(t *testing.T) {
	dir, destination := treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast")
	d := sit(t, t.TempDir(), nil)
	d.setUp(dir, destination)
	d.backUp()
	d.nav("Restore")
	d.door("This backup")
	d.Sees("From which day?")
	d.ui.home.BackUp()
	d.Until("the end of the backup", func() bool { return d.ui.w.Job == nil })
	d.door("This backup") // it started over
	d.Sees("From which day?")
	d.Until("two dates", func() bool {
		return len(uitest.Find(d.Desk, func(r *widgets.SettingRow) bool { return strings.HasPrefix(r.Value(), "5 files") })) == 2
	})
}

func TestCheckingTheBackup(t *testing.T) {
	dir, destination := treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast")
	d := sit(t, t.TempDir(), nil)
	d.setUp(dir, destination)
	d.backUp()
	d.row("Check the backup").Tapped(nil)
	d.Sees("All is well")
	d.Until("the end of the check", func() bool { return d.ui.w.Job == nil })
	packs, err := filepath.Glob(filepath.Join(destination, "packs", "*", "*"))
	if err != nil || len(packs) == 0 {
		t.Fatal("no packs", err)
	}
	if err := os.Remove(packs[0]); err != nil {
		t.Fatal(err)
	}
	d.row("Check the backup").Tapped(nil)
	d.Sees("Damage was found")
}

func TestChangingWhatIsKept(t *testing.T) {
	dir, destination := treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast")
	d := sit(t, t.TempDir(), nil)
	d.setUp(dir, destination)
	d.press("Later")
	more := filepath.Join(t.TempDir(), "More")
	if err := os.Mkdir(more, 0o755); err != nil {
		t.Fatal(err)
	}
	d.row("What").Tapped(nil)
	d.write(0, more)
	d.press("Add")
	d.check("The trash")
	d.press("Save")
	d.Sees("Documents, More")
	st := d.core.Status()
	if len(st.Sources) != 2 || strings.Join(st.Excludes, " ") != "preset:caches preset:temporary" {
		t.Errorf("%+v", st)
	}
	d.nav("Settings")
	d.write(0, "*.iso\nbuild/")
	d.press("Save")
	d.Sees("It counts from the next backup on.")
	d.Until("the patterns", func() bool {
		return strings.Join(d.core.Status().Excludes, " ") == "preset:caches preset:temporary *.iso build/"
	})
	d.write(0, "[")
	d.press("Save")
	d.Sees("cannot be read")
}

func TestTheBackupIsNotKeptInWhatItKeeps(t *testing.T) {
	dir := treeOf(t, someFiles)
	d := sit(t, t.TempDir(), nil)
	d.door("Set up a backup")
	d.files.folderAnswer = dir
	d.press("Add folder…")
	d.press("Continue")
	d.write(0, filepath.Join(dir, "backup"))
	d.press("Continue")
	d.Sees("cannot be kept inside of ")
}

func TestTheKeyLeavesTheClipboard(t *testing.T) {
	dir, destination := treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast")
	d := sit(t, t.TempDir(), nil)
	d.setUpEncrypted(dir, destination)
	d.press("Later")
	d.row("Show the key").Tapped(nil)
	d.Sees("This is your key")
	board := d.panel.Clipboard()
	d.ui.w.Clip.Keep = time.Millisecond
	d.press("Copy")
	d.Until("an empty clipboard", func() bool { return board.Content() == "" })
	d.ui.w.Clip.Keep = time.Hour
	d.press("Copy")
	if len(board.Content()) != 79 {
		t.Fatal("the key was not copied")
	}
	d.Sees("Holdfast empties the clipboard after 1 h")
	d.Sees("A program that keeps what was copied, as many desktops have one, may keep the key: delete it there.")
	board.SetContent("something else")
	d.ui.w.Clip.Clear()
	if board.Content() != "something else" {
		t.Error("somebody else's text was taken away")
	}
	d.press("Copy")
	d.quit()
	d.Until("the window's end", func() bool { return d.closed })
	if board.Content() != "" {
		t.Error("the key is left in the clipboard")
	}
}

// Where nothing is stored yet, nothing is as green as a backup that is.
func TestSetUpAloneIsNotGreen(t *testing.T) {
	d := sit(t, t.TempDir(), nil)
	d.setUp(treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast"))
	green := func(i *widgets.Icon) bool { return i.Color == theme.Good }
	if n := len(uitest.Find(d.Desk, green)); n > 0 {
		t.Errorf("%d icons are green before the first backup", n)
	}
	d.backUp()
	if len(uitest.Find(d.Desk, green)) == 0 {
		t.Error("nothing is green after it: the test sees nothing")
	}
}

func TestAppearance(t *testing.T) {
	dir, destination := treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast")
	d := sit(t, t.TempDir(), nil)
	d.setUp(dir, destination)
	d.press("Later")
	d.nav("Settings")
	d.pick("Dark")
	if got := d.panel.Settings().Theme().(*theme.Theme).Appearance(); got != theme.Dark {
		t.Error(got)
	}
	if d.ui.w.Prefs.Appearance() != theme.Dark {
		t.Error("it is forgotten at the next start")
	}
}

// noKeyring is a computer without one.
type noKeyring struct{}

func (noKeyring) Get(context.Context, string) ([]byte, error) { return nil, keyring.ErrUnavailable }
func (noKeyring) Set(context.Context, string, []byte) error   { return keyring.ErrUnavailable }
func (noKeyring) Delete(context.Context, string) error        { return nil }

// fullKeyring gives, and takes nothing.
type fullKeyring struct{ noKeyring }

func (fullKeyring) Get(context.Context, string) ([]byte, error) { return nil, keyring.ErrNotFound }

func TestAKeyringThatTakesNothing(t *testing.T) {
	profile, dir, destination := t.TempDir(), treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast")
	d := sitWith(t, profile, fullKeyring{}, nil)
	d.choosePlaces(dir, destination)
	d.Sees("Who may open it?")
	d.press("Continue")
	key := d.confirmKey()
	d.press("Set up the backup")
	d.Sees("Unlock or install a keyring")
	if d.core.Status().SetUp {
		t.Error("it is set up all the same")
	}
	d.press("Set up the backup") // the same page can try again
	d.Sees("Unlock or install a keyring")
	d.press("Keep it in a file that only I can read")
	d.Sees("Everything is set")
	d.backUp()
	d.leave()
	if info, err := os.Stat(filepath.Join(profile, "device.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}

	// Who joins a backup has the same way.
	profile = t.TempDir()
	other := sitWith(t, profile, fullKeyring{}, nil)
	other.choosePlaces(treeOf(t, someFiles), destination)
	other.Sees("This place already holds a backup")
	other.write(0, strings.Join(key, " "))
	other.press("Join this backup")
	other.Sees("Unlock or install a keyring")
	other.press("Keep it in a file that only I can read")
	other.Sees("You joined the backup")
}

// Turning encryption on has that way, too.
func TestAKeyringThatTakesNoKeyWhenEncryptionIsTurnedOn(t *testing.T) {
	d := sitWith(t, t.TempDir(), fullKeyring{}, nil)
	d.setUp(treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast"))
	d.backUp()
	turnOn := func() {
		d.press("Continue")
		d.confirmKey()
		d.press("Encrypt the backup")
	}
	d.toggle().Tapped(nil)
	turnOn()
	d.Sees("It is not finished yet")
	d.press("Keep it in a file that only I can read")
	d.Sees("Lock your backup")
	turnOn()
	d.Sees("Your backup is end-to-end encrypted")
}
