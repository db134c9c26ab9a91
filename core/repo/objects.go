package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/sealed"
	"github.com/holdfast-backup/holdfast/core/store"
)

// Removed returns the snapshots that were deleted on purpose.
func (r *Repository) Removed(ctx context.Context) (map[Name]bool, error) {
	return r.named(ctx, format.KindRemoval)
}

// Pinned returns the snapshots that no rule of retention deletes.
func (r *Repository) Pinned(ctx context.Context) (map[Name]bool, error) {
	return r.named(ctx, format.KindPin)
}

func (r *Repository) named(ctx context.Context, kind format.ObjectKind) (map[Name]bool, error) {
	all, err := sealed.Records(ctx, r.e.Objects, kind, format.DecodeRemoval)
	if err != nil {
		return nil, err
	}
	out := make(map[Name]bool)
	for _, names := range all {
		for _, n := range names {
			out[n] = true
		}
	}
	return out, nil
}

// Pin keeps a snapshot from being deleted by rules of retention; unpinning it
// lets them apply again. Errors: ErrNoSnapshot.
func (r *Repository) Pin(ctx context.Context, snapshot Name, pinned bool) error {
	pins, err := sealed.Records(ctx, r.e.Objects, format.KindPin, format.DecodeRemoval)
	if err != nil {
		return err
	}
	there := false
	for n, names := range pins {
		switch {
		case !slices.Contains(names, snapshot):
		case pinned:
			there = true
		default:
			if err := r.e.Store.Delete(ctx, format.KindPin.Path(n)); err != nil {
				return err
			}
		}
	}
	if !pinned || there {
		return nil
	}
	if _, err := r.e.Store.Stat(ctx, format.KindSnapshot.Path(snapshot)); err != nil {
		if errors.Is(err, store.ErrNotExist) {
			return fmt.Errorf("%w: %s", ErrNoSnapshot, snapshot)
		}
		return err
	}
	if _, err = r.e.PutRecord(ctx, format.KindPin, format.EncodeRemoval([]Name{snapshot})); err != nil {
		return err
	}
	return r.e.CheckHeader(ctx) // after a change of the key it would not count
}

// RemoveSnapshots deletes snapshots, after it has put down that this is done
// on purpose. Their data goes with Prune. What is gone already does no harm.
func (r *Repository) RemoveSnapshots(ctx context.Context, names []Name) error {
	if len(names) == 0 {
		return nil
	}
	_, err := r.e.PutRecord(ctx, format.KindRemoval, format.EncodeRemoval(names))
	if errors.Is(err, store.ErrNoSpace) {
		// The place is full to the last byte. One of them goes first and makes room; cut off here, other computers are told that
		// it is missing, as it is.
		if err := r.e.CheckHeader(ctx); err != nil {
			return err
		}
		if err := r.e.Store.Delete(ctx, format.KindSnapshot.Path(names[0])); err != nil {
			return err
		}
		_, err = r.e.PutRecord(ctx, format.KindRemoval, format.EncodeRemoval(names))
	}
	if err != nil {
		return err
	}
	if err := r.e.CheckHeader(ctx); err != nil { // after a change of the key the removal does not count
		return err
	}
	return r.e.DeleteAll(ctx, format.KindSnapshot, names)
}
