package vault

import "context"

// Sweep lets tests with a clock of their own close starts that waited too long.
func (v *Vault) Sweep(ctx context.Context) { v.sweep(ctx) }

// StoreKey is where an account is in the store.
func StoreKey(id AccountID) Key { return storeKey(id) }
