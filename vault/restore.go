package vault

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-backup/holdfast/vault/store"
)

// Restored says what Restore did.
type Restored struct {
	Accounts int
	// Locked: the copy is not the store that the token last saw, so no account
	// keeps its password; owners register again with their keys.
	Locked bool
}

// ErrWouldLock: the copy is older than the token's anchor, and restoring it
// would lock all accounts, which the caller did not ask for.
var ErrWouldLock = errors.New("the copy is older than what the token has seen, so no password in it may be used again")

// Restore puts a copy of the store into an empty one. If the copy is what the token last saw, it is taken as it is.
// Otherwise nobody knows which guesses were used since. With lock, all accounts
// are taken over as destroyed, with their management keys, so that owners can
// register again; without, ErrWouldLock. A copy that was changed, or is sealed under a key that the token no longer has,
// is refused: ErrTampered, ErrOlder. place, if not nil, puts the finished store
// where it belongs; the token is anchored to it only after that.
func Restore(ctx context.Context, h HSM, from, to store.Store, lock bool, place func() error) (*Restored, error) {
	nothing := func(store.Key, *record) {}
	if _, err := to.Get(ctx, store.Key{}); !errors.Is(err, store.ErrNotFound) {
		return nil, errors.Join(errors.New("the store to restore to is not empty"), err)
	}
	done := &Restored{}
	source, err := openLedger(ctx, readOnly{from}, h, nothing)
	switch {
	case err == nil:
	case errors.Is(err, ErrOlder) || errors.Is(err, store.ErrTampered):
		if source, err = openCopy(ctx, from, h); err != nil {
			return nil, err
		}
		done.Locked = true
	default:
		return nil, err
	}
	if done.Locked && !lock {
		return nil, ErrWouldLock
	}
	return done, source.copyTo(ctx, to, done, place)
}

// openCopy opens a store that is consistent in itself, whatever the token's anchor.
func openCopy(ctx context.Context, from store.Store, h HSM) (*ledger, error) {
	l := &ledger{store: from, hsm: h, keys: map[uint32]*storageKeys{}}
	storages, err := h.Storages(ctx)
	if err != nil {
		return nil, unavailable("the token", err)
	}
	if l.value, err = from.Get(ctx, store.Key{}); err != nil {
		return nil, fmt.Errorf("%w: the copy has no head", store.ErrTampered)
	}
	if err := l.readHead(ctx, storages); err != nil {
		return nil, err
	}
	return l, l.checkRecords(ctx, func(store.Key, *record) {})
}

// copyTo writes what the ledger has to another store and anchors it.
func (l *ledger) copyTo(ctx context.Context, to store.Store, done *Restored, place func() error) error {
	now, err := readAnchor(ctx, l.hsm)
	if err != nil {
		return unavailable("the token's anchor cannot be read", err)
	}
	next := head{accounts: l.head.accounts, previous: now.anchor, number: max(l.head.number, anchorNumber(now.anchor)) + 1}
	var batch []store.Change
	flush := func() error {
		err := to.Commit(ctx, batch)
		batch = batch[:0]
		return err
	}
	err = l.store.Iterate(ctx, func(key store.Key, value []byte) error {
		if key == (store.Key{}) {
			return nil
		}
		r, err := l.openRecord(key, value)
		if err != nil {
			return err
		}
		if r.deleted {
			next.accounts--
			return nil
		}
		if done.Locked && r.reason == "" {
			r.destroy(ReasonRestored)
			r.version++
		}
		plain := r.encode()
		sealed := l.current.sealValue(labelRecord, key, plain)
		clear(plain)
		next.sum = next.sum.plus(l.current.summand(key, sealed))
		done.Accounts++
		batch = append(batch, store.Change{Key: key, New: sealed})
		if len(batch) == 1000 {
			return flush()
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("copy the accounts: %w", err)
	}
	batch = append(batch, store.Change{Key: store.Key{}, New: l.current.sealValue(labelHead, store.Key{}, next.encode())})
	if err := flush(); err != nil {
		return fmt.Errorf("copy the accounts: %w", err)
	}
	// From here on a crash leaves a store whose previous anchor is the token's: Open accepts it.
	if place != nil {
		if err := place(); err != nil {
			return fmt.Errorf("put the restored store in its place: %w", err)
		}
	}
	return l.hsm.SetAnchor(ctx, now.next, l.current.anchorOf(next))
}

// readOnly is a store whose copy must not be changed while it is looked at.
type readOnly struct{ store.Store }

func (readOnly) Commit(context.Context, []store.Change) error {
	return errors.New("a copy is not written to")
}
