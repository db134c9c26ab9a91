package core

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-backup/holdfast/core/account"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/source"
	"github.com/holdfast-backup/holdfast/core/store"
)

// Setup makes a new backup, or joins an existing one, and remembers it. When
// it fails the profile is as it was. Errors: ErrAlreadySetUp, ErrInvalid,
// ErrExistingBackup, ErrNoBackup, ErrWrongKey, ErrKeyNeeded, ErrNotEncrypted, ErrNoKeyring, ….
func (a *App) Setup(ctx context.Context, req SetupRequest) error {
	return a.run(RunSetup, func(*Run) error { return a.setup(ctx, req) })
}

func (a *App) setup(ctx context.Context, req SetupRequest) error {
	if a.profile.Settings().Repository != "" {
		return fmt.Errorf("%w: %s", ErrAlreadySetUp, a.profile.Dir())
	}
	if req.Destination == "" {
		return fmt.Errorf("%w: no destination", ErrInvalid)
	}
	destination, err := places.Absolute(req.Destination)
	if err != nil {
		return err
	}
	sources, err := cleanSources(ctx, req.Sources, destination)
	if err != nil {
		return err
	}
	if _, err := source.ReadExclude(req.Excludes); err != nil {
		return err
	}
	s, err := a.p.Places.Open(ctx, destination, !req.Existing)
	if err != nil {
		return err
	}
	defer s.Close() //nolint:errcheck // nothing is buffered
	key := req.Key
	if req.Existing && key == nil && req.Password != nil {
		if key, err = a.Elsewhere().RecoverKey(ctx, destination, *req.Password); err != nil {
			return err
		}
		defer key.Clear()
	}
	// The key is kept before the destination learns of it, so that no crash
	// leaves a backup whose key nobody has.
	if key != nil {
		if err := a.profile.SetSecrets(ctx, &profile.Secrets{Key: key.Bytes()}); err != nil {
			return err
		}
	}
	j, err := a.createOrJoin(ctx, s, req, key)
	if err != nil {
		if key != nil {
			err = errors.Join(err, a.profile.SetSecrets(ctx, &profile.Secrets{}))
		}
		return err
	}
	if err := a.p.Places.Keep(ctx, destination); err != nil {
		return err
	}
	err = a.profile.Update(func(set *profile.Settings) {
		set.Destination, set.Sources, set.Excludes = destination, sources, slices.Clone(req.Excludes)
		set.Repository, set.Protection, set.Seen = j.repository, string(j.protection), j.seen
		if j.protection == repo.ProtectionKey { // nobody vouches for the card of another one
			set.VaultCard = j.card
		}
		if req.Password != nil {
			set.PasswordConfirmed = time.Now()
			account.RememberAddress(set, req.Password.Vault)
		}
	})
	if err == nil && req.Existing && req.Password != nil {
		a.Passwords().accounts().Ask(ctx, j.card) // the person's own wrong guesses of just now are no news to them
	}
	return err
}

// joined is what a profile remembers of the backup that it is set up for.
type joined struct {
	repository string
	protection repo.Protection
	card       []byte
	seen       json.RawMessage
}

func joinedTo(r *repo.Repository, key *backupkey.Key) joined {
	j := joined{repository: r.Facts().Repository, protection: repo.ProtectionNone, card: r.Facts().VaultCard, seen: seenBy(r)}
	if key != nil { // the caller's word, not the header's
		j.protection = repo.ProtectionKey
	}
	return j
}

// join opens the backup that is there. Who gives a key demands encryption; without one the person has said
// that the backup has none. Nobody joins in the middle of a change.
func join(ctx context.Context, s store.Store, key *backupkey.Key) (joined, error) {
	r, err := repo.Open(ctx, s, repo.By(key))
	switch {
	case err != nil:
		return joined{}, err
	case r.Facts().Changing:
		return joined{}, ErrChangePending
	}
	return joinedTo(r, key), nil
}

// createOrJoin makes the backup, with its account in the vault, or opens the one there is.
func (a *App) createOrJoin(ctx context.Context, s store.Store, req SetupRequest, key *backupkey.Key) (joined, error) {
	if req.Existing {
		return join(ctx, s, key)
	}
	var made VaultPlace
	if req.Password != nil {
		if key == nil {
			return joined{}, fmt.Errorf("%w: a password without a key", ErrInvalid)
		}
		// No account is made for a place that is taken.
		if _, err := repo.Inspect(ctx, s); !errors.Is(err, repo.ErrNotRepository) {
			return joined{}, cmp.Or(err, repo.ErrExists)
		}
		at, err := a.Passwords().registerNew(ctx, *req.Password, nil, key)
		if err != nil {
			return joined{}, err
		}
		made = at
	}
	r, err := repo.Create(ctx, s, key, made.Text())
	if err != nil {
		if req.Password != nil {
			err = errors.Join(err, a.Passwords().accounts().Remove(ctx, made, key))
		}
		return joined{}, err
	}
	return joinedTo(r, key), nil
}
