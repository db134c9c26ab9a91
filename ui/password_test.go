//go:build cgo

package ui

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/plug"
	"github.com/holdfast-backup/holdfast/ui/uitest"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

const (
	goodPassword  = "lamp otter quilt"
	otherPassword = "violin gravel supper"
)

// computer is a software token that all desks of a test share, with SoftHSM
// below it; delays are those between guesses.
func computer(t *testing.T, delays ...time.Duration) core.Vaults {
	t.Helper()
	t.Setenv("SOFTHSM2_CONF", os.Getenv("SOFTHSM2_CONF")) // making a token sets it
	dir := t.TempDir()
	v := plug.Vaults{Dir: dir, Software: filepath.Join(dir, "software token"), Delays: append([]time.Duration{}, delays...)}
	if v.SoftwareToken() == "" {
		t.Fatal("SoftHSM is not installed (Debian: softhsm2)")
	}
	return v
}

// sitAt opens a window on a profile of a computer with vaults.
func sitAt(t *testing.T, vaults core.Vaults, profile string, wrap func(*core.App) Core) *desk {
	t.Helper()
	return sitIn(t, core.Params{Profile: profile, Keyring: keyring.File{Path: filepath.Join(profile, "device.key")}, Vaults: vaults}, wrap)
}

// typeNew types a new password twice, and waits until it may be used.
func (d *desk) typeNew(password, button string) {
	d.t.Helper()
	d.Sees("Keep the password on this computer only")
	d.write(0, password)
	if d.enabled(button) {
		d.t.Fatal("once is enough")
	}
	d.write(1, password)
	d.Until("a judged password", func() bool { return d.enabled(button) })
	d.press(button)
}

// setUpWithPassword goes from the welcome to the end, and returns the digits of the recovery key.
func (d *desk) setUpWithPassword(dir, destination string) []string {
	d.t.Helper()
	d.choosePlaces(dir, destination)
	d.Sees("Who may open it?")
	d.door("End-to-end encrypted, with a password")
	d.press("Continue")
	d.typeNew(goodPassword, "Continue")
	d.Sees("This is your recovery key")
	key := d.confirmKey()
	d.press("Set up the backup")
	d.Sees("Everything is set")
	d.Sees("Only your password or your 64-digit key opens it.")
	return key
}

// sitWithPassword opens a window on a new profile and sets a backup up with a password.
func sitWithPassword(t *testing.T, vaults core.Vaults) (d *desk, dir, destination string, key []string) {
	t.Helper()
	dir, destination = treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast")
	d = sitAt(t, vaults, t.TempDir(), nil)
	return d, dir, destination, d.setUpWithPassword(dir, destination)
}

// elsewhere goes from the welcome to the page that asks for the password.
func (d *desk) elsewhere(destination string) {
	d.t.Helper()
	d.door("Restore a backup")
	d.write(0, destination)
	d.press("Continue")
	d.Sees("Is this your vault?")
	d.press("Ask this vault")
	d.Sees("Unlock the backup")
}

func (d *desk) guess(password string) {
	d.t.Helper()
	d.write(0, password)
	d.press("Unlock")
}

func (d *desk) meter() *widgets.GuessMeter {
	d.t.Helper()
	return uitest.One(d.Desk, "meter", func(*widgets.GuessMeter) bool { return true })
}

func TestPasswordFromNothingToRestored(t *testing.T) {
	vaults := computer(t)
	d, dir, destination, key := sitWithPassword(t, vaults)
	d.backUp()
	clicks := d.taps + 1 // one more is the button of the folder's dialog
	if clicks > 12 {     // typing two groups takes none
		t.Errorf("it takes %d clicks to the first backup", clicks)
	}
	d.Until("the guesses", func() bool { return strings.HasPrefix(d.row("Password").Value(), "10 guesses left (asked today ") })
	d.leave()

	other := sitAt(t, vaults, t.TempDir(), nil)
	other.elsewhere(destination)
	other.Sees("10 guesses left")
	other.guess("lamp otter kilt")
	other.Sees("That password is not right. 9 guesses left.")
	if other.meter().Left() != 9 || other.enabled("Unlock") {
		t.Error("the meter or the field was not updated")
	}
	other.guess(goodPassword)
	target := filepath.Join(t.TempDir(), "restored")
	other.restoreAll(target)
	sameFiles(t, dir, filepath.Join(target, "Documents"))
	t.Logf("clicks to the first backup, to the restored files: %d, %d", clicks, other.taps)
	other.leave()

	third := sitAt(t, vaults, t.TempDir(), nil)
	third.elsewhere(destination)
	third.press("Use the 64-digit key instead")
	third.write(0, strings.Join(key, " "))
	third.press("Unlock")
	third.Sees("From which day?")
	third.leave()

	// A password that was kept on one computer works nowhere else, and that is what another one says.
	elsewhere := sitAt(t, plug.Vaults{Dir: t.TempDir(), Software: filepath.Join(t.TempDir(), "none")}, t.TempDir(), nil)
	elsewhere.door("Restore a backup")
	elsewhere.write(0, destination)
	elsewhere.press("Continue")
	elsewhere.Sees("Is this your vault?")
	elsewhere.press("Ask this vault")
	elsewhere.Sees("This password was kept on one computer only, and it is not this one.")
	elsewhere.Sees("Use the 64-digit key here.")
}

