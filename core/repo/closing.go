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

// Trust is what a repository believes of its epochs.
type Trust struct {
	Name   *Name             // of the list that the keyring names
	Legacy bool              // closed epochs have no list, and count as before
	Closed format.ClosedOver // of closed epochs
	// Lost is why there is no list though the keyring names one: then nothing of closed epochs can be told.
	Lost error
}

// LoadTrust reads the closing list that the keyring names, and those that the same run put beside it. A list that is
// missing or damaged costs only what it closed over.
func (eng *Engine) LoadTrust(ctx context.Context, ring *format.Keyring) error {
	eng.Trust = Trust{Name: ring.Closing, Legacy: ring.Legacy(), Closed: make(format.ClosedOver)}
	if ring.Closing == nil {
		return nil
	}
	current := eng.currentOfKeyring()
	names := []Name{*ring.Closing}
	err := eng.Store.List(ctx, format.KindClosing.Prefix(), func(o store.Object) error {
		if n, ok := format.KindClosing.ParsePath(o.Name); ok && n != *ring.Closing && current.Owns(format.KindClosing, n) {
			names = append(names, n)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, n := range names {
		payload, err := eng.readUnder(ctx, current, format.KindClosing, n)
		var c format.ClosedOver
		if err == nil {
			c, err = format.DecodeClosing(payload)
		}
		switch {
		case errors.Is(err, ErrDamaged):
			// Only its words: that the list is gone does not mean that what it names is.
			eng.Trust.Lost = fmt.Errorf("%w: the list of what counts from before the key was changed: %s", ErrDamaged, err.Error())
			return nil
		case err != nil:
			return err
		}
		for ref, sum := range c {
			if _, there := eng.Trust.Closed[ref]; !there {
				eng.Trust.Closed[ref] = sum
			}
		}
	}
	return nil
}

// currentOfKeyring is the epoch that the keyring, or the header of an unencrypted repository, calls current.
func (eng *Engine) currentOfKeyring() *Epoch {
	for _, e := range slices.Backward(eng.Epochs) {
		if e.State == format.EpochCurrent {
			return e
		}
	}
	return eng.Writes
}

// LegacyClosed reports whether there are closed epochs without a list.
func (eng *Engine) LegacyClosed() bool {
	return eng.Trust.Legacy && slices.ContainsFunc(eng.Epochs, func(e *Epoch) bool { return e.State == format.EpochClosed })
}

// Counts reports whether an object is to be believed, as far as its name tells: one of the current epoch, of the one
// that this repository writes, or of a closed one as far as that was closed over. Marks, pending objects and packs count from
// every epoch that was never public: they only make us keep more, and a chunk is held against its keyed hash.
func (eng *Engine) Counts(kind format.ObjectKind, n Name) bool {
	e := eng.Owner(kind, n)
	switch {
	case e == nil:
		return false
	case e == eng.Writes || e.State == format.EpochCurrent:
		return true
	case e.State == format.EpochPublic:
		return false
	case eng.Trust.Legacy || eng.Trust.Lost != nil || !slices.Contains(format.ListedKinds, kind):
		return true
	}
	_, ok := eng.Trust.Closed[format.Reference{Kind: kind, Name: n}]
	return ok
}

// vouched refuses the bytes of an object of a closed epoch that are not those that were closed over.
func (eng *Engine) vouched(e *Epoch, kind format.ObjectKind, n Name, sealed []byte) error {
	if e == eng.Writes || e.State != format.EpochClosed || eng.Trust.Legacy || !slices.Contains(format.ListedKinds, kind) {
		return nil
	}
	if eng.Trust.Lost != nil {
		return fmt.Errorf("%w: %s %s: %w", errUnvouched, kind, n, eng.Trust.Lost)
	}
	if want := eng.Trust.Closed[format.Reference{Kind: kind, Name: n}]; sha256.Sum256(sealed) != want {
		return fmt.Errorf("%w: %s %s is not what it was when the key was changed", ErrDamaged, kind, n)
	}
	return nil
}

// Late returns the snapshots of closed epochs that nobody closed over: a computer wrote them while the key was changed, or somebody with
// the old key did later. They are kept and do not count.
func (r *Repository) Late(ctx context.Context) ([]Name, error) {
	var late []Name
	err := r.e.Store.List(ctx, format.KindSnapshot.Prefix(), func(o store.Object) error {
		if n, ok := format.KindSnapshot.ParsePath(o.Name); ok && r.e.IsLate(format.KindSnapshot, n) {
			late = append(late, n)
		}
		return nil
	})
	return late, err
}

func (eng *Engine) IsLate(kind format.ObjectKind, n Name) bool {
	e := eng.Owner(kind, n)
	return e != nil && e.State == format.EpochClosed && !eng.Counts(kind, n)
}

// CloseOver returns what counts now and is not in known: what a list must name when the current epoch ends.
func (eng *Engine) CloseOver(ctx context.Context, known format.ClosedOver) (format.ClosedOver, error) {
	if eng.Trust.Lost != nil {
		return nil, eng.Trust.Lost
	}
	c := make(format.ClosedOver)
	for _, kind := range format.ListedKinds {
		names, err := eng.List(ctx, kind)
		if err != nil {
			return nil, err
		}
		for n := range names {
			ref := format.Reference{Kind: kind, Name: n}
			if _, there := known[ref]; there {
				continue
			}
			e := eng.Owner(kind, n)
			sealed, err := store.ReadAll(ctx, eng.Store, kind.Path(n), format.MaxSealed)
			if errors.Is(err, store.ErrNotExist) {
				continue // deleted just now
			}
			if err != nil {
				return nil, err
			}
			sum := sha256.Sum256(sealed)
			// What does not open would be believed from now on: it stays out.
			if eng.vouched(e, kind, n, sealed) != nil {
				continue
			}
			if _, err := e.OpenObject(eng.ID, kind, n, sealed); err != nil {
				continue
			}
			c[ref] = sum
		}
	}
	return c, nil
}

// PutClosing stores a closing list under an epoch and makes sure that it is there.
func (eng *Engine) PutClosing(ctx context.Context, e *Epoch, c format.ClosedOver) (Name, error) {
	n := e.NewName(format.KindClosing)
	return n, eng.putSure(ctx, format.KindClosing.Path(n), e.SealObject(eng.ID, format.KindClosing, n, format.EncodeClosing(c)))
}
