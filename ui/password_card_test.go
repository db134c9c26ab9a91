//go:build cgo

package ui

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/plug"
	"github.com/holdfast-backup/holdfast/ui/uitest"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/vault/vaultd/vaultdtest"
)

// A vault elsewhere is named by a card in a file, and nobody need make a recovery key with it.
func TestPasswordWithAVaultCardAndNoRecoveryKey(t *testing.T) {
	atEnd = append(atEnd, vaultdtest.Cleanup)
	vault := vaultdtest.New(t, "--guess-delays", "0")
	if !vault.Start() {
		t.Fatal(vault.Output())
	}
	files := t.TempDir()
	card, other := filepath.Join(files, "card.json"), filepath.Join(files, "other.json")
	for name, content := range map[string][]byte{card: vault.Card(), other: []byte("{}")} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dir, destination := treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast")
	d := sitAt(t, plug.Vaults{Dir: t.TempDir()}, t.TempDir(), nil)
	d.choosePlaces(dir, destination)
	d.Sees("Who may open it?")
	d.door("End-to-end encrypted, with a password")
	d.check("Also make a recovery key")
	d.press("Continue")
	d.Sees("Vaults of somebody else")
	d.door("Vaults of somebody else")
	d.write(0, goodPassword)
	d.write(1, goodPassword)
	d.Sees("good.")
	if d.enabled("Set up the backup") {
		t.Error("it goes on without a card")
	}
	d.files.fileAnswer = other
	d.press("Choose its card…")
	d.Sees("This file is no vault card.")
	picture := filepath.Join(t.TempDir(), "card.png")
	if err := os.WriteFile(picture, []byte(vault.Must("card", "--url", "https://"+vault.Addr, "--dev-tls", "--qr")), 0o600); err != nil {
		t.Fatal(err)
	}
	d.files.fileAnswer = picture
	d.press("Choose its card…")
	d.Until("the card", func() bool { return d.enabled("Set up the backup") })

	// A vault that does not answer leaves the page, to try again.
	vault.Kill()
	d.press("Set up the backup")
	d.Sees("The vault cannot be reached.")
	if d.enabled("Set up the backup") {
		t.Error("it goes on with empty fields")
	}
	if !vault.Start() {
		t.Fatal(vault.Output())
	}
	d.write(0, goodPassword)
	d.write(1, goodPassword)
	d.Until("a judged password", func() bool { return d.enabled("Set up the backup") })
	d.press("Set up the backup")
	d.Sees("Everything is set")
	d.press("Later")
	d.Sees("You have not shown yet that you saved it.")
	d.Sees("No recovery key saved")

	// Before the password is removed, the key must be saved: only it is left then.
	d.row("Password").Tapped(nil)
	d.Sees("10 guesses left")
	d.row("Remove the password").Tapped(nil)
	d.press("Remove the password")
	d.Sees("This is your recovery key")
	d.files.saveAnswer = filepath.Join(t.TempDir(), "kit.pdf")
	d.press("Save recovery kit…")
	d.Sees("Saved. Print it, or keep the file apart")
	known, _ := core.ParseVault(string(vault.Card()))
	kit := strings.Join(strings.Fields(textOf(t, d.files.saveAnswer)), " ")
	if c, _ := known.Card(); !strings.Contains(kit, c.Name+" · "+vault.Addr+" · "+c.Fingerprint()) {
		t.Errorf("the kit does not name the vault with its key:\n%s", textOf(t, d.files.saveAnswer))
	}
	d.press("Back")
	d.press("Keep the password")
	d.backUp()
	d.leave()

	other2 := sitAt(t, plug.Vaults{Dir: t.TempDir(), Tried: plug.NewTried()}, t.TempDir(), nil) // another computer
	other2.elsewhere(destination)
	other2.guess("not the password at all")
	other2.Sees("That password is not right.")
	other2.guess("not the password at all")
	other2.Sees("You typed this password before, and it was wrong. No guess was used. 9 guesses left.")
	other2.guess(goodPassword)
	other2.Sees("From which day?")
	if out := vault.Output(); strings.Contains(out, goodPassword) {
		t.Error("the vault's log holds the password")
	}
	if got := uitest.Find(other2.Desk, func(*widgets.GuessMeter) bool { return true }); len(got) > 0 {
		t.Error("the page that asked is still there")
	}
}

// A vault that takes new accounts only with a token says so, and the page of the
// password has a field for it.
func TestAnEnrolmentTokenIsTypedIn(t *testing.T) {
	atEnd = append(atEnd, vaultdtest.Cleanup)
	files := t.TempDir()
	card, token := filepath.Join(files, "card.json"), filepath.Join(files, "token")
	if err := os.WriteFile(token, []byte("planted-enrolment\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	vault := vaultdtest.New(t, "--enrolment-token-file", token)
	if !vault.Start() {
		t.Fatal(vault.Output())
	}
	if err := os.WriteFile(card, vault.Card(), 0o600); err != nil {
		t.Fatal(err)
	}
	d := sitAt(t, plug.Vaults{Dir: t.TempDir()}, t.TempDir(), nil)
	d.choosePlaces(treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast"))
	d.Sees("Who may open it?")
	d.door("End-to-end encrypted, with a password")
	d.check("Also make a recovery key")
	d.press("Continue")
	d.Sees("Vaults of somebody else")
	d.door("Vaults of somebody else")
	d.files.fileAnswer = card
	d.press("Choose its card…")
	d.Sees("Enrolment token, if the vault wants one")
	try := func(token string) {
		d.write(0, goodPassword)
		d.write(1, goodPassword)
		d.write(3, token)
		d.Until("a judged password", func() bool { return d.enabled("Set up the backup") })
		d.press("Set up the backup")
	}
	for _, wrong := range []string{"", "another"} {
		try(wrong)
		d.Sees("takes new accounts only with an enrolment token")
	}
	try("planted-enrolment")
	d.Sees("Everything is set")
}
