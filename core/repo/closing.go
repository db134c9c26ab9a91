package repo

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/holdfast-backup/holdfast/core/store"
)

// trust is what a repository believes of its epochs.
type trust struct {
	name   *Name      // of the list that the keyring names
	legacy bool       // closed epochs have no list, and count as before
	closed closedOver // of closed epochs
	// lost is why there is no list though the keyring names one: then nothing of closed epochs can be told.
	lost error
}

// loadTrust reads the closing list that the keyring names, and those that the same run put beside it. A list that is
// missing or damaged costs only what it closed over.
func (r *Repository) loadTrust(ctx context.Context, ring *keyring) error {
	r.trust = trust{name: ring.closing, legacy: ring.legacy(), closed: make(closedOver)}
	if ring.closing == nil {
		return nil
	}
	current := r.currentOfKeyring()
	names := []Name{*ring.closing}
	err := r.store.List(ctx, kindClosing.prefix(), func(o store.Object) error {
		if n, ok := kindClosing.parsePath(o.Name); ok && n != *ring.closing && current.owns(kindClosing, n) {
			names = append(names, n)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, n := range names {
		payload, err := r.readUnder(ctx, current, kindClosing, n)
		var c closedOver
		if err == nil {
			c, err = decodeClosing(payload)
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
		if e.state == epochCurrent {
			return e
		}
	}
	return r.writes
}

// legacyClosed reports whether there are closed epochs without a list.
func (r *Repository) legacyClosed() bool {
	return r.trust.legacy && slices.ContainsFunc(r.epochs, func(e *Epoch) bool { return e.state == epochClosed })
}

// counts reports whether an object is to be believed, as far as its name tells: one of the current epoch, of the one
// that this repository writes, or of a closed one as far as that was closed over. Marks, pending objects and packs count from
// every epoch that was never public: they only make us keep more, and a chunk is held against its keyed hash.
func (r *Repository) counts(kind objectKind, n Name) bool {
	e := r.owner(kind, n)
	switch {
	case e == nil:
		return false
	case e == r.writes || e.state == epochCurrent:
		return true
	case e.state == epochPublic:
		return false
	case r.trust.legacy || r.trust.lost != nil || !slices.Contains(listedKinds, kind):
		return true
	}
	_, ok := r.trust.closed[reference{kind, n}]
	return ok
}

// vouched refuses the bytes of an object of a closed epoch that are not those that were closed over.
func (r *Repository) vouched(e *Epoch, kind objectKind, n Name, sealed []byte) error {
	if e == r.writes || e.state != epochClosed || r.trust.legacy || !slices.Contains(listedKinds, kind) {
		return nil
	}
	if r.trust.lost != nil {
		return fmt.Errorf("%w: %s %s: %w", errUnvouched, kind, n, r.trust.lost)
	}
	if want := r.trust.closed[reference{kind, n}]; sha256.Sum256(sealed) != want {
		return fmt.Errorf("%w: %s %s is not what it was when the key was changed", ErrDamaged, kind, n)
	}
	return nil
}

// Late returns the snapshots of closed epochs that nobody closed over: a computer wrote them while the key was changed, or somebody with
// the old key did later. They are kept and do not count.
func (r *Repository) Late(ctx context.Context) ([]Name, error) {
	var late []Name
	err := r.store.List(ctx, kindSnapshot.prefix(), func(o store.Object) error {
		if n, ok := kindSnapshot.parsePath(o.Name); ok && r.isLate(kindSnapshot, n) {
			late = append(late, n)
		}
		return nil
	})
	return late, err
}

func (r *Repository) isLate(kind objectKind, n Name) bool {
	e := r.owner(kind, n)
	return e != nil && e.state == epochClosed && !r.counts(kind, n)
}

// closeOver returns what counts now and is not in known: what a list must name when the current epoch ends.
func (r *Repository) closeOver(ctx context.Context, known closedOver) (closedOver, error) {
	if r.trust.lost != nil {
		return nil, r.trust.lost
	}
	c := make(closedOver)
	for _, kind := range listedKinds {
		names, err := r.list(ctx, kind)
		if err != nil {
			return nil, err
		}
		for n := range names {
			ref := reference{kind, n}
			if _, there := known[ref]; there {
				continue
			}
			e := r.owner(kind, n)
			sealed, err := store.ReadAll(ctx, r.store, kind.path(n), maxSealed)
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
			if _, err := e.openObject(r.id, kind, n, sealed); err != nil {
				continue
			}
			c[ref] = sum
		}
	}
	return c, nil
}

// putClosing stores a closing list under an epoch and makes sure that it is there.
func (r *Repository) putClosing(ctx context.Context, e *Epoch, c closedOver) (Name, error) {
	n := e.newName(kindClosing)
	return n, r.putSure(ctx, kindClosing.path(n), e.sealObject(r.id, kindClosing, n, encodeClosing(c)))
}
