package core

import (
	"context"

	"github.com/holdfast-backup/holdfast/core/backupkey"
)

// OpenReaderWithPassword is the function of that name, with this computer's
// vaults. The vault of the profile's own backup needs no agreement.
func (a *App) OpenReaderWithPassword(ctx context.Context, destination string, req PasswordRequest) (*Reader, error) {
	return openReaderWithPassword(ctx, a.p.Vaults, destination, req, a.knows)
}

// OpenReaderWithPassword opens a backup somewhere with its password, as on a
// new computer. Errors: those of Inspect, *VaultNotTrustedError, ErrNoPassword,
// ErrWrongPassword, ErrPasswordGone, ErrVault….
func OpenReaderWithPassword(ctx context.Context, vaults Vaults, destination string, req PasswordRequest) (*Reader, error) {
	return openReaderWithPassword(ctx, vaults, destination, req, knowsNone)
}

func openReaderWithPassword(
	ctx context.Context, vaults Vaults, destination string, req PasswordRequest, known func(VaultCard) bool,
) (*Reader, error) {
	k, err := recoverKeyAt(ctx, vaults, destination, req, known)
	if err != nil {
		return nil, err
	}
	r, err := OpenReader(ctx, destination, k)
	if err != nil {
		k.Clear()
	}
	return r, err
}

func knowsNone(VaultCard) bool { return false }

// RecoverKey gets the key of a backup somewhere from its vault: one guess.
// Errors: as OpenReaderWithPassword.
func RecoverKey(ctx context.Context, vaults Vaults, destination string, req PasswordRequest) (*backupkey.Key, error) {
	return recoverKeyAt(ctx, vaults, destination, req, knowsNone)
}

func recoverKeyAt(
	ctx context.Context, vaults Vaults, destination string, req PasswordRequest, known func(VaultCard) bool,
) (*backupkey.Key, error) {
	found, err := Inspect(ctx, destination)
	if err != nil {
		return nil, err
	}
	want := found.KeyID
	if found.Changing && found.Protection == ProtectionNone {
		want = found.NextKeyID
	}
	switch {
	case found.Protection == ProtectionNone && !found.Changing:
		return nil, ErrUnprotected
	case vaults == nil:
		return nil, ErrNoPassword
	}
	at, err := placeOf(found.VaultCard, req.Vault, req.Trust, known)
	if err != nil {
		return nil, err
	}
	return recoverKey(ctx, vaults, at, req.Password, want)
}

// TrustedVault asks nothing: it tells whether the vault of a backup somewhere may be
// contacted for this request. Errors: those of Inspect, *VaultNotTrustedError, ErrNoPassword, ErrNotEncrypted.
func TrustedVault(ctx context.Context, destination string, req PasswordRequest) error {
	found, err := Inspect(ctx, destination)
	switch {
	case err != nil:
		return err
	case found.Protection == ProtectionNone && !found.Changing:
		return ErrUnprotected
	}
	_, err = placeOf(found.VaultCard, req.Vault, req.Trust, knowsNone)
	return err
}

// recoverKey asks a vault for the key with this id.
func recoverKey(ctx context.Context, v Vaults, at VaultPlace, password []byte, want backupkey.ID) (*backupkey.Key, error) {
	typed := typedFor(at.Card, password)
	defer clear(typed)
	raw, err := v.Recover(ctx, at, typed)
	if err != nil {
		return nil, err
	}
	defer clear(raw)
	k, err := backupkey.FromBytes(raw)
	if err != nil {
		return nil, &VaultError{Kind: ErrVaultSuspect, GuessesLeft: -1, Cause: err}
	}
	if k.ID() != want {
		k.Clear()
		return nil, &VaultError{Kind: ErrVaultSuspect, GuessesLeft: -1}
	}
	return k, nil
}
