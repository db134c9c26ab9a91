package ui

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/ui/secret"
	"github.com/holdfast-backup/holdfast/ui/uitest"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

var someFiles = map[string]string{
	"letter.txt":          "Dear you,\n",
	"photos/a.jpg":        strings.Repeat("JPEG", 5000),
	"photos/b/c.raw":      strings.Repeat("\x00\xff", 70_000),
	"empty":               "",
	"über & “quotes”.txt": "names are bytes",
}

// setUp goes through the set-up of an unencrypted backup of dir.
func (d *desk) setUp(dir, destination string) {
	d.t.Helper()
	d.door("Set up a backup")
	d.Sees("What do you want to keep?")
	if d.enabled("Continue") {
		d.t.Fatal("the wizard goes on with nothing to keep")
	}
	d.write(0, dir)
	d.press("Add")
	d.Sees("5 files")
	d.press("Continue")
	d.Sees("Where should it be kept?")
	d.write(0, destination)
	d.press("Continue")
	d.Sees("Who may open it?")
	d.door("Not encrypted")
	d.press("Continue")
	d.Sees("Everything is set")
}

// choosePlaces goes from the welcome past what to keep and where.
func (d *desk) choosePlaces(dir, destination string) {
	d.t.Helper()
	d.door("Set up a backup")
	d.files.folderAnswer = dir
	d.press("Add folder…")
	d.press("Continue")
	d.write(0, destination)
	d.press("Continue")
}

// setUpEncrypted goes through the set-up with a key, and returns its digits.
func (d *desk) setUpEncrypted(dir, destination string) []string {
	d.t.Helper()
	d.choosePlaces(dir, destination)
	d.Sees("Who may open it?")
	d.press("Continue")
	key := d.confirmKey()
	d.press("Set up the backup")
	d.Sees("Everything is set")
	d.Sees("End-to-end encrypted")
	return key
}

func (d *desk) backUp() {
	d.t.Helper()
	d.press("Back up now")
	d.Until("the end of the backup", func() bool { return d.ui.w.Job == nil && d.core.Status().LastBackup != nil })
	d.Sees("Backed up")
}

// unlock goes from the welcome to the dates of a backup somewhere else.
func (d *desk) unlock(destination, key string) {
	d.t.Helper()
	d.door("Restore a backup")
	d.Sees("Where is the backup?")
	d.write(0, destination)
	d.press("Continue")
	d.Sees("Unlock the backup")
	d.write(0, key)
	d.press("Unlock")
}

// restoreAll goes from the dates to the result.
func (d *desk) restoreAll(target string) {
	d.t.Helper()
	d.Sees("From which day?")
	d.row(d.firstDate()).Tapped(nil)
	d.Sees("What do you want back?")
	d.Sees("Documents")
	if d.enabled("Continue") {
		d.t.Fatal("it goes on with nothing chosen")
	}
	d.press("All")
	d.Sees("Everything: ")
	d.press("Continue")
	d.Sees("Where should they go?")
	d.write(0, target)
	d.pressRestore()
	d.Sees("every byte was checked")
}

// pressRestore presses the button that says how many files come back.
func (d *desk) pressRestore() {
	d.t.Helper()
	b := uitest.One(d.Desk, "button Restore …", func(b *widgets.Button) bool {
		return strings.HasPrefix(b.Text, "Restore ") && strings.Contains(b.Text, " file")
	})
	d.press(b.Text)
}

func (d *desk) firstDate() string {
	for _, s := range d.Texts() {
		if strings.HasSuffix(s, "newest") {
			return s
		}
	}
	d.t.Fatal("no date is the newest")
	return ""
}

