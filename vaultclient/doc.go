// Package vaultclient is the vault as the app sees it: it sets a password,
// recovers the backup key with it, and says how many guesses are left.
//
//	v, err := vaultclient.Open(ctx, vaultclient.Params{Card: card})
//	defer v.Close()
//	key, err := v.Recover(ctx, password)
//
// [Vault] has two implementations: [Local] runs the vault in this process on a
// PKCS#11 token, [Remote] speaks HTTPS to a vaultd. Both do the same protocol
// (docs/vault-protocol.md), and one suite holds both.
//
// # Promises
//
// One password tried costs one guess, whatever is lost on the way: a message
// is repeated only as the same message, and only while the vault knows it. A
// password counts as set only when it has opened the account once. The key that
// comes back is the one that was sealed, or there is an error. Nothing that
// a vault answers makes the key stretching cheaper.
//
// Passwords and keys are byte slices: arguments stay the caller's to clear,
// results too. What is made of them here is cleared, as far as Go allows.
//
// # What it does not do
//
// It does not store cards or decide about passwords. It does not derive the
// management seed: the caller does, from the backup key.
package vaultclient