func TestTheLastGuess(t *testing.T) {
	vaults := computer(t)
	d, _, destination, key := sitWithPassword(t, vaults)
	profile := d.profile
	d.backUp()
	d.leave()

	other := sitAt(t, vaults, t.TempDir(), nil)
	other.elsewhere(destination)
	for left := 9; left >= 1; left-- {
		other.guess("wrong wrong")
		other.Until("a guess less", func() bool { return other.meter().Left() == left })
	}
	other.Sees("One guess left. If it is wrong, the vault destroys the key")
	other.guess("wrong again")
	other.Sees("This is the last guess")
	other.press("Not now")
	if other.meter().Left() != 1 {
		t.Fatal("it was used all the same")
	}
	other.press("Unlock")
	other.press("Use the last guess")
	other.Sees("That was the last guess.")
	other.Sees("No guesses left")
	if other.enabled("Unlock") {
		t.Error("it takes another guess")
	}
	other.press("Use the 64-digit key instead")
	other.write(0, strings.Join(key, " "))
	other.press("Unlock")
	other.Sees("From which day?")
	other.leave()

	// This computer has the key: it says so, and sets a new password.
	again := sitAt(t, vaults, profile, nil)
	again.press("Back up now")
	again.Sees("Somebody tried passwords")
	again.press("OK")
	again.Sees("Destroyed after ten wrong guesses")
	again.row("Password").Tapped(nil)
	again.row("Forgot it? Set a new one").Tapped(nil)
	again.typeNew(otherPassword, "Set the password")
	again.Sees("Your password is set")
	again.press("Done")
	again.leave()

	last := sitAt(t, vaults, t.TempDir(), nil)
	last.elsewhere(destination)
	last.guess(otherPassword)
	last.Sees("From which day?")
}

func TestCheckChangeRemoveAndAddAPassword(t *testing.T) {
	vaults := computer(t)
	d, _, _, _ := sitWithPassword(t, vaults)
	d.press("Later")

	d.row("Password").Tapped(nil)
	d.Sees("10 guesses left")
	d.row("Check that you still know it").Tapped(nil)
	d.Sees("A wrong one costs a guess.")
	d.write(0, otherPassword)
	d.press("Check it")
	d.Sees("9 guesses left")
	d.press("Back")
	d.Sees("1 wrong guess today · 9 guesses left")
	d.row("Password").Tapped(nil)
	d.row("Check that you still know it").Tapped(nil)
	d.write(0, goodPassword)
	d.press("Check it")
	d.Sees("That is your password")
	d.press("OK")

	d.row("Password").Tapped(nil)
	d.row("Change the password").Tapped(nil)
	d.Sees("The vault you use")
	d.typeNew(otherPassword, "Set the password")
	d.Sees("Your password is set")
	d.press("Done")
	d.row("Password").Tapped(nil)
	d.Sees("Your password")
	d.row("Remove the password").Tapped(nil)
	d.press("Keep the password")
	d.row("Password").Tapped(nil)
	d.row("Remove the password").Tapped(nil)
	d.press("Remove the password")
	d.Sees("Add a password")
	if d.core.Status().Password {
		t.Error("the backup still has a password")
	}
	d.row("Add a password").Tapped(nil)
	d.typeNew(goodPassword, "Set the password")
	d.Sees("Your password is set")
	d.press("Done")
	d.Sees("Only your password or your 64-digit key opens it.")
}

