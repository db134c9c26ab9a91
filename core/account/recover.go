package account

import (
	"bytes"
	"context"
	"crypto/ed25519"

	"golang.org/x/text/unicode/norm"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/vaults"
	vaultcard "github.com/holdfast-backup/holdfast/vault/card"
)

// Normalized is a password in Unicode's normalization form C, without a byte order mark: one password is the same bytes
// from every keyboard and every editor. The caller clears it.
func Normalized(password []byte) []byte {
	return norm.NFC.Append(nil, bytes.TrimPrefix(password, []byte("\ufeff"))...)
}

// typedFor is a password as the account of a place counts it: accounts of before count it as it was typed. The caller clears it.
func typedFor(at vaults.Place, password []byte) []byte {
	if at.Shared != nil || at.Card != nil && at.Card.Password == vaultcard.PasswordNFC {
		return Normalized(password)
	}
	return bytes.Clone(password)
}

// Recover asks a vault, or those of a shared password, for the key with this id: one guess. then
// sees what the vaults of a shared password did, before it is forgotten; nil: nobody does.
func Recover(ctx context.Context, v vaults.Vaults, at vaults.Place, password []byte, want backupkey.ID, then func(*vaults.Recovered)) (
	*backupkey.Key, error,
) {
	typed := typedFor(at, password)
	defer clear(typed)
	var raw []byte
	var err error
	if at.Shared != nil {
		raw, err = recoverShared(ctx, v, at, typed, want, then)
	} else {
		raw, err = v.Recover(ctx, at, typed)
	}
	if err != nil {
		return nil, err
	}
	defer clear(raw)
	k, err := backupkey.FromBytes(raw)
	if err != nil {
		return nil, &vaults.Error{Kind: vaults.ErrSuspect, GuessesLeft: -1, Cause: err}
	}
	if k.ID() != want {
		k.Clear()
		return nil, &vaults.Error{Kind: vaults.ErrSuspect, GuessesLeft: -1}
	}
	return k, nil
}

func recoverShared(ctx context.Context, v vaults.Vaults, at vaults.Place, password []byte, want backupkey.ID,
	then func(*vaults.Recovered),
) ([]byte, error) {
	got, err := v.RecoverShared(ctx, at, password, func(raw []byte) bool { return fits(raw, want, at.Shared) })
	if err != nil {
		return nil, err
	}
	defer got.Clear()
	if then != nil {
		then(got)
	}
	return bytes.Clone(got.Key), nil
}

// fits reports whether a key is the backup's, and the card was made under it.
func fits(raw []byte, want backupkey.ID, card *vaultcard.Shared) bool {
	k, err := backupkey.FromBytes(raw)
	if err != nil {
		return false
	}
	defer k.Clear()
	seed := cardSeed(k)
	defer clear(seed)
	signer := ed25519.NewKeyFromSeed(seed)
	defer clear(signer)
	return k.ID() == want && card.Signs(signer.Public().(ed25519.PublicKey))
}

// Mend has the vaults registered again that did not hold what they should. Nothing depends on it: the next check tries again.
func (a Accounts) Mend(ctx context.Context, r *repo.Repository, key *backupkey.Key, got *vaults.Recovered) {
	if got.Mend == nil {
		return
	}
	s := Choice{}.sharing(key, a.KeepIn(r))
	defer clear(s.CardSeed)
	raw := key.Bytes()
	defer clear(raw)
	before := r.Facts().VaultCard
	old, err := a.Own(before)
	if err == nil {
		err = a.Retire(ctx, old, key)
	}
	var made vaults.Shared
	if err == nil {
		made, err = got.Mend(ctx, s, vaults.NewAccount{Key: raw, Seeds: Seeds(key)})
	}
	if err == nil {
		err = a.settle(ctx, before, made.Left)
	}
	if err != nil {
		a.Log.Warn("not all vaults of the password could be mended", "cause", err)
	}
}
