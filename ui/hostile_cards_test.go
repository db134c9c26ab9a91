//go:build cgo && unix

package ui

import (
	"encoding/hex"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/plug"
	"github.com/holdfast-backup/holdfast/vault/hsm/hsmtest"
)

// hostilePlace makes a backup whose header has a card with that address; nobody has its key.
func hostilePlace(t *testing.T, address string) string {
	t.Helper()
	public, err := hex.DecodeString("036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296")
	if err != nil {
		t.Fatal(err)
	}
	card, err := json.Marshal(map[string]any{"version": 1, "name": "Your vault", "url": address, "suite": 1, "public_key": public,
		"account": make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	place := filepath.Join(t.TempDir(), "Holdfast")
	s, err := store.OpenFolder(place, store.FolderOptions{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	key, err := backupkey.New()
	if err != nil {
		t.Fatal(err)
	}
	defer key.Clear()
	if _, err := repo.Create(t.Context(), s, key, card); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return place
}

// The window shows the vault of a place before it loads, opens, logs in to or
// connects to anything that its card names: where a backup is unlocked, and where one is joined.
func TestHostileCardsInTheWindow(t *testing.T) {
	traps := hsmtest.Trap(t, "trap")
	vaults := plug.Vaults{Dir: t.TempDir()}
	docs := treeOf(t, someFiles)
	sprung := func(what string) {
		t.Helper()
		if s := traps.Sprung(t); s != "" {
			t.Fatalf("%s: %s", what, s)
		}
	}
	sprung("before")
	for _, address := range traps.Addresses() {
		place := hostilePlace(t, address)
		for name, open := range map[string]func(d *desk){
			"unlock": func(d *desk) { d.door("Restore a backup"); d.write(0, place); d.press("Continue") },
			"join":   func(d *desk) { d.choosePlaces(docs, place) },
		} {
			d := sitAt(t, vaults, t.TempDir(), nil)
			open(d)
			d.Sees("Is this your vault?")
			if asks := strings.Contains(strings.Join(d.Texts(), "\n"), "[Ask this vault]"); asks {
				d.Sees("SHA256:")
				d.Sees("Your vault")
			} else {
				d.Sees("is not fit to be used")
			}
			d.press("Use the 64-digit key instead")
			d.Sees("0 of 64 digits")
			d.press("Use the password instead")
			d.Sees("Is this your vault?")
			d.press("Back")
			d.leave() // waits for all that the window began
			sprung(name + " with " + address)
		}
	}
	// Whoever agrees goes there, at once: the traps work.
	for address, want := range map[string]string{"pkcs11:token=trap": "loaded", "https://" + traps.Addr: "connected"} {
		place := hostilePlace(t, address)
		d := sitAt(t, vaults, t.TempDir(), nil)
		d.door("Restore a backup")
		d.write(0, place)
		d.press("Continue")
		d.Sees("Is this your vault?")
		sprung("asked about " + address)
		d.press("Ask this vault")
		d.Sees("Unlock the backup")
		d.Sees("The vault does not answer.")
		d.leave()
		if s := traps.Sprung(t); !strings.Contains(s, want) {
			t.Errorf("%s, agreed: %q", address, s)
		}
	}
}
