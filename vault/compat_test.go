package vault_test

import (
	"crypto/ed25519"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/vault"
	"github.com/holdfast-backup/holdfast/vault/hsm"
	"github.com/holdfast-backup/holdfast/vault/hsm/hsmtest"
	"github.com/holdfast-backup/holdfast/vault/store"
)

// A vault from before docs/adr/0014, with its anchor in the label of the storage key: SoftHSM's
// files and the store as that version left them after three wrong guesses.
func TestVaultAnchoredByLabel(t *testing.T) {
	var sample struct {
		Token                     map[string][]byte
		Store                     []struct{ Key, Value []byte }
		ID, Management, SealedKey []byte
	}
	b, err := os.ReadFile("testdata/anchored-by-label.json")
	must(t, err)
	must(t, json.Unmarshal(b, &sample))
	uri := hsmtest.SoftHSM(t, "vault")
	must(t, os.RemoveAll(hsmtest.TokenDir()))
	for name, content := range sample.Token {
		path := filepath.Join(hsmtest.TokenDir(), name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, content, 0o600))
	}
	mem := store.NewMemory()
	for _, pair := range sample.Store {
		must(t, mem.Commit(t.Context(), []store.Change{{Key: store.Key(pair.Key), New: pair.Value}}))
	}
	old := mem.Clone()
	h, err := hsm.Open(t.Context(), hsm.Params{URI: uri})
	must(t, err)
	defer h.Close()
	p := &person{t: t, id: vault.AccountID(sample.ID), management: ed25519.NewKeyFromSeed(sample.Management), password: []byte("right"),
		sealedKey: sample.SealedKey}
	for range 2 { // by the label, then by the anchor of today
		p.v, err = vault.Open(t.Context(), vault.Params{Store: mem, HSM: h})
		must(t, err)
		if left := p.account().GuessesLeft; left != 7 {
			t.Errorf("%d guesses left", left)
		}
		p.v.Close()
	}
	if storages, err := h.Storages(t.Context()); err != nil || len(storages) != 1 || storages[0].Anchor == "" {
		t.Errorf("the storage key was touched: %+v %v", storages, err)
	}
	p.v, err = vault.Open(t.Context(), vault.Params{Store: mem, HSM: h})
	must(t, err)
	p.wrong()
	p.opens()
	_, err = p.v.Rotate(t.Context())
	must(t, err)
	p.opens()
	p.v.Close()
	// What fits the label alone is an old copy now.
	_, err = vault.Open(t.Context(), vault.Params{Store: old, HSM: h})
	wantErr(t, "the old store", err, vault.ErrOlder)
}

func samplePersonOf(t *testing.T, p samplePerson) *person {
	return &person{t: t, id: vault.AccountID(p.ID), management: ed25519.NewKeyFromSeed(p.Management), password: []byte("right"),
		sealedKey: p.SealedKey}
}

// A vault as the version before guesses were capped left it: it opens, its accounts
// open, count on, are destroyed and registered anew, and it rotates and restores.
func TestVaultOfRecordFormat1(t *testing.T) {
	uri := hsmtest.SoftHSM(t, "vault")
	d := &onDisk{t: t, path: filepath.Join(t.TempDir(), "store.db")}
	persons := openSample(t, "record-format-1.json", d.path)
	copied := d.file()
	var err error
	d.h, err = hsm.Open(t.Context(), hsm.Params{URI: uri})
	must(t, err)
	defer d.h.Close()
	must(t, d.open())
	defer func() { d.close() }()
	for _, p := range persons {
		p.v = d.Vault
	}
	living, open, dead := persons["living"], persons["open"], persons["destroyed"]
	if a := living.account(); a.GuessesLeft != 7 || len(a.Past) != 4 {
		t.Errorf("%+v", a)
	}
	if a := open.account(); a.GuessesLeft != 8 { // its minute was over long ago
		t.Errorf("%+v", a)
	}
	if a := dead.account(); a.Reason != vault.ReasonGuesses || a.GuessesLeft != 0 {
		t.Errorf("%+v", a)
	}
	living.wrong()
	living.opens()
	open.opens()
	dead.register()
	dead.opens()
	_, err = d.Rotate(t.Context())
	must(t, err)
	d.restart(living, open, dead)
	living.opens()
	dead.opens()
	must(t, os.WriteFile(d.path+".copy", copied, 0o600))
	from, err := store.OpenBolt(d.path + ".copy")
	must(t, err)
	defer from.Close() //nolint:errcheck // a test's
	_, err = vault.Restore(t.Context(), d.h, from, store.NewMemory(), true, nil)
	wantErr(t, "a copy from before the rotation", err, vault.ErrOlder)
}

// A copy that the version before made is restored.
func TestRestoreOfRecordFormat1(t *testing.T) {
	uri := hsmtest.SoftHSM(t, "vault")
	path := filepath.Join(t.TempDir(), "copy.db")
	persons := openSample(t, "record-format-1.json", path)
	h, err := hsm.Open(t.Context(), hsm.Params{URI: uri})
	must(t, err)
	defer h.Close()
	from, err := store.OpenBolt(path)
	must(t, err)
	defer from.Close() //nolint:errcheck // a test's
	to := store.NewMemory()
	done, err := vault.Restore(t.Context(), h, from, to, false, nil)
	if err != nil || done.Locked || done.Accounts != 3 {
		t.Fatalf("%+v %v", done, err)
	}
	p := persons["living"]
	p.v = openVault(t, vault.Params{Store: to, HSM: h})
	p.opens()
}
