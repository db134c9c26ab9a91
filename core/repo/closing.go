package repo

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/store"
)

// trust is what a repository believes of its epochs.
type trust struct {
	name   *Name             // of the list that the keyring names
	legacy bool              // closed epochs have no list, and count as before
	closed format.ClosedOver // of closed epochs
	// lost is why there is no list though the keyring names one: then nothing of closed epochs can be told.
	lost error
}

// loadTrust reads the closing list that the keyring names, and those that the same run put beside it. A list that is
// missing or damaged costs only what it closed over.
func (r *Repository) loadTrust(ctx context.Context, ring *format.Keyring) error {
	r.trust = trust{name: ring.Closing, legacy: ring.Legacy(), closed: make(format.ClosedOver)}
	if ring.Closing == nil {
		return nil
	}
	current := r.currentOfKeyring()
	names := []Name{*ring.Closing}
	err := r.store.List(ctx, format.KindClosing.Prefix(), func(o store.Object) error {
		if n, ok := format.KindClosing.ParsePath(o.Name); ok && n != *ring.Closing && current.Owns(format.KindClosing, n) {
			names = append(names, n)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, n := range names {
		payload, err := r.readUnder(ctx, current, format.KindClosing, n)
		var c format.ClosedOver
		if err == nil {
			c, err = format.DecodeClosing(payload)
		}
		switch {
		case errors.Is(err, ErrDamaged):
			// Only its words: that the list is gone does not mean that what it names is.
			r.trust.lost = fmt.Errorf("%w: the list of what counts from before the key was changed: %s", ErrDamaged, err.Error())
			return nil
		case err != nil:
			return err
		}
		for ref, sum := range c {
			if _, there := r.trust.closed[ref]; !there {
				r.trust.closed[ref] = sum
			}
		}
	}
	return nil
}

// currentOfKeyring is the epoch that the keyring, or the header of an unencrypted repository, calls current.
func (r *Repository) currentOfKeyring() *Epoch {
	for _, e := range slices.Backward(r.epochs) {
		if e.State == format.EpochCurrent {
			return e
		}
	}
	return r.writes
}

// legacyClosed reports whether there are closed epochs without a list.
func (r *Repository) legacyClosed() bool {
	return r.trust.legacy && slices.ContainsFunc(r.epochs, func(e *Epoch) bool { return e.State == format.EpochClosed })
}

// counts reports whether an object is to be believed, as far as its name tells: one of the current epoch, of the one
// that this repository writes, or of a closed one as far as that was closed over. Marks, pending objects and packs count from
// every epoch that was never public: they only make us keep more, and a chunk is held against its keyed hash.
func (r *Repository) counts(kind format.ObjectKind, n Name) bool {
	e := r.owner(kind, n)
	switch {
	case e == nil:
		return false
	case e == r.writes || e.State == format.EpochCurrent:
		return true
	case e.State == format.EpochPublic:
		return false
	case r.trust.legacy || r.trust.lost != nil || !slices.Contains(format.ListedKinds, kind):
		return true
	}
	_, ok := r.trust.closed[format.Reference{Kind: kind, Name: n}]
	return ok
}

// vouched refuses the bytes of an object of a closed epoch that are not those that were closed over.
func (r *Repository) vouched(e *Epoch, kind format.ObjectKind, n Name, sealed []byte) error {
	if e == r.writes || e.State != format.EpochClosed || r.trust.legacy || !slices.Contains(format.ListedKinds, kind) {
		return nil
	}
	if r.trust.lost != nil {
		return fmt.Errorf("%w: %s %s: %w", errUnvouched, kind, n, r.trust.lost)
	}
	if want := r.trust.closed[format.Reference{Kind: kind, Name: n}]; sha256.Sum256(sealed) != want {
		return fmt.Errorf("%w: %s %s is not what it was when the key was changed", ErrDamaged, kind, n)
	}
	return nil
}

// Late returns the snapshots of closed epochs that nobody closed over: a computer wrote them while the key was changed, or somebody with
// the old key did later. They are kept and do not count.
func (r *Repository) Late(ctx context.Context) ([]Name, error) {
	var late []Name
	err := r.store.List(ctx, format.KindSnapshot.Prefix(), func(o store.Object) error {
		if n, ok := format.KindSnapshot.ParsePath(o.Name); ok && r.isLate(format.KindSnapshot, n) {
			late = append(late, n)
		}
		return nil
	})
	return late, err
}

func (r *Repository) isLate(kind format.ObjectKind, n Name) bool {
	e := r.owner(kind, n)
	return e != nil && e.State == format.EpochClosed && !r.counts(kind, n)
}

// closeOver returns what counts now and is not in known: what a list must name when the current epoch ends.
func (r *Repository) closeOver(ctx context.Context, known format.ClosedOver) (format.ClosedOver, error) {
	if r.trust.lost != nil {
		return nil, r.trust.lost
	}
	c := make(format.ClosedOver)
	for _, kind := range format.ListedKinds {
		names, err := r.list(ctx, kind)
		if err != nil {
			return nil, err
		}
		for n := range names {
			ref := format.Reference{Kind: kind, Name: n}
			if _, there := known[ref]; there {
				continue
			}
			e := r.owner(kind, n)
			sealed, err := store.ReadAll(ctx, r.store, kind.Path(n), format.MaxSealed)
			if errors.Is(err, store.ErrNotExist) {
				continue // deleted just now
			}
			if err != nil {
				return nil, err
			}
			sum := sha256.Sum256(sealed)
			// What does not open would be believed from now on: it stays out.
			if r.vouched(e, kind, n, sealed) != nil {
				continue
			}
			if _, err := e.OpenObject(r.id, kind, n, sealed); err != nil {
				continue
			}
			c[ref] = sum
		}
	}
	return c, nil
}

// putClosing stores a closing list under an epoch and makes sure that it is there.
func (r *Repository) putClosing(ctx context.Context, e *Epoch, c format.ClosedOver) (Name, error) {
	n := e.NewName(format.KindClosing)
	return n, r.putSure(ctx, format.KindClosing.Path(n), e.SealObject(r.id, format.KindClosing, n, format.EncodeClosing(c)))
}
