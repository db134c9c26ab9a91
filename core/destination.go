package core

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/repo"
)

// SetDestination says where the backup is from now on. A place that holds this
// very backup, moved or plugged in elsewhere, is used as it is. At a place
// without any, fresh begins a new backup with the same key and password; the
// one at the old place stays there, with its dates.
// Errors: ErrNotSetUp, ErrInvalid, ErrChangePending, ErrNoBackup (and not fresh), ErrExistingBackup (another one), ….
func (a *App) SetDestination(ctx context.Context, destination string, fresh bool) error {
	_, end, err := a.begin(RunSetup)
	if err != nil {
		return err
	}
	return end(a.setDestination(ctx, destination, fresh))
}

func (a *App) setDestination(ctx context.Context, destination string, fresh bool) error {
	set := a.profile.Settings()
	switch {
	case set.Repository == "":
		return ErrNotSetUp
	case set.Change != "":
		return ErrChangePending
	case destination == "":
		return fmt.Errorf("%w: no destination", ErrInvalid)
	}
	destination, err := places.Absolute(destination)
	if err != nil {
		return err
	}
	if places.IsPath(destination) {
		for _, s := range set.Sources {
			if places.Within(s, destination) {
				return fmt.Errorf("%w: the destination %s is where %s would be read from; choose another place", ErrInvalid, destination, s)
			}
		}
	}
	s, err := a.p.Places.Open(ctx, destination, fresh)
	if err != nil {
		return err
	}
	defer s.Close() //nolint:errcheck // nothing is buffered
	facts, err := repo.Inspect(ctx, s)
	switch {
	case err == nil && facts.Repository == set.Repository:
		return a.profile.Update(func(set *profile.Settings) { set.Destination = destination })
	case err == nil:
		return fmt.Errorf("%w: not the one of this computer, at %s", ErrExistingBackup, destination)
	case !errors.Is(err, repo.ErrNotRepository) || !fresh:
		return err
	}
	key, err := a.key(ctx)
	if err != nil {
		return err
	}
	defer key.Clear()
	r, err := repo.Create(ctx, s, key, a.cardToPublish(set))
	if err != nil {
		return err
	}
	return a.profile.Update(func(set *profile.Settings) {
		set.Destination, set.Repository, set.Known, set.Seen = destination, r.Facts().Repository, nil, seenBy(r)
		set.PlaceSince = time.Now()
	})
}

// SameDisk reports whether a place, which need not be there yet, is known to be on the disk of one of the sources: if that breaks,
// both are lost.
func SameDisk(sources []string, place string) bool { return places.SameDisk(sources, place) }
