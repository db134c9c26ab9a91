package vaultclient_test

import (
	"testing"

	"github.com/holdfast-backup/holdfast/vaultclient"
)

// BenchmarkRecover recovers a key by vaultd on loopback: from one vault, and from two of three. Both begin as on a new computer, without a
// connection. Argon2id is computed once in both.
func BenchmarkRecover(b *testing.B) {
	f := newFleet(b, 4)
	f.straight = true
	f.set("right", 2, 0, 1, 2)
	one, err := vaultclient.Open(b.Context(), vaultclient.Params{Card: f.vaults[3].Card()})
	must(b, err)
	_, err = one.SetPassword(b.Context(), vaultclient.NewPassword{Password: []byte("right"), Key: f.key, Seed: secret()})
	must(b, err)
	card := one.Card()
	must(b, one.Close())
	b.Run("one", func(b *testing.B) {
		for b.Loop() {
			v, err := vaultclient.Open(b.Context(), vaultclient.Params{Card: card})
			must(b, err)
			_, err = v.Recover(b.Context(), []byte("right"))
			must(b, err)
			must(b, v.Close())
		}
	})
	b.Run("2 of 3", func(b *testing.B) {
		for b.Loop() {
			o, err := f.recover("right")
			must(b, err)
			o.Clear()
		}
	})
}
