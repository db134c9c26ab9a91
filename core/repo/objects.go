package repo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/store"
)

// forgetGivenUp deletes what was said of changes that are given up to the end.
func (r *Repository) forgetGivenUp(ctx context.Context) error {
	all, err := recordsOf(ctx, r.e, format.KindRemoval, r.known(format.KindRemoval), format.DecodeGivenUp)
	if err != nil {
		return err
	}
	for n, id := range all {
		if id != [32]byte{} {
			if err := r.e.Store.Delete(ctx, format.KindRemoval.Path(n)); err != nil {
				return err
			}
		}
	}
	return nil
}

// givenUp reports whether somebody gives the change to an epoch up. Every known epoch counts, also one that was public: a run
// that gives up turning encryption on has no other, and it leaves the backup as it was.
func (r *Repository) givenUp(ctx context.Context, e *Epoch) (bool, error) {
	all, err := recordsOf(ctx, r.e, format.KindRemoval, r.known(format.KindRemoval), format.DecodeGivenUp)
	for _, id := range all {
		if id == e.GivenUpID(r.e.ID) {
			return true, nil
		}
	}
	return false, err
}

// known reports whether a name is of an epoch that is known, whatever that is worth.
func (r *Repository) known(kind format.ObjectKind) func(Name) bool {
	return func(n Name) bool { return r.e.Owner(kind, n) != nil }
}

// records reads all objects of a kind that count. One that is gone by the time it is
// read is left out: a later listing would not have shown it either.
func records[T any](ctx context.Context, r *Engine, kind format.ObjectKind, decode func([]byte) (T, error)) (map[Name]T, error) {
	return recordsOf(ctx, r, kind, func(n Name) bool { return r.Counts(kind, n) }, decode)
}

// recordsOf is records of the names that believed picks.
func recordsOf[T any](ctx context.Context, r *Engine, kind format.ObjectKind, believed func(Name) bool, decode func([]byte) (T, error)) (map[Name]T, error) {
	names, err := r.listOf(ctx, kind, believed)
	if err != nil {
		return nil, err
	}
	out := make(map[Name]T, len(names))
	var mu sync.Mutex
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, r.Store.Properties().Connections))
	for n := range names {
		g.Go(func() error {
			payload, err := r.readUnder(gctx, r.Owner(kind, n), kind, n)
			if errors.Is(err, errGone) {
				return nil
			}
			if err != nil {
				return err
			}
			v, err := decode(payload)
			if err != nil {
				return fmt.Errorf("%s %s: %w", kind, n, err)
			}
			mu.Lock()
			defer mu.Unlock()
			out[n] = v
			return nil
		})
	}
	return out, g.Wait()
}

func (eng *Engine) Marks(ctx context.Context) (map[Name]format.Mark, error) {
	return records(ctx, eng, format.KindMark, format.DecodeMark)
}

// Removed returns the snapshots that were deleted on purpose.
func (r *Repository) Removed(ctx context.Context) (map[Name]bool, error) {
	return r.named(ctx, format.KindRemoval)
}

// Pinned returns the snapshots that no rule of retention deletes.
func (r *Repository) Pinned(ctx context.Context) (map[Name]bool, error) {
	return r.named(ctx, format.KindPin)
}

func (r *Repository) named(ctx context.Context, kind format.ObjectKind) (map[Name]bool, error) {
	all, err := records(ctx, r.e, kind, format.DecodeRemoval)
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
	pins, err := records(ctx, r.e, format.KindPin, format.DecodeRemoval)
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

func (eng *Engine) DeleteAll(ctx context.Context, kind format.ObjectKind, names []Name) error {
	for _, n := range names {
		if err := eng.Store.Delete(ctx, kind.Path(n)); err != nil {
			return err
		}
	}
	return nil
}

// PutRecord seals a small object under a new name and makes sure that it is there.
func (eng *Engine) PutRecord(ctx context.Context, kind format.ObjectKind, payload []byte) (Name, error) {
	n := eng.Writes.NewName(kind)
	return n, eng.putSure(ctx, kind.Path(n), eng.Writes.SealObject(eng.ID, kind, n, payload))
}

// markedPacks are the packs of all marks.
func markedPacks(marks map[Name]format.Mark) map[Name]bool {
	out := make(map[Name]bool)
	for m := range maps.Values(marks) {
		for _, p := range m.Packs {
			out[p] = true
		}
	}
	return out
}
