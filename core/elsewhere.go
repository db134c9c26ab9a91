package core

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-backup/holdfast/core/account"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/browse"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/vaults"
	vaultcard "github.com/holdfast-backup/holdfast/vault/card"
)

// Elsewhere looks at backups that need not be the profile's own, as on a new computer.
type Elsewhere struct {
	Places places.Places
	Vaults Vaults // nil: there are no passwords

	known func(VaultPlace) bool // vaults that need no agreement; nil: none
}

// Elsewhere returns one with this App's places and vaults. The vault of the profile's own backup needs no agreement.
func (a *App) Elsewhere() Elsewhere {
	return Elsewhere{a.p.Places, a.p.Vaults, a.Passwords().accounts().Knows}
}

// Found is what anybody can tell about a backup.
type Found struct {
	RepositoryID string
	Protection   Protection
	KeyID        backupkey.ID // of an encrypted backup: for backupkey.Repair
	Changing     bool         // a change of encryption is under way
	NextKeyID    backupkey.ID
	// VaultCard is that of the vault that checks the password, nil: there is none.
	VaultCard []byte
}

// Shared reports whether the password is shared over several vaults.
func (f Found) Shared() bool { return vaultcard.IsShared(f.VaultCard) }

// Inspect looks at a place without a key. Errors: ErrNoBackup,
// ErrNewerFormat, ErrDamaged, ErrDestinationGone, ErrPermission.
func (e Elsewhere) Inspect(ctx context.Context, destination string) (Found, error) {
	s, err := e.Places.Open(ctx, destination, false)
	if err != nil {
		return Found{}, raise(err)
	}
	defer s.Close() //nolint:errcheck // only read from
	f, err := repo.Inspect(ctx, s)
	if err != nil {
		return Found{}, raise(err)
	}
	return Found{RepositoryID: f.Repository, Protection: Protection(f.Protection), KeyID: f.KeyID, Changing: f.Changing,
		NextKeyID: f.NextKeyID, VaultCard: f.VaultCard}, nil
}

// OpenReader opens a backup somewhere, as on a new computer. With a key, the backup must be encrypted under it. Without
// one, the person accepts a backup that is not encrypted: nobody vouches for it.
// Errors: those of Inspect, ErrKeyNeeded, ErrWrongKey, ErrNotEncrypted.
func (e Elsewhere) OpenReader(ctx context.Context, destination string, key *backupkey.Key) (*Reader, error) {
	s, err := e.Places.Open(ctx, destination, false)
	if err != nil {
		return nil, raise(err)
	}
	r, err := repo.Open(ctx, s, repo.By(key))
	if err != nil {
		return nil, errors.Join(raise(err), s.Close())
	}
	return &Reader{r: r, s: s, browser: browse.New(r)}, nil
}

// OpenReaderWithPassword opens a backup somewhere with its password.
// Errors: those of Inspect, *VaultNotTrustedError, ErrNoPassword,
// ErrWrongPassword, ErrPasswordGone, ErrVault….
func (e Elsewhere) OpenReaderWithPassword(ctx context.Context, destination string, req PasswordRequest) (*Reader, error) {
	k, err := e.RecoverKey(ctx, destination, req)
	if err != nil {
		return nil, err
	}
	r, err := e.OpenReader(ctx, destination, k)
	if err != nil {
		k.Clear()
	}
	return r, err
}

// RecoverKey gets the key of a backup somewhere from its vault: one guess.
// Errors: as OpenReaderWithPassword.
func (e Elsewhere) RecoverKey(ctx context.Context, destination string, req PasswordRequest) (*backupkey.Key, error) {
	found, err := e.Inspect(ctx, destination)
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
	case e.Vaults == nil:
		return nil, ErrNoPassword
	}
	at, err := e.placeOf(found, req)
	if err != nil {
		return nil, err
	}
	key, err := account.Recover(ctx, e.Vaults, at, req.Password, want, func(got *vaults.Recovered) {
		if req.Report != nil {
			req.Report(got.Report)
		}
	})
	return key, raise(err)
}

// TrustedVault asks nothing: it reports whether the vault of a backup somewhere may be
// contacted for this request. Errors: those of Inspect, *VaultNotTrustedError, ErrNoPassword, ErrNotEncrypted.
func (e Elsewhere) TrustedVault(ctx context.Context, destination string, req PasswordRequest) error {
	found, err := e.Inspect(ctx, destination)
	switch {
	case err != nil:
		return err
	case found.Protection == ProtectionNone && !found.Changing:
		return ErrUnprotected
	}
	_, err = e.placeOf(found, req)
	return err
}

func (e Elsewhere) placeOf(found Found, req PasswordRequest) (VaultPlace, error) {
	known := e.known
	if known == nil {
		known = func(VaultPlace) bool { return false }
	}
	return placeOf(found.VaultCard, req.Vault, req.Trust, known)
}

// FindVault is Passwords.Find without a profile.
func (e Elsewhere) FindVault(ctx context.Context, address string) (typed TypedVault, show VaultTrust, err error) {
	if e.Vaults == nil {
		return TypedVault{}, VaultTrust{}, fmt.Errorf("%w: this build has no vaults", ErrInvalid)
	}
	c, err := e.Vaults.Find(ctx, address)
	switch {
	case errors.Is(err, vaults.ErrCard):
		return TypedVault{}, VaultTrust{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	case err != nil:
		return TypedVault{}, VaultTrust{}, raise(err)
	}
	return vaultcard.TypedCard(c), vaults.TrustOf(VaultPlace{Card: &c}), nil
}
