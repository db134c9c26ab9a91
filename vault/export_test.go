package vault

import (
	"context"
	"crypto/rand"

	"github.com/holdfast-backup/holdfast/vault/store"
)

// Sweep lets tests with a clock of their own close starts that waited too long.
func (v *Vault) Sweep(ctx context.Context) { v.sweep(ctx) }

// StoreKey is where an account is in the store.
func StoreKey(id AccountID) store.Key { return storeKey(id) }

// Fill adds n accounts that nobody can open, for measurements of large stores.
func (v *Vault) Fill(n int) error {
	const group = 2000
	for done := 0; done < n; done += group {
		l := v.ledger
		l.writing.Lock()
		next := l.head
		var changes []store.Change
		for range min(group, n-done) {
			var key store.Key
			_, _ = rand.Read(key[:])
			r := &record{guessesLeft: Guesses, version: 1, sealedKey: make([]byte, 60)}
			_, _ = rand.Read(r.scalar[:])
			value := l.current.sealValue(labelRecord, key, r.encode())
			next.sum = next.sum.plus(l.current.summand(key, value))
			next.accounts++
			changes = append(changes, store.Change{Key: key, New: value})
		}
		err := l.write(changes, next, l.current)
		l.writing.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}
