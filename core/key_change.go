package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/browse"
	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/protection"
)

// Kept is what a change of the key keeps of one computer's backups.
type Kept = browse.Computer

// BeforeKeyChange tells which backups a change of the key keeps, the newest first. From the change on, what is not among them and was
// made with the old key does not count, so this is the moment to look for what nobody knows. Errors: ErrNotSetUp, ErrNotEncrypted, ….
func (enc Encryption) BeforeKeyChange(ctx context.Context) ([]Kept, error) {
	set := enc.app.profile.Settings()
	switch {
	case set.Repository == "":
		return nil, ErrNotSetUp
	case set.Protection != string(ProtectionKey):
		return nil, ErrNotEncrypted
	}
	r, err := enc.app.openToRead(ctx)
	if err != nil {
		return nil, raise(err)
	}
	defer r.Store().Close() //nolint:errcheck // only read from
	all, _, err := r.Snapshots(ctx)
	if err != nil {
		return nil, raise(err)
	}
	return browse.ByComputer(all, func(s *repo.Snapshot) bool { return slices.Contains(set.Known, s.ID()) }), nil
}

// NewKey makes a backup key. It is not in use until it is given to Setup,
// TurnOnEncryption or ChangeKey.
func (enc Encryption) NewKey() (*backupkey.Key, error) { return backupkey.New() }

// ConfirmKey remembers that the person showed to have the 64 digits.
func (enc Encryption) ConfirmKey() error {
	return enc.app.profile.Update(func(s *profile.Settings) { s.KeyConfirmed = time.Now() })
}

// EnterKey takes the key to which another computer has changed that of this profile's backup. The backup must open with it.
// Errors: ErrNotSetUp, ErrChangePending, ErrWrongKey, ErrUnprotected, ErrDowngraded, ErrOlderKey, those of opening a destination.
func (enc Encryption) EnterKey(ctx context.Context, key *backupkey.Key) error {
	return enc.app.run(RunKeyChange, func(*Run) error { return enc.enterKey(ctx, key) })
}

func (enc Encryption) enterKey(ctx context.Context, key *backupkey.Key) error {
	set := enc.app.profile.Settings()
	switch {
	case set.Repository == "":
		return ErrNotSetUp
	case set.Change != "":
		return ErrChangePending
	case set.Protection != string(ProtectionKey):
		return ErrNotEncrypted
	}
	s, err := enc.app.p.Places.Open(ctx, set.Destination, false)
	if err != nil {
		return err
	}
	defer s.Close() //nolint:errcheck // only read from
	r, err := repo.Open(ctx, s, repo.Encrypted(key))
	if err != nil {
		return err
	}
	if r.Facts().Repository != set.Repository {
		return fmt.Errorf("%w: another backup is at %s", ErrDowngraded, set.Destination)
	}
	var seen repo.Seen
	if set.Seen != nil {
		if err := json.Unmarshal(set.Seen, &seen); err != nil {
			return fmt.Errorf("the profile's settings: %w", err)
		}
	}
	if r.Seen().Keyring < seen.Keyring {
		return fmt.Errorf("%w: keyring %d, where it has seen %d", ErrOlderKey, r.Seen().Keyring, seen.Keyring)
	}
	if err := enc.app.profile.SetSecrets(ctx, &profile.Secrets{Key: key.Bytes()}); err != nil {
		return err
	}
	return enc.app.profile.Update(func(set *profile.Settings) {
		set.Seen, set.KeyConfirmed = seenBy(r), time.Now()
		set.VaultCard, set.VaultState, set.PasswordConfirmed, set.PasswordChecks = r.Facts().VaultCard, nil, time.Time{}, 0
	})
}

// ChangeKey puts another key to use: older backups and what is written from
// now on open with it, and no longer with the old one. That one still opens a
// copy of the destination as it is now. Data is not stored again.
// A backup with a password needs it here, to put the new key behind it, unless
// the password is removed first.
// Errors: ErrNotEncrypted, ErrChangePending, ErrHasVault, ErrVault….
func (enc Encryption) ChangeKey(ctx context.Context, key *backupkey.Key, password *PasswordRequest) error {
	return enc.app.run(RunKeyChange, func(*Run) error { return enc.changeKey(ctx, key, password) })
}

func (enc Encryption) changeKey(ctx context.Context, key *backupkey.Key, password *PasswordRequest) error {
	if enc.app.profile.Settings().Change != "" {
		return ErrChangePending
	}
	r, err := enc.app.openToWrite(ctx, asItIs)
	if err != nil {
		return err
	}
	defer r.Store().Close() //nolint:errcheck // nothing is buffered
	if r.Facts().Protection != repo.ProtectionKey {
		return ErrNotEncrypted
	}
	old := r.Facts().VaultCard
	if old != nil && password == nil {
		return ErrHasVault
	}
	before, beforeErr := enc.app.Passwords().accounts().Own(old) // before another address is remembered
	s, err := enc.app.profile.Secrets(ctx)
	if err != nil {
		return err
	}
	defer s.Clear()
	if err := enc.app.profile.SetSecrets(ctx, &profile.Secrets{Key: s.Key, Next: key.Bytes()}); err != nil {
		return err
	}
	var made VaultPlace
	if password != nil {
		if made, err = enc.app.Passwords().registerNew(ctx, *password, old, key); err != nil {
			return err
		}
	}
	oldKey, err := backupkey.FromBytes(s.Key)
	if err != nil {
		return err
	}
	defer oldKey.Clear()
	if old != nil && beforeErr == nil {
		// The new key does not manage the old accounts: what does is kept now.
		if err := enc.app.Passwords().accounts().Retire(ctx, before, oldKey); err != nil {
			return err
		}
	}
	if err := protection.ChangeKey(ctx, r, key, made.Text()); err != nil {
		// Which of the two counts is the destination's to say: keyFor finds out.
		return err
	}
	err = errors.Join(
		enc.app.profile.SetSecrets(ctx, &profile.Secrets{Key: key.Bytes()}),
		enc.app.profile.Update(func(s *profile.Settings) { s.KeyConfirmed, s.Seen = time.Time{}, seenBy(r) }),
	)
	if password != nil {
		err = errors.Join(err, enc.app.Passwords().accounts().Set(made, password.Vault))
	}
	if old != nil && err == nil && beforeErr == nil {
		err = enc.app.Passwords().accounts().Replaced(ctx, before, made.Text()) // what it holds opens only what was written before
	}
	return err
}
