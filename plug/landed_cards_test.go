//go:build cgo && unix

package plug_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/protection"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/vault/hsm/hsmtest"
)

// The version before wrote module and PIN file of the owner's computer into the header.
// Such a backup opens without a scare, nothing that it names is used, and the owner's
// next backup takes it out of the header.
func TestACardOfTheVersionBefore(t *testing.T) {
	s := newStranger(t)
	pin := filepath.Join(s.dir, "pin")
	must(t, os.WriteFile(pin, []byte(hsmtest.PIN+"\n"), 0o600))
	typed := "pkcs11:token=trap?module-path=" + s.traps.Configured + "&pin-source=file:" + pin
	place, profile, key := filepath.Join(s.dir, "place"), filepath.Join(s.dir, "profile"), filepath.Join(s.dir, "key")
	own := []string{"--profile", profile, "--keyring", "file"}
	expect := func(want int, args ...string) string {
		t.Helper()
		code, said := s.run(args...)
		if code != want {
			t.Fatalf("%s: exit code %d, want %d: %s", args, code, want, said)
		}
		return said
	}
	expect(0, append(own, "setup", "--destination", place, "--source", filepath.Join(s.dir, "docs"), "--password-in", s.password, "--vault",
		typed, "--key-out", key)...)
	expect(0, append(own, "backup")...)
	expect(0, append(own, "password", "check", "--password-in", s.password)...)

	// As the version before left it: here and in the profile.
	old := "pkcs11:token=trap?module-path=" + s.traps.Library + "&pin-source=file:" + s.traps.File
	text, err := os.ReadFile(key)
	must(t, err)
	k, err := backupkey.Parse(text)
	must(t, err)
	st, err := store.OpenFolder(place, store.FolderOptions{})
	must(t, err)
	r, err := repo.Open(t.Context(), st, repo.By(k))
	must(t, err)
	card := []byte(strings.Replace(string(r.Facts().VaultCard), "pkcs11:token=trap", old, 1))
	must(t, protection.SetVaultCard(t.Context(), r, card))
	must(t, st.Close())
	settings := filepath.Join(profile, "settings.json")
	var fields map[string]json.RawMessage
	b, err := os.ReadFile(settings)
	must(t, err)
	must(t, json.Unmarshal(b, &fields))
	delete(fields, "vault_address")
	fields["vault_card"] = card
	b, err = json.Marshal(fields)
	must(t, err)
	must(t, os.WriteFile(settings, b, 0o600))
	s.traps.Sprung(t)

	header := func() string {
		b, err := os.ReadFile(filepath.Join(place, "holdfast.json"))
		must(t, err)
		return string(b)
	}
	if !strings.Contains(header(), "pin-source") {
		t.Fatal("the header is not as the version before left it")
	}
	expect(0, "snapshots", "--destination", place, "--key-in", key)
	if said := expect(2, "snapshots", "--destination", place, "--password-in", s.password); strings.Contains(said, "module") ||
		!strings.Contains(said, "pkcs11:token=trap") {
		t.Error(said)
	}
	if sprung := s.traps.Sprung(t); sprung != "" {
		t.Errorf("before the owner's backup: %s", sprung)
	}
	expect(0, append(own, "backup")...)
	if h := header(); strings.Contains(h, "pin-source") || strings.Contains(h, "module-path") || !strings.Contains(h, "pkcs11:token=trap") {
		t.Errorf("after the owner's backup: %s", h)
	}
	// The token's own module is found by this computer's configuration; the card's PIN file and module never are used.
	if sprung := s.traps.Sprung(t); strings.Contains(sprung, "opened") || strings.Contains(sprung, "login") {
		t.Errorf("by the owner's backup: %s", sprung)
	}
	expect(2, append(own, "password", "check", "--password-in", s.password)...) // the token needs its PIN
	expect(2, append(own, "password", "check", "--password-in", s.password, "--vault", "pkcs11:token=another")...)
	expect(0, append(own, "password", "check", "--password-in", s.password, "--vault", typed)...)
	expect(0, append(own, "password", "check", "--password-in", s.password)...)
	expect(0, append(own, "vault", "status")...)
	expect(0, "snapshots", "--destination", place, "--password-in", s.password, "--vault", typed)
}
