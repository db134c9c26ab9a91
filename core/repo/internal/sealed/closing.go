package sealed

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
	Name   *format.Name      // of the list that the keyring names
	Legacy bool              // closed epochs have no list, and count as before
	Closed format.ClosedOver // of closed epochs
	// Lost is why there is no list though the keyring names one: then nothing of closed epochs can be told.
	Lost error
}

// LoadTrust reads the closing list that the keyring names, and those that the same run put beside it. A list that is
// missing or damaged costs only what it closed over.
func (o *Objects) LoadTrust(ctx context.Context, ring *format.Keyring) error {
	return o.loadTrust(ctx, ring.Closing, ring.Legacy())
}

// ReloadTrust is LoadTrust for the same keyring, by a list of now.
func (o *Objects) ReloadTrust(ctx context.Context) error {
	return o.loadTrust(ctx, o.Trust.Name, o.Trust.Legacy)
}

func (o *Objects) loadTrust(ctx context.Context, named *format.Name, legacy bool) error {
	o.Trust = Trust{Name: named, Legacy: legacy, Closed: make(format.ClosedOver)}
	if named == nil {
		return nil
	}
	current := o.currentOfKeyring()
	names := []format.Name{*named}
	err := o.Names(ctx, format.KindClosing, func(there store.Object) error {
		if n, ok := format.KindClosing.ParsePath(there.Name); ok && n != *named && current.Owns(format.KindClosing, n) {
			names = append(names, n)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, n := range names {
		payload, err := o.readUnder(ctx, current, format.KindClosing, n)
		var c format.ClosedOver
		if err == nil {
			c, err = format.DecodeClosing(payload)
		}
		switch {
		case errors.Is(err, format.ErrDamaged):
			// Only its words: that the list is gone does not mean that what it names is.
			o.Trust.Lost = fmt.Errorf("%w: the list of what counts from before the key was changed: %s", format.ErrDamaged, err.Error())
			return nil
		case err != nil:
			return err
		}
		for ref, sum := range c {
			if _, there := o.Trust.Closed[ref]; !there {
				o.Trust.Closed[ref] = sum
			}
		}
	}
	return nil
}

// currentOfKeyring is the epoch that the keyring, or the header of an unencrypted repository, calls current.
func (o *Objects) currentOfKeyring() *format.Epoch {
	for _, e := range slices.Backward(o.Epochs) {
		if e.State == format.EpochCurrent {
			return e
		}
	}
	return o.Writes
}

// LegacyClosed reports whether there are closed epochs without a list.
func (o *Objects) LegacyClosed() bool {
	return o.Trust.Legacy && slices.ContainsFunc(o.Epochs, func(e *format.Epoch) bool { return e.State == format.EpochClosed })
}

// Counts reports whether an object is to be believed, as far as its name tells: one of the current epoch, of the one
// that this repository writes, or of a closed one as far as that was closed over. Marks, pending objects and packs count from
// every epoch that was never public: they only make us keep more, and a chunk is held against its keyed hash.
func (o *Objects) Counts(kind format.ObjectKind, n format.Name) bool {
	e := o.Owner(kind, n)
	switch {
	case e == nil:
		return false
	case e == o.Writes || e.State == format.EpochCurrent:
		return true
	case e.State == format.EpochPublic:
		return false
	case o.Trust.Legacy || o.Trust.Lost != nil || !slices.Contains(format.ListedKinds, kind):
		return true
	}
	_, ok := o.Trust.Closed[format.Reference{Kind: kind, Name: n}]
	return ok
}

// vouched refuses the bytes of an object of a closed epoch that are not those that were closed over.
func (o *Objects) vouched(e *format.Epoch, kind format.ObjectKind, n format.Name, sealed []byte) error {
	if e == o.Writes || e.State != format.EpochClosed || o.Trust.Legacy || !slices.Contains(format.ListedKinds, kind) {
		return nil
	}
	if o.Trust.Lost != nil {
		return fmt.Errorf("%w: %s %s: %w", ErrUnvouched, kind, n, o.Trust.Lost)
	}
	if want := o.Trust.Closed[format.Reference{Kind: kind, Name: n}]; sha256.Sum256(sealed) != want {
		return fmt.Errorf("%w: %s %s is not what it was when the key was changed", format.ErrDamaged, kind, n)
	}
	return nil
}

// IsLate reports whether a name is of a closed epoch and nobody closed over it.
func (o *Objects) IsLate(kind format.ObjectKind, n format.Name) bool {
	e := o.Owner(kind, n)
	return e != nil && e.State == format.EpochClosed && !o.Counts(kind, n)
}

// CloseOver returns what counts now and is not in known: what a list must name when the current epoch ends.
func (o *Objects) CloseOver(ctx context.Context, known format.ClosedOver) (format.ClosedOver, error) {
	if o.Trust.Lost != nil {
		return nil, o.Trust.Lost
	}
	defer o.Doubt()()
	c := make(format.ClosedOver)
	for _, kind := range format.ListedKinds {
		names, err := o.List(ctx, kind)
		if err != nil {
			return nil, err
		}
		for n := range names {
			ref := format.Reference{Kind: kind, Name: n}
			if _, there := known[ref]; there {
				continue
			}
			e := o.Owner(kind, n)
			sealed, err := store.ReadAll(ctx, o.Store, kind.Path(n), format.MaxSealed)
			if errors.Is(err, store.ErrNotExist) {
				continue // deleted just now
			}
			if err != nil {
				return nil, err
			}
			sum := sha256.Sum256(sealed)
			// What does not open would be believed from now on: it stays out.
			if o.vouched(e, kind, n, sealed) != nil {
				continue
			}
			if _, err := e.OpenObject(o.ID, kind, n, sealed); err != nil {
				continue
			}
			c[ref] = sum
		}
	}
	return c, nil
}

// PutClosing stores a closing list under an epoch and makes sure that it is there.
func (o *Objects) PutClosing(ctx context.Context, e *format.Epoch, c format.ClosedOver) (format.Name, error) {
	n := e.NewName(format.KindClosing)
	return n, o.PutSure(ctx, format.KindClosing.Path(n), e.SealObject(o.ID, format.KindClosing, n, format.EncodeClosing(c)))
}
