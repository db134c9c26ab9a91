package core

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/source"
)

// SetDestination says where the backup is from now on. A place that holds this
// very backup, moved or plugged in elsewhere, is used as it is. At a place
// without any, fresh begins a new backup with the same key and password; the
// one at the old place stays there, with its dates.
// Errors: ErrNotSetUp, ErrInvalid, ErrChangePending, ErrNoBackup (and not fresh), ErrExistingBackup (another one), ….
func (a *App) SetDestination(ctx context.Context, destination string, fresh bool) error {
	return a.run(RunSetup, func(*Run) error { return a.setDestination(ctx, destination, fresh) })
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
		if err := CheckPlace(ctx, destination, set.Sources); err != nil {
			return err
		}
	}
	s, err := a.p.Places.Open(ctx, destination, fresh)
	if err != nil {
		return err
	}
	defer s.Close() //nolint:errcheck // nothing is buffered
	if err := a.p.Places.Keep(ctx, destination); err != nil {
		return err
	}
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
	r, err := repo.Create(ctx, s, key, a.Passwords().accounts().Publish(set))
	if err != nil {
		return err
	}
	return a.profile.Update(func(set *profile.Settings) {
		set.Destination, set.Repository, set.Known, set.Seen = destination, r.Facts().Repository, nil, seenBy(r)
		set.PlaceSince = time.Now()
	})
}

// CheckPlace returns nil if a place may hold the backup of some sources. Errors: ErrPlaceInside, in an *fs.PathError that names the source.
func CheckPlace(ctx context.Context, place string, sources []string) error {
	for _, s := range sources {
		// What does not answer holds nothing that can be seen now; the backup looks again.
		inside, _ := source.Answer(ctx, s, func() (bool, error) { return liesIn(s, place), nil })
		if inside {
			return &fs.PathError{Op: "backup inside of", Path: s, Err: ErrPlaceInside}
		}
	}
	return ctx.Err()
}

// Around reports whether a source lies in a place: what the backup makes there would lie among the person's own files.
func Around(place string, sources []string) bool {
	return slices.ContainsFunc(sources, func(s string) bool { return places.Within(place, s) })
}

// SameDisk reports whether a place, which need not be there yet, is known to be on the disk of one of the sources: if that breaks,
// both are lost.
func SameDisk(sources []string, place string) bool { return places.SameDisk(sources, place) }
