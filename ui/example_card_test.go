package ui

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"filippo.io/nistec"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/vaults"
	vaultcard "github.com/holdfast-backup/holdfast/vault/card"
)

// exampleCard is the card of a vault with a certificate of its own, the same each time.
func exampleCard(t *testing.T, url string) []byte {
	t.Helper()
	// The base point of P-256, which every key is a multiple of.
	public, err := hex.DecodeString("036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296")
	if err != nil {
		t.Fatal(err)
	}
	card := map[string]any{"version": 1, "name": "Anna's vault", "url": url, "suite": 1, "public_key": public}
	if strings.HasPrefix(url, "https:") {
		key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1<<32, 0)}
		if card["certificate"], err = x509.CreateCertificate(nil, template, template, key.Public(), key); err != nil {
			t.Fatal(err)
		}
	}
	b, err := json.Marshal(card)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// exampleMember is one vault of three, with a key of its own.
func exampleMember(i byte, name, address string) vaultcard.Member {
	key := make([]byte, 32)
	key[31] = i + 2
	p, err := nistec.NewP256Point().ScalarBaseMult(key)
	if err != nil {
		panic(err)
	}
	return vaultcard.Member{Name: name, URL: vaultcard.URL(address), Suite: 1, PublicKey: p.BytesCompressed(), Nonce: make([]byte, 16),
		Mask: make([]byte, 32), Registered: 1}
}

func exampleMembers() []vaultcard.Member {
	return []vaultcard.Member{exampleMember(0, "Anna's vault", "https://vault.example:8443"),
		exampleMember(1, "Seb's vault", "https://sebs-vault.example.org"),
		exampleMember(2, "City library", "https://vault.library.example")}
}

// exampleShared is the card of a password that any two of three vaults open.
func exampleShared(t *testing.T) []byte {
	t.Helper()
	c := vaultcard.Shared{Set: &vaultcard.Set{Threshold: 2, Salt: make([]byte, 32), Commitment: make([]byte, 32), Vaults: exampleMembers()}}
	c.Sign(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	return c.Encode()
}

// foundExample is what answers at an address.
func foundExample(address string) (core.TypedVault, core.VaultTrust, error) {
	for _, m := range exampleMembers() {
		if c := m.Card(nil); m.URL.Host() == address {
			return vaultcard.TypedCard(c), vaults.TrustOf(core.VaultPlace{Card: &c}), nil
		}
	}
	return core.TypedVault{}, core.VaultTrust{}, core.ErrVaultUnreachable
}

// shareExample is a shared password with one vault that is away, and one where somebody guessed.
func shareExample(st *core.Status, v *core.VaultState, now time.Time) {
	*v = core.VaultState{Name: "Anna's vault, Seb's vault, City library", GuessesLeft: 9, GuessLimit: 10, Threshold: 2,
		Asked: now.Add(-time.Hour)}
	for i, m := range exampleMembers() {
		one := core.VaultState{Name: m.Name, Address: string(m.URL), GuessesLeft: 10, GuessLimit: 10}
		switch i {
		case 1:
			one.GuessesLeft, one.Wrong = 9, []time.Time{now.Add(-time.Hour)}
		case 2:
			one.Unreachable = "no route to host"
		}
		v.Members = append(v.Members, one)
	}
	st.Vaults, st.VaultsNeeded = 3, 2
}
