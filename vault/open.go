package vault

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-backup/holdfast/vault/hsm"
)

// openLedger reads the head, checks it against the token and the records
// against the head, and calls each for every record with open starts.
func openLedger(ctx context.Context, store Store, h HSM, each func(Key, *record)) (*ledger, error) {
	l := &ledger{store: store, hsm: h, keys: map[uint32]*storageKeys{}}
	storages, err := h.Storages(ctx)
	if err != nil {
		return nil, unavailable("the token", err)
	}
	if len(storages) == 0 {
		return nil, ErrNoKeys
	}
	l.value, err = store.Get(ctx, Key{})
	if errors.Is(err, ErrNotFound) {
		return l, l.begin(ctx, storages)
	}
	if err != nil {
		return nil, unavailable("the store", err)
	}
	accepted, err := l.readHead(ctx, storages)
	if err != nil {
		return nil, err
	}
	if err := l.checkRecords(ctx, each); err != nil {
		return nil, err
	}
	l.shown, l.anchored = accepted.shown, accepted.anchored
	return l, l.anchor(ctx)
}

// begin makes the head of a new vault.
func (l *ledger) begin(ctx context.Context, storages []hsm.Storage) error {
	if len(storages) != 1 || !storages[0].Fresh {
		return fmt.Errorf("%w: it has no accounts, and the token was anchored to commit %d", ErrOlder, anchorNumber(storages[len(storages)-1].Anchor))
	}
	empty := true
	err := l.store.Iterate(ctx, func(Key, []byte) error { empty = false; return nil })
	if err != nil {
		return unavailable("the store", err)
	}
	if !empty {
		return fmt.Errorf("%w: it has records and no head", ErrTampered)
	}
	keys, err := deriveStorageKeys(ctx, l.hsm, storages[0].Generation)
	if err != nil {
		return unavailable("the token", err)
	}
	l.keys[keys.generation], l.current = keys, keys
	l.anchored = true // there is nothing to anchor yet
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.write(nil, head{}, keys)
}

// acceptance is how the token's anchor fits the head.
type acceptance struct {
	shown    string // beside the head's own generation; "" if never anchored
	anchored bool
}

// readHead decides whether the token has last seen this head, or the one before it.
func (l *ledger) readHead(ctx context.Context, storages []hsm.Storage) (acceptance, error) {
	generation, err := valueGeneration(l.value)
	if err != nil {
		return acceptance{}, fmt.Errorf("%w: its head is damaged: %w", ErrTampered, err)
	}
	at := -1
	for i, s := range storages {
		if s.Generation <= generation {
			if l.keys[s.Generation], err = deriveStorageKeys(ctx, l.hsm, s.Generation); err != nil {
				return acceptance{}, unavailable("the token", err)
			}
		}
		if s.Generation == generation {
			at = i
		}
	}
	if at < 0 {
		return acceptance{}, fmt.Errorf("%w: it is sealed under storage key %d, and the token has %d: the key was rotated since", ErrOlder, generation, storages[len(storages)-1].Generation)
	}
	for _, newer := range storages[at+1:] {
		if !newer.Fresh { // a fresh one is left from a rotation that never began
			return acceptance{}, fmt.Errorf("%w: it is sealed under storage key %d, and the token is anchored with %d", ErrOlder, generation, newer.Generation)
		}
	}
	l.current = l.keys[generation]
	plain, err := l.current.openValue(labelHead, Key{}, l.value)
	if err != nil {
		return acceptance{}, fmt.Errorf("%w: its head %w", ErrTampered, err)
	}
	if l.head, err = decodeHead(plain); err != nil {
		return acceptance{}, fmt.Errorf("%w: %w", ErrTampered, err)
	}
	own := storages[at]
	if own.Fresh {
		// The first head under this scalar: the anchor is still at the older one.
		if at == 0 && l.head.previous == "" || at > 0 && storages[at-1].Anchor == l.head.previous {
			return acceptance{}, nil
		}
		return acceptance{}, fmt.Errorf("%w: storage key %d has no anchor", ErrTampered, generation)
	}
	switch own.Anchor {
	case l.current.anchorOf(l.head):
		return acceptance{own.Anchor, true}, nil
	case l.head.previous:
		return acceptance{own.Anchor, false}, nil
	}
	if n := anchorNumber(own.Anchor); n > l.head.number {
		return acceptance{}, fmt.Errorf("%w: its last commit is %d, the token has seen %d", ErrOlder, l.head.number, n)
	}
	return acceptance{}, fmt.Errorf("%w: the anchors of commit %d differ", ErrTampered, l.head.number)
}

// checkRecords sums all records up and compares with the head.
func (l *ledger) checkRecords(ctx context.Context, each func(Key, *record)) error {
	var sum digest
	var accounts uint64
	err := l.store.Iterate(ctx, func(key Key, value []byte) error {
		if key == (Key{}) {
			return nil
		}
		r, err := l.openRecord(key, value)
		if err != nil {
			return fmt.Errorf("%w: a record %w", ErrTampered, err)
		}
		s, err := l.summand(key, value)
		if err != nil {
			return err
		}
		sum = sum.plus(s)
		accounts++
		if len(r.open) > 0 {
			each(key, r)
		}
		r.scalar.Clear()
		return nil
	})
	switch {
	case errors.Is(err, ErrTampered):
		return err
	case err != nil:
		return unavailable("the store", err)
	case accounts != l.head.accounts:
		return fmt.Errorf("%w: it has %d accounts, and its last commit says %d", ErrTampered, accounts, l.head.accounts)
	case sum != l.head.sum:
		return fmt.Errorf("%w: records were changed, swapped or replaced by older ones", ErrTampered)
	}
	return nil
}