func TestTurningEncryptionOnWithAPasswordAndChangingTheKey(t *testing.T) {
	vaults := computer(t)
	dir, destination := treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast")
	d := sitAt(t, vaults, t.TempDir(), nil)
	d.setUp(dir, destination)
	d.backUp()
	d.toggle().Tapped(nil)
	d.press("Continue")
	d.Sees("How do you want to keep your key?")
	d.door("With a password")
	d.check("Also make a recovery key") // off, and the software token turns it on again
	d.Sees("If you lose the password and this computer")
	d.press("Continue")
	d.typeNew(goodPassword, "Continue")
	d.confirmKey()
	d.press("Encrypt the backup")
	d.Sees("Your backup is end-to-end encrypted")
	d.press("Done")

	d.row("Show the key").Tapped(nil)
	d.Sees("This is your key")
	d.press("Change the key")
	d.Sees("Your password is asked for")
	d.press("Continue")
	d.typeNew(otherPassword, "Continue")
	key := d.confirmKey()
	d.press("Use the new key")
	d.Sees("The new key is in use")
	d.press("Done")
	d.leave()

	other := sitAt(t, vaults, t.TempDir(), nil)
	other.elsewhere(destination)
	other.guess(goodPassword)
	other.Sees("9 guesses left")
	other.guess(otherPassword)
	other.Sees("From which day?")
	other.leave()

	third := sitAt(t, vaults, t.TempDir(), nil)
	third.elsewhere(destination)
	third.press("Use the 64-digit key instead")
	third.write(0, strings.Join(key, " "))
	third.press("Unlock")
	third.Sees("From which day?")
}

func TestJoiningWithThePassword(t *testing.T) {
	vaults := computer(t)
	d, _, destination, _ := sitWithPassword(t, vaults)
	d.press("Later")
	d.leave()

	other := sitAt(t, vaults, t.TempDir(), nil)
	other.choosePlaces(treeOf(t, someFiles), destination)
	other.Sees("Is this your vault?")
	other.press("Ask this vault")
	other.Sees("This place already holds a backup")
	other.write(0, otherPassword)
	other.press("Join this backup")
	other.Sees("9 guesses left")
	other.press("Use the 64-digit key instead")
	other.Sees("0 of 64 digits")
	other.press("Use the password instead")
	other.write(0, goodPassword)
	other.press("Join this backup")
	other.Sees("You joined the backup")
	other.backUp()
}

func TestTheVaultAsksToWait(t *testing.T) {
	vaults := computer(t, time.Hour)
	d, _, destination, key := sitWithPassword(t, vaults)
	d.press("Later")
	d.leave()

	other := sitAt(t, vaults, t.TempDir(), nil)
	other.elsewhere(destination)
	for left := 9; left >= 7; left-- {
		other.guess("wrong wrong")
		other.Until("a guess less", func() bool { return other.meter().Left() == left })
	}
	waiting := func() *widgets.Button {
		return uitest.One(other.Desk, "waiting button", func(b *widgets.Button) bool { return strings.HasPrefix(b.Text, "Wait ") })
	}
	other.Sees("[Wait ")
	other.write(0, goodPassword)
	if !waiting().Disabled() {
		t.Error("it does not wait")
	}
	// The window's clock, not the vault's, which keeps to its own.
	other.clock = 2 * time.Hour
	other.Sees("[Unlock]")
	other.press("Unlock")
	other.Sees("The vault asks to wait after wrong guesses.")
	if n := len(uitest.Find(other.Desk, func(b *widgets.Button) bool { return b.Text == "Use the 64-digit key instead" })); n != 1 {
		t.Errorf("the way to the 64 digits is offered %d times", n)
	}
	other.clock = 0
	other.press("Use the 64-digit key instead")
	other.write(0, strings.Join(key, " "))
	other.press("Unlock")
	other.Sees("No backup has been made here yet")
}

// The computer whose own backup has the vault asks nothing before the password,
// and another computer asks once for as long as its window runs.
func TestAVaultThatIsKnownIsNotAskedAbout(t *testing.T) {
	vaults := computer(t)
	d, _, destination, _ := sitWithPassword(t, vaults)
	d.press("Later")
	d.nav("Restore")
	d.door("A backup somewhere else")
	d.write(0, destination)
	d.press("Continue")
	d.Sees("Unlock the backup")
	d.Sees("10 guesses left")
	d.leave()

	other := sitAt(t, vaults, t.TempDir(), nil)
	other.elsewhere(destination) // asks
	other.press("Use the 64-digit key instead")
	other.press("Use the password instead")
	other.Sees("10 guesses left")
}

// From the first start to an encrypted backup it takes nine clicks with the digits.
func TestClicksToABackupWithDigits(t *testing.T) {
	d := sitAt(t, computer(t), t.TempDir(), nil)
	d.setUpEncrypted(treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast"))
	d.press("Back up now")
	d.Until("the backup", func() bool { return d.core.Status().LastGood != nil && d.ui.w.Job == nil })
	if clicks := d.taps + 1; clicks > 9 { // one more is the button of the folder's dialog
		t.Errorf("it takes %d clicks", clicks)
	}
}
