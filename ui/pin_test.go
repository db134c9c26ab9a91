//go:build cgo

package ui

import (
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/plug"
	"github.com/holdfast-backup/holdfast/ui/uitest"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/vault/hsm/hsmtest"
)

// A token's PIN is typed into the window, once, and never kept in a file.
func TestATokenAsksForItsPIN(t *testing.T) {
	hsmtest.SoftHSM(t, "nitrokey")
	pins := &plug.PINs{}
	vaults := plug.Vaults{Dir: t.TempDir(), PINs: pins}
	dir, destination := treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast")
	d := sitAt(t, vaults, t.TempDir(), nil)
	pins.Ask(d.ui.secret.AskPIN)
	d.choosePlaces(dir, destination)
	d.Sees("Who may open it?")
	d.door("End-to-end encrypted, with a password")
	d.press("Continue")
	d.Sees("nitrokey")
	d.door("nitrokey")
	d.write(0, goodPassword)
	d.write(1, goodPassword)
	d.Until("a judged password", func() bool { return d.enabled("Continue") })
	d.press("Continue")
	d.confirmKey()
	d.press("Set up the backup")
	d.Sees("The PIN of “nitrokey”")
	if d.enabled("Use the PIN") {
		t.Error("it takes no PIN for one")
	}
	d.press("Cancel")
	d.Until("the page again", func() bool { return d.enabled("Set up the backup") })
	d.press("Set up the backup")
	d.Sees("The PIN of “nitrokey”")
	d.write(0, "000000")
	d.press("Use the PIN")
	d.Sees("The token does not accept this PIN.")
	d.press("Set up the backup")
	d.Sees("The PIN of “nitrokey”")
	d.write(0, hsmtest.PIN)
	d.press("Use the PIN")
	d.Sees("Everything is set")
	d.press("Later")

	// It is not asked for again, as long as Holdfast runs.
	d.row("Password").Tapped(nil)
	d.Sees("10 guesses left")
	d.press("Back")
	d.leave()

	// A backup that nobody watches asks nobody.
	again := sitIn(t, core.Params{Profile: d.profile, Keyring: keyring.File{Path: filepath.Join(d.profile, "device.key")},
		Vaults: plug.Vaults{Dir: vaults.Dir, PINs: &plug.PINs{}}}, nil)
	again.backUp()
	if got := uitest.Find(again.Desk, func(*widgets.SecretEntry) bool { return true }); len(got) > 0 {
		t.Error("a backup asked for the PIN")
	}
}
