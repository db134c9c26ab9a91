package core

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/repo"
)

// EnterKey takes the key to which another computer has changed that of this profile's backup. The backup must open with it.
// Errors: ErrNotSetUp, ErrChangePending, ErrWrongKey, ErrUnprotected, ErrDowngraded, ErrOlderKey, those of opening a destination.
func (a *App) EnterKey(ctx context.Context, key *backupkey.Key) error {
	_, end, err := a.begin(RunKeyChange)
	if err != nil {
		return err
	}
	return end(a.enterKey(ctx, key))
}

func (a *App) enterKey(ctx context.Context, key *backupkey.Key) error {
	set := a.profile.Settings()
	switch {
	case set.Repository == "":
		return ErrNotSetUp
	case set.Change != "":
		return ErrChangePending
	case set.Protection != string(ProtectionKey):
		return ErrNotEncrypted
	}
	s, err := a.p.Places.Open(ctx, set.Destination, false)
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
	if err := a.profile.SetSecrets(ctx, &profile.Secrets{Key: key.Bytes()}); err != nil {
		return err
	}
	return a.profile.Update(func(set *profile.Settings) {
		set.Seen, set.KeyConfirmed = seenBy(r), time.Now()
		set.VaultCard, set.VaultState, set.PasswordConfirmed, set.PasswordChecks = r.Facts().VaultCard, nil, time.Time{}, 0
	})
}
