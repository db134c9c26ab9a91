package vault_test

import (
	"bytes"
	"testing"

	"github.com/holdfast-backup/holdfast/core/opaque"
	"github.com/holdfast-backup/holdfast/core/opaque/opaquetest"
)

// What a thief of store, backups, logs and of all traffic in the clear has, but not the HSM. For each
// word of the dictionary there are blinds that explain the traffic equally well: the OPRF
// key s·k is needed to tell words apart, and every stored byte is under keys that only the HSM derives.
func TestDictionaryHasNothingToCheckAgainst(t *testing.T) {
	d := newOnDisk(t)
	p := registered(t, d.Vault)
	tr, err := p.start(p.password)
	must(t, err)
	_, err = tr.finish()
	must(t, err)
	d.restart(p)
	file := d.file()

	// 1. Nothing in the store is in the clear: neither ids, nor keys, nor records.
	r, err := p.registration(p.password)
	must(t, err)
	for what, secret := range map[string][]byte{"account id": p.id[:], "sealed key": p.sealedKey, "management key": r.Management,
		"public key":          d.Public().PublicKey,
		"a record's envelope": r.Record[33:], "password": p.password} {
		if bytes.Contains(file, secret) {
			t.Errorf("the store shows the %s", what)
		}
	}

	// 2. The attacker simulates the vault for each word with the whole traffic. Without s·k all they can do is guess a key;
	// with a wrong key no word opens KE2, the right one included, so the dictionary yields nothing.
	words := [][]byte{[]byte("123456"), []byte("password"), p.password, []byte("qwerty")}
	for _, word := range words {
		guessed := opaque.NewScalar() // in place of s·k
		c := opaquetest.New()
		fake := opaque.Server{Keys: opaquetest.NewKeys()}
		ke1, err := opaque.ParseKE1(c.KE1(word))
		must(t, err)
		login, err := fake.GenerateKE2(t.Context(), opaque.Account{Scalar: guessed, Record: r.Record, Identity: p.id[:]}, ke1)
		must(t, err)
		if _, _, _, err := c.KE3(login.KE2, p.id[:], d.Public().PublicKey); err == nil {
			t.Errorf("%s opened without the HSM", word)
		}
	}

	// 3. KE1 fits every word: for word w and the blinded point B there is r with
	// r·H(w) = B. So equal passwords look different and different ones alike.
	one, two := opaquetest.New().KE1(p.password), opaquetest.New().KE1(p.password)
	if bytes.Equal(one[:33], two[:33]) {
		t.Error("a blinded password repeats")
	}

	// 4. With the HSM the same record opens: the check above is not vacuous.
	p.opens()
}
