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
	store := vault.NewMemory()
	for _, pair := range sample.Store {
		must(t, store.Commit(t.Context(), []vault.Change{{Key: vault.Key(pair.Key), New: pair.Value}}))
	}
	old := store.Clone()
	h, err := hsm.Open(t.Context(), hsm.Params{URI: uri})
	must(t, err)
	defer h.Close()
	p := &person{t: t, id: vault.AccountID(sample.ID), management: ed25519.NewKeyFromSeed(sample.Management), password: []byte("right"), sealedKey: sample.SealedKey}
	for range 2 { // by the label, then by the anchor of today
		p.v, err = vault.Open(t.Context(), vault.Params{Store: store, HSM: h})
		must(t, err)
		if left := p.account().GuessesLeft; left != 7 {
			t.Errorf("%d guesses left", left)
		}
		p.v.Close()
	}
	if storages, err := h.Storages(t.Context()); err != nil || len(storages) != 1 || storages[0].Anchor == "" {
		t.Errorf("the storage key was touched: %+v %v", storages, err)
	}
	p.v, err = vault.Open(t.Context(), vault.Params{Store: store, HSM: h})
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
