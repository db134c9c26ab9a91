package vault_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/vault"
	"github.com/holdfast-backup/holdfast/vault/store"
)

// What is destroyed, deleted or replaced is not in the store's file any more: none of the values that ever held it.
func TestDestroyedIsGoneFromTheFile(t *testing.T) {
	d := newOnDisk(t)
	must(t, d.Fill(100)) // so that there are pages to be free
	destroyed, deleted, replaced, kept := registered(t, d.Vault), registered(t, d.Vault), registered(t, d.Vault), registered(t, d.Vault)
	var gone [][]byte
	note := func(p *person) {
		v, err := d.store.Get(t.Context(), vault.StoreKey(p.id))
		must(t, err)
		gone = append(gone, v)
	}
	for range vault.Guesses {
		note(destroyed)
		if _, err := destroyed.recover([]byte("wrong")); !errors.Is(err, errWrongPassword) && !errors.Is(err, vault.ErrDestroyed) {
			t.Fatal(err)
		}
		kept.opens()
	}
	for range 3 {
		note(deleted)
		deleted.opens()
		note(replaced)
		replaced.wrong()
	}
	note(deleted)
	note(replaced)
	version := deleted.account().Version
	must(t, d.Delete(t.Context(), deleted.id, version,
		ed25519.Sign(deleted.management, vault.DeletionMessage(d.Public().PublicKey, deleted.id, version))))
	replaced.password = []byte("next")
	replaced.register()
	before, err := os.Open(d.path)
	must(t, err)
	defer before.Close() //nolint:errcheck // a test's
	in := func(file []byte) (n int) {
		for _, v := range gone {
			if bytes.Contains(file, v[17:]) {
				n++
			}
		}
		return n
	}
	if in(d.file()) == 0 {
		t.Fatal("the test looks for nothing")
	}
	must(t, d.store.Erase(t.Context()))
	if n := in(d.file()); n > 0 {
		t.Errorf("%d of %d values are in the file", n, len(gone))
	}
	old := make([]byte, 1<<20)
	n, _ := before.ReadAt(old, 0)
	if in(old[:n]) > 0 || n == 0 {
		t.Error("the file that was there before still has them")
	}
	// The vault goes on as if nothing were, and the next start has nothing to erase.
	kept.opens()
	replaced.opens()
	d.restart(kept, replaced)
	kept.opens()
	replaced.opens()
	if left, err := filepath.Glob(d.path + ".*"); err != nil || len(left) > 0 {
		t.Errorf("%v %v", left, err)
	}
	must(t, d.store.Erase(t.Context()))
}

// A process that ends before it has erased leaves that to the next one; closing erases.
func TestErasureSurvivesAKill(t *testing.T) {
	d := newOnDisk(t)
	p := registered(t, d.Vault)
	value, err := d.store.Get(t.Context(), vault.StoreKey(p.id))
	must(t, err)
	p.register()
	killed := d.file() // as a kill would leave it
	if !bytes.Contains(killed, value[17:]) {
		t.Fatal("the test looks for nothing")
	}
	path := filepath.Join(t.TempDir(), "store.db")
	must(t, os.WriteFile(path, killed, 0o600))
	s, err := store.OpenBolt(path)
	must(t, err)
	must(t, s.Erase(t.Context()))
	must(t, s.Close())
	file, err := os.ReadFile(path)
	if err != nil || bytes.Contains(file, value[17:]) {
		t.Errorf("it is still there: %v", err)
	}
	d.restart(p)
	if bytes.Contains(d.file(), value[17:]) {
		t.Error("closing did not erase")
	}
	p.opens()
}
