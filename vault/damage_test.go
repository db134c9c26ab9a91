package vault_test

import (
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/vault"
	"github.com/holdfast-backup/holdfast/vault/store"
)

// A store or a copy that is damaged, in any place and in any way, is an error with a sentence: no panic, no signal.
func TestDamagedStores(t *testing.T) {
	d := newOnDisk(t)
	p := registered(t, d.Vault)
	p.wrong()
	must(t, d.Fill(200))
	d.close()
	defer func() { must(t, d.open()) }()
	whole := d.file()
	random := rand.New(rand.NewPCG(1, 2))
	damages := map[string]func() []byte{
		"empty":       func() []byte { return nil },
		"text":        func() []byte { return []byte("this is no store") },
		"zeros":       func() []byte { return make([]byte, len(whole)) },
		"cut in half": func() []byte { return whole[:len(whole)/2] },
		"head only":   func() []byte { return whole[:8192] },
		"heads cut":   func() []byte { return whole[:4000] },
	}
	anchors, err := d.h.Anchors(t.Context())
	must(t, err)
	tries := 0
	try := func(what string, text []byte) {
		tries++
		if now, err := d.h.Anchors(t.Context()); err != nil || now != anchors { // what was restored is the newest now
			for place, anchor := range anchors {
				must(t, d.h.SetAnchor(t.Context(), place, anchor))
			}
		}
		path := filepath.Join(t.TempDir(), "store.db")
		must(t, os.WriteFile(path, text, 0o600))
		f, err := os.Open(path)
		must(t, err)
		before := sha256.Sum256(text)
		from, err := store.OpenBoltCopy(f)
		if err == nil {
			_, err = vault.Restore(t.Context(), d.h, from, store.NewMemory(), true, nil)
			must(t, from.Close())
		}
		wrong := err != nil && !errors.Is(err, store.ErrDamaged) && !errors.Is(err, store.ErrTampered) && !errors.Is(err, vault.ErrOlder)
		after, _ := os.ReadFile(path)
		if wrong || sha256.Sum256(after) != before {
			t.Errorf("restore of %s: %v; the copy is as it was: %v", what, err, sha256.Sum256(after) == before)
		}
		s, err := store.OpenBolt(path)
		if err == nil {
			var v *vault.Vault
			if v, err = vault.Open(t.Context(), vault.Params{Store: s, HSM: d.h}); err == nil {
				v.Close() // the damage was in a page that is free
			}
			must(t, s.Close())
		}
		if err != nil && !errors.Is(err, store.ErrDamaged) && !errors.Is(err, store.ErrTampered) && !errors.Is(err, vault.ErrOlder) {
			t.Errorf("opening %s: %v", what, err)
		}
	}
	for what, make := range damages {
		try(what, make())
	}
	for range 60 {
		text := append([]byte(nil), whole...)
		for range 1 + random.IntN(40) {
			text[random.IntN(len(text))] ^= byte(1 + random.IntN(255))
		}
		try("some bytes changed", text)
	}
	for at := 0; at < len(whole); at += 4096 { // each header
		for _, field := range []int{0, 8, 10, 12}[random.IntN(4):] {
			text := append([]byte(nil), whole...)
			text[at+field] ^= byte(1 + random.IntN(255))
			try("a page's header changed", text)
		}
	}
	for place, anchor := range anchors {
		must(t, d.h.SetAnchor(t.Context(), place, anchor))
	}
	must(t, os.WriteFile(d.path, whole, 0o600))
	t.Logf("%d damaged stores", tries)
}