// sameFiles compares two trees byte by byte.
func sameFiles(t *testing.T, want, got string) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(want, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		n++
		rel, err := filepath.Rel(want, p)
		if err != nil {
			return err
		}
		a, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(filepath.Join(got, rel))
		if err != nil {
			return err
		}
		if !bytes.Equal(a, b) {
			t.Errorf("%s came back different", rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n != len(someFiles) {
		t.Fatalf("%d files were compared", n)
	}
}

func TestFromNothingToRestoredOnAnotherComputer(t *testing.T) {
	dir, destination := treeOf(t, someFiles), filepath.Join(t.TempDir(), "disk", "Holdfast")
	d := sit(t, t.TempDir(), nil)
	d.Sees("Welcome to Holdfast")
	d.setUp(dir, destination)
	d.press("Back up now")
	d.Sees("Backed up")
	d.Sees("Whoever can read the folder can read the backup")

	// The toggle asks; it does not move by itself.
	d.toggle().Tapped(nil)
	d.Sees("Lock your backup")
	d.press("Continue")
	key := d.confirmKey()
	d.press("Encrypt the backup")
	d.Sees("Your backup is end-to-end encrypted")
	d.Sees("5 files")
	d.press("Done")
	d.Sees("Backed up")
	if !d.toggle().On() {
		t.Fatal("the toggle is off")
	}
	if st := d.core.Status(); st.Protection != core.ProtectionKey || st.KeyConfirmed.IsZero() {
		t.Fatalf("%+v", st)
	}
	if err := os.WriteFile(filepath.Join(dir, "letter.txt"), []byte("Dear you, a second time\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	before := d.core.Status().LastGood.Snapshot
	d.press("Back up now")
	d.Until("a newer backup", func() bool { return d.core.Status().LastGood.Snapshot != before && d.ui.w.Job == nil })

	// The key can be seen again, and is the same.
	d.row("Show the key").Tapped(nil)
	d.Sees("This is your key")
	if again := d.key(); strings.Join(again, "") != strings.Join(key, "") {
		t.Error("another key is shown")
	}
	d.press("Done")
	d.Sees("Backed up")
	d.leave()

	target := filepath.Join(t.TempDir(), "restored")
	other := sit(t, t.TempDir(), nil)
	other.unlock(destination, strings.Join(key, " "))
	other.restoreAll(target)
	sameFiles(t, dir, filepath.Join(target, "Documents"))
	other.press("Done")
	other.Sees("Welcome to Holdfast")
}

func TestWrongKeyIsAskedAbout(t *testing.T) {
	dir, destination := treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast")
	d := sit(t, t.TempDir(), nil)
	key := d.setUpEncrypted(dir, destination)
	d.backUp()
	d.leave()

	typed := []byte(strings.Join(key, " "))
	typed[33] = map[bool]byte{true: '1', false: '0'}[typed[33] == '0'] // a digit of group 7
	other := sit(t, t.TempDir(), nil)
	other.unlock(destination, string(typed))
	other.Sees("Is this what you meant?")
	other.Sees("Group 7: did you mean " + key[6])
	other.press("Yes, correct it")
	other.Sees("From which day?")
	other.leave()

	// Nothing near: the sentence says so, and that trying costs nothing.
	stranger, err := backupkey.New()
	if err != nil {
		t.Fatal(err)
	}
	third := sit(t, t.TempDir(), nil)
	third.unlock(destination, string(stranger.Text()))
	third.Sees("This key does not open the backup.")
	third.write(0, "4f0a 91")
	third.press("Unlock")
	third.Sees("A key has 64 digits; here are 6.")
}

func TestJoiningABackupThatIsThere(t *testing.T) {
	dir, destination := treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast")
	d := sit(t, t.TempDir(), nil)
	key := d.setUpEncrypted(dir, destination)
	d.press("Later")
	d.Sees("Ready for the first backup")
	d.leave()

	other := sit(t, t.TempDir(), nil)
	other.choosePlaces(treeOf(t, someFiles), destination)
	other.Sees("This place already holds a backup")
	other.write(0, strings.Join(key, ""))
	other.press("Join this backup")
	other.Sees("You joined the backup")
	other.backUp()
}

func TestChangingTheKey(t *testing.T) {
	dir, destination := treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast")
	d := sit(t, t.TempDir(), nil)
	old := d.setUpEncrypted(dir, destination)
	d.backUp()
	d.row("Show the key").Tapped(nil)
	d.Sees("This is your key")
	d.press("Change the key")
	d.Sees("Older backups stay")
	d.press("Continue")
	key := d.confirmKey()
	d.press("Use the new key")
	d.Sees("The new key is in use")
	d.press("Done")
	d.Sees("You confirmed that you have it: today.")
	d.leave()

	other := sit(t, t.TempDir(), nil)
	other.unlock(destination, strings.Join(old, " "))
	other.Sees("This key does not open the backup.")
	other.write(0, strings.Join(key, " "))
	other.press("Unlock")
	other.Sees("From which day?")
}

func TestTurningEncryptionOff(t *testing.T) {
	dir, destination := treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast")
	d := sit(t, t.TempDir(), nil)
	d.setUpEncrypted(dir, destination)
	d.backUp()
	d.toggle().Tapped(nil)
	d.Sees("Turn encryption off?")
	d.press("Keep it encrypted")
	if !d.toggle().On() {
		t.Fatal("looking at the question turned it off")
	}
	d.toggle().Tapped(nil)
	d.press("Turn encryption off")
	d.Sees("Your backup is not encrypted any more")
	d.press("Done")
	if d.toggle().On() || d.core.Status().Protection != core.ProtectionNone {
		t.Error("it is still on")
	}
}

func TestDestinationGone(t *testing.T) {
	dir, destination := treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast")
	d := sit(t, t.TempDir(), nil)
	d.setUp(dir, destination)
	d.backUp()
	if err := os.Rename(destination, destination+" unplugged"); err != nil {
		t.Fatal(err)
	}
	d.press("Back up now")
	d.Sees("The last backup did not work")
	d.Sees("The place of your backup cannot be reached.")
	d.Sees("Nothing was lost")
	d.press("Show details")
	d.press("Copy details")
	if d.panel.Clipboard().Content() == "" {
		t.Error("no details were copied")
	}
	d.nav("Restore")
	d.door("This backup")
	d.Sees("The place of your backup cannot be reached.")
	if err := os.Rename(destination+" unplugged", destination); err != nil {
		t.Fatal(err)
	}
	d.nav("Backup")
	d.press("Back up now")
	d.Until("a good backup", func() bool { return d.ui.w.Job == nil && d.core.Status().LastBackup.Outcome == core.OutcomeDone })
	d.Sees("Backed up")
}

// held holds a backup until it is cancelled, and cuts a change off at its first report.
type held struct {
	*core.App
	backup bool
	begun  chan struct{}
}

func (h *held) Backup(ctx context.Context, progress func(core.Progress)) (core.BackupReport, error) {
	if h.backup {
		h.begun <- struct{}{}
		<-ctx.Done()
	}
	return h.App.Backup(ctx, progress)
}

// cut is an encryption whose change is cancelled once it shows progress.
type cut struct{ secret.Encryption }

func (c cut) TurnOn(ctx context.Context, key *backupkey.Key, password *core.PasswordRequest,
	progress func(core.Progress)) (core.BackupReport, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return c.Encryption.TurnOn(ctx, key, password, func(p core.Progress) { cancel(); progress(p) })
}

func TestCancelAndClose(t *testing.T) {
	dir, destination := treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast")
	h := &held{begun: make(chan struct{}, 1)}
	d := sit(t, t.TempDir(), func(a *core.App) Core { h.App = a; return with(a, h) })
	d.setUp(dir, destination)
	d.backUp()
	h.backup = true
	d.press("Back up now")
	<-h.begun
	d.Sees("You can go on working meanwhile.")
	d.toggle().Tapped(nil) // no second work beside it
	d.Sees("Other work is under way.")
	d.press("OK")
	d.press("Cancel")
	d.Sees("Backup stopped")
	d.Sees("Your last complete backup: today")

	d.press("Back up now")
	<-h.begun
	d.close()
	d.press("Quit")
	d.Sees("Work is under way")
	d.press("Keep going")
	if d.ui.w.Job == nil || d.closed {
		t.Fatal("it did not keep going")
	}
	d.nav("Activity") // the work outlives the screen
	d.Sees("Stopped")
	d.close()
	d.press("Stop and close")
	d.Until("the window's end", func() bool { return d.closed })
	if got := d.core.Activity()[0].Outcome; got != core.OutcomeCancelled {
		t.Error(got)
	}
}

// cutOff turns encryption on for a backup and is cut off in the middle.
func cutOff(t *testing.T) (d *desk, profile, destination string, key []string) {
	t.Helper()
	dir, destination := treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast")
	profile = t.TempDir()
	d = sit(t, profile, func(a *core.App) Core {
		c := CoreOf(a)
		c.Encryption = cut{c.Encryption}
		return c
	})
	d.setUp(dir, destination)
	d.backUp()
	d.toggle().Tapped(nil)
	d.press("Continue")
	key = d.confirmKey()
	d.press("Encrypt the backup")
	d.Sees("Stopped")
	return d, profile, destination, key
}

func TestGoingOnWithAChangeThatWasCutOff(t *testing.T) {
	d, profile, destination, key := cutOff(t)
	d.press("Later")
	d.leave()

	again := sit(t, profile, nil)
	again.Sees("Encryption is not finished")
	again.press("Go on")
	again.Sees("Your backup is end-to-end encrypted")
	again.press("Done")
	again.leave()

	other := sit(t, t.TempDir(), nil)
	other.unlock(destination, strings.Join(key, " "))
	other.Sees("From which day?")
}

func TestAChangeThatWasCutOffIsTakenBack(t *testing.T) {
	d, profile, _, _ := cutOff(t)
	d.press("Leave it as it was")
	d.Sees("Leave everything as it was?")
	d.Sees("open nothing then")
	d.leave()

	again := sit(t, profile, nil)
	again.Sees("Encryption is not finished")
	again.row("Leave it as it was").Tapped(nil)
	again.Sees("Leave everything as it was?")
	again.press("Leave it as it was")
	again.Sees("Everything is as it was")
	again.press("Done")
	if st := again.core.Status(); st.Change != core.ChangeNone || st.Protection != core.ProtectionNone {
		t.Errorf("%+v", st)
	}
	again.backUp()
	again.nav("Activity")
	again.Sees("Encryption left as it was")
	again.leave()
}

// What the first screen says is so: of folders that were added since, of a run that was cut off, of a pause, and of a proof that is gone.
func TestTheFirstScreenClaimsOnlyWhatHappened(t *testing.T) {
	dir, more := treeOf(t, someFiles), treeOf(t, map[string]string{"song": "la"})
	h := &held{begun: make(chan struct{}, 1)}
	profile := t.TempDir()
	d := sit(t, profile, func(a *core.App) Core { h.App = a; return with(a, h) })
	d.door("Set up a backup")
	d.write(0, dir+" which is not there")
	d.press("Add")
	d.Sees("There is nothing at ")
	d.press("Back")
	d.setUp(dir, filepath.Join(t.TempDir(), "Holdfast"))
	d.backUp()
	d.row("Prove that").Tapped(nil)
	d.Until("the drill", func() bool { return d.ui.w.Job == nil && d.core.Status().Proven != nil })

	d.row("What").Tapped(nil)
	d.write(0, more)
	d.press("Add")
	d.Sees("6 files")
	d.press("Save")
	d.Sees("Not all of it is backed up yet")
	d.Sees("comes with the next backup")
	d.press("Back up now")
	d.Until("the backup", func() bool { return d.ui.w.Job == nil && d.backups() == 2 })
	d.Sees("Backed up")

	// Another process, which is killed meanwhile.
	h.backup = true
	d.press("Back up now")
	<-h.begun
	d.press("Pause")
	d.Sees("The backup is paused")
	d.press("Resume")
	d.Sees("Backing up")
	left, err := os.ReadFile(filepath.Join(profile, "under-way.json"))
	if err == nil {
		t.Fatalf("a run that core did not begin is under way: %s", left)
	}
	d.press("Cancel")
	d.Sees("Backup stopped")
	d.leave()
	if err := os.WriteFile(filepath.Join(profile, "under-way.json"), []byte(`{"id":"x","kind":"backup","started":"2026-11-24T10:00:00Z"}`),
		0o600); err != nil {
		t.Fatal(err)
	}
	again := sit(t, profile, nil)
	again.Sees("The last backup was interrupted")
	again.nav("Activity")
	again.Sees("Interrupted: Holdfast ended meanwhile")

	// What was proven is deleted.
	again.nav("Backup")
	again.Sees("Proven restorable")
	again.toggle().Tapped(nil)
	again.press("Continue")
	again.confirmKey()
	again.press("Encrypt the backup")
	again.Sees("Your backup is end-to-end encrypted")
	again.press("Done")
	again.Sees("Prove that it can be restored")
}

// Where no keyring answers, that is told before a key is shown and typed back, with a way out that needs no command.
func TestNoKeyringIsToldBeforeTheKeyIsShown(t *testing.T) {
	profile, dir, destination := t.TempDir(), treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast")
	d := sitWith(t, profile, noKeyring{}, nil)
	d.choosePlaces(dir, destination)
	d.Sees("Who may open it?")
	d.press("Continue")
	d.Sees("No keyring answers on this computer")
	d.press("Look again")
	d.Sees("No keyring answers on this computer")
	d.press("Keep it in a file that only I can read")
	d.confirmKey()
	d.press("Set up the backup")
	d.Sees("Everything is set")
	d.backUp()
	d.leave()
	if info, err := os.Stat(filepath.Join(profile, "device.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}
	// The choice is remembered.
	again := sitWith(t, profile, noKeyring{}, nil)
	again.press("Back up now")
	again.Until("a backup", func() bool { return again.ui.w.Job == nil && again.backups() == 2 })
	again.Sees("Backed up")
}

// A place with less room than the files take is told, with both amounts, before anything is set up.
func TestAPlaceThatIsTooSmall(t *testing.T) {
	d := sit(t, t.TempDir(), nil)
	d.ui.place.Free = func(context.Context, string) (int64, bool) { return 1000, true }
	d.door("Set up a backup")
	d.write(0, treeOf(t, someFiles))
	d.press("Add")
	d.Sees("5 files") // it is counted
	d.press("Continue")
	d.Sees("Where should it be kept?")
	d.write(0, filepath.Join(t.TempDir(), "Holdfast"))
	d.press("Continue")
	d.Sees("There may not be enough room")
	d.Sees("and 1 KB are free there")
	d.press("Choose another place")
	d.Sees("Where should it be kept?")
	d.press("Continue")
	d.Sees("There may not be enough room")
	d.press("Use it all the same")
	d.Sees("Who may open it?")
}
