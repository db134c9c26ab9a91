//go:build cgo

package ui

import (
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/plug"
	"github.com/holdfast-backup/holdfast/vault/vaultd/vaultdtest"
)

// addVault adds a vault by its address: the window shows who answers there, and the person agrees.
func (d *desk) addVault(at string) {
	d.t.Helper()
	d.write(2, at)
	d.press("Look it up")
	d.Sees("Add this vault")
	d.press("Add this vault")
	d.Sees(at)
}

// threeVaults are vaults that serve until the test ends.
func threeVaults(t *testing.T) (all []*vaultdtest.Vaultd) {
	t.Helper()
	atEnd = append(atEnd, vaultdtest.Cleanup)
	for range 3 {
		v := vaultdtest.New(t, "--guess-delays", "0", "--rate-address", "0", "--rate-account", "0")
		if !v.Start() {
			t.Fatal(v.Output())
		}
		all = append(all, v)
	}
	return all
}

// toVaults goes from the welcome to where vaults of somebody else are chosen, for a password without a recovery key.
func (d *desk) toVaults(destination string) {
	d.t.Helper()
	d.choosePlaces(treeOf(d.t, someFiles), destination)
	d.Sees("Who may open it?")
	d.door("End-to-end encrypted, with a password")
	d.check("Also make a recovery key")
	d.press("Continue")
	d.Sees("Vaults of somebody else")
	d.door("Vaults of somebody else")
	d.write(0, goodPassword)
	d.write(1, goodPassword)
}

// openWithPassword opens the backup at a place on another computer, with the password that vaults share.
func openWithPassword(t *testing.T, destination string) *desk {
	t.Helper()
	d := sitAt(t, plug.Vaults{Dir: t.TempDir()}, t.TempDir(), nil)
	d.door("Restore a backup")
	d.write(0, destination)
	d.press("Continue")
	d.Sees("Are these your vaults?")
	d.press("Ask these vaults")
	d.Sees("10 guesses left")
	d.guess(goodPassword)
	return d
}

// A password over three vaults, named by their addresses, from the first start to a restore on another computer with one of them
// dead. With two addresses known it takes at most fourteen clicks to the first backup.
func TestASharedPassword(t *testing.T) {
	all, destination := threeVaults(t), filepath.Join(t.TempDir(), "Holdfast")
	d := sitAt(t, plug.Vaults{Dir: t.TempDir()}, t.TempDir(), nil)
	d.toVaults(destination)
	d.addVault(all[0].Addr)
	d.Sees("One vault alone")
	d.addVault(all[1].Addr)
	d.Sees("Both must answer")
	clicks := d.taps + 2 // the button of the folder's dialog, and the last one
	d.addVault(all[2].Addr)
	d.Sees("Any 2 of these 3")
	d.Until("a judged password", func() bool { return d.enabled("Set up the backup") })
	d.press("Set up the backup")
	d.Sees("Everything is set")
	if clicks > 14 {
		t.Errorf("it takes %d clicks with two vaults", clicks)
	}
	d.press("Later")
	d.row("Password").Tapped(nil)
	d.Sees("Any 2 of 3 vaults open it")
	d.press("Back")
	d.backUp()
	d.leave()

	all[1].Kill()
	other := openWithPassword(t, destination)
	other.Sees("From which day?")
}

// One vault becomes two of three: it is in the list already, and two are added. The key is changed with it, and the window says what
// stays exposed.
func TestOneVaultBecomesThree(t *testing.T) {
	all, destination := threeVaults(t), filepath.Join(t.TempDir(), "Holdfast")
	d := sitAt(t, plug.Vaults{Dir: t.TempDir()}, t.TempDir(), nil)
	d.toVaults(destination)
	d.addVault(all[0].Addr)
	d.Until("a judged password", func() bool { return d.enabled("Set up the backup") })
	d.press("Set up the backup")
	d.Sees("Everything is set")
	d.press("Later")
	d.row("Password").Tapped(nil)
	d.Sees("10 guesses left")
	d.row("Change the password").Tapped(nil)
	d.Sees("Vaults of somebody else")
	d.door("Vaults of somebody else")
	d.Sees(all[0].Addr)
	d.addVault(all[1].Addr)
	d.addVault(all[2].Addr)
	d.write(0, goodPassword)
	d.write(1, goodPassword)
	d.Until("a judged password", func() bool { return d.enabled("Set the password") })
	d.press("Set the password")
	d.Sees("This is the password that the vault has already.")
	d.write(0, goodPassword+" and more")
	d.write(1, goodPassword+" and more")
	d.Until("a judged password", func() bool { return d.enabled("Set the password") })
	d.press("Set the password")
	d.Sees("Your password is set")
	d.Sees("The key was changed with it")
	d.press("Done")
	d.row("Password").Tapped(nil)
	d.Sees("Any 2 of 3 vaults open it")
	d.press("Back")
	d.leave()
}
