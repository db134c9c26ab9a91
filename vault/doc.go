// Package vault keeps backup keys behind passwords that it never sees.
//
// A [Vault] holds accounts. Each has a record made by OPAQUE (core/opaque), a
// sealed key, and ten guesses. A guess is counted durably before anything is
// evaluated; after the tenth wrong one the account is erased and a tombstone stays.
// docs/vault-protocol.md is the specification, to the byte.
//
//	v, err := vault.Open(ctx, vault.Params{Store: kept, HSM: token, Name: "example"})
//	defer v.Close()
//	reply, err := v.RecoverStart(ctx, id, vault.RecoveryStart{KE1: ke1, Version: seen})
//
// What an account goes through is a pure function, [apply] in account.go: it gets
// the time, a request and the record, and gives a response and the next record.
// Around it are the parts that make the next record durable and true: seal.go
// encrypts it, commit.go writes groups of changes and anchors them on the token; vault/store
// says what a store must do, and has three. HTTP is in vault/api, the program in
// vault/vaultd, PKCS#11 in vault/hsm.
//
// # Promises
//
// Never an eleventh guess in a row, and never more than WrongCap wrong ones of a
// registration, whatever is run at once, killed, repeated or
// restored. No guess is lost to a token that fails. Never an account destroyed before ten guesses were counted. No
// guesses given back without the right password or a signature by the
// management key. A store that is not the one the token was last anchored to is refused.
//
// # What it does not do
//
// It cannot protect against root on its running host: that is enough
// to guess offline, against Argon2id, with the HSM or not. It does not authenticate who asks: the
// random account id is all that a client needs to know to use up guesses.
package vault
