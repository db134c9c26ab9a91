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
