package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-backup/holdfast/vault/hsm"
	"github.com/holdfast-backup/holdfast/vault/store"
)

// openLedger reads the head, checks it against the token and the records
// against the head, and calls each for every record.
func openLedger(ctx context.Context, from store.Store, h HSM, each func(store.Key, *record)) (*ledger, error) {
	l := &ledger{store: from, hsm: h, keys: map[uint32]*storageKeys{}}
	storages, err := h.Storages(ctx)
	if err != nil {
		return nil, unavailable("the token", err)
	}
	if len(storages) == 0 {
		return nil, ErrNoKeys
	}
	now, err := readAnchor(ctx, h)
	if err != nil {
		return nil, unavailable("the token's anchor cannot be read", err)
	}
	l.shown = now.anchor
	l.value, err = from.Get(ctx, store.Key{})
	if errors.Is(err, store.ErrNotFound) {
		return l, l.begin(ctx, storages)
	}
	if err != nil {
		return nil, unavailable("the store", err)
	}
	if err := l.readHead(ctx, storages); err != nil {
		return nil, err
	}
	if err := l.accept(); err != nil {
		return nil, err
	}
	if err := l.checkRecords(ctx, each); err != nil {
		return nil, err
	}
	return l, l.anchor(ctx)
}

// begin makes the head of a new vault.
func (l *ledger) begin(ctx context.Context, storages []hsm.Storage) error {
	if len(storages) != 1 || l.shown != "" {
		return fmt.Errorf("%w: it has no accounts, and the token was anchored to commit %d", ErrOlder, anchorNumber(l.shown))
	}
	empty := true
	err := l.store.Iterate(ctx, func(store.Key, []byte) error { empty = false; return nil })
	if err != nil {
		return unavailable("the store", err)
	}
	if !empty {
		return fmt.Errorf("%w: it has records and no head", store.ErrTampered)
	}
	keys, err := deriveStorageKeys(ctx, l.hsm, storages[0].Generation)
	if err != nil {
		return unavailable("the token", err)
	}
	l.keys[keys.generation], l.current = keys, keys
	l.anchored = true // there is nothing to anchor yet
	l.writing.Lock()
	defer l.writing.Unlock()
	return l.write(nil, head{}, keys)
}

// readHead reads the head, with the keys of its generation and those before.
func (l *ledger) readHead(ctx context.Context, storages []hsm.Storage) error {
	generation, err := valueGeneration(l.value)
	if err != nil {
		return fmt.Errorf("%w: its head is damaged: %w", store.ErrTampered, err)
	}
	for _, s := range storages {
		if s.Generation <= generation {
			keys, err := l.storageKeys(ctx, s, generation)
			if err != nil {
				return unavailable("the token", err)
			}
			if keys != nil {
				l.keys[s.Generation] = keys
			}
		}
	}
	if l.current = l.keys[generation]; l.current == nil {
		return fmt.Errorf("%w: it is sealed under storage key %d, and the token has %d: the key was rotated since", ErrOlder, generation,
			storages[len(storages)-1].Generation)
	}
	plain, err := l.current.openValue(labelHead, store.Key{}, l.value)
	if err != nil {
		return fmt.Errorf("%w: its head %w", store.ErrTampered, err)
	}
	if l.head, err = decodeHead(plain); err != nil {
		return fmt.Errorf("%w: %w", store.ErrTampered, err)
	}
	return nil
}

// storageKeys derives the keys of a generation that is not newer than the head's. nil: nothing in the store needs them.
func (l *ledger) storageKeys(ctx context.Context, s hsm.Storage, newest uint32) (*storageKeys, error) {
	if s.Doubles == 0 {
		return deriveStorageKeys(ctx, l.hsm, s.Generation)
	}
	key, value, label := store.Key{}, l.value, labelHead
	if s.Generation < newest { // a rotation moved on and has not finished
		value, label = nil, labelRecord
		err := l.store.Iterate(ctx, func(k store.Key, v []byte) error {
			if g, err := valueGeneration(v); k != (store.Key{}) && err == nil && g == s.Generation && value == nil {
				key, value = k, bytes.Clone(v)
			}
			return nil
		})
		if err != nil || value == nil {
			return nil, err
		}
	}
	return chooseStorageKeys(ctx, l.hsm, s.Generation, func(k *storageKeys) bool {
		plain, err := k.openValue(label, key, value)
		clear(plain)
		return err == nil
	})
}

// accept decides whether the token has last seen this head, or the one before it.
func (l *ledger) accept() error {
	switch l.shown {
	case l.current.anchorOf(l.head):
		l.anchored = true
		return nil
	case l.current.firstAnchorOf(l.head), l.head.previous:
		return nil
	}
	if l.shown == "" {
		return fmt.Errorf("%w: its last commit is %d, and the token shows no anchor", store.ErrTampered, l.head.number)
	}
	if n := anchorNumber(l.shown); n > l.head.number {
		return fmt.Errorf("%w: its last commit is %d, the token has seen %d", ErrOlder, l.head.number, n)
	}
	if n := anchorNumber(l.shown); n < l.head.number {
		return fmt.Errorf("%w; %w: its last commit is %d, the token has seen %d", store.ErrTampered, ErrTokenOlder, l.head.number, n)
	}
	return fmt.Errorf("%w: the anchors of commit %d differ", store.ErrTampered, l.head.number)
}

// checkRecords sums all records up and compares with the head.
func (l *ledger) checkRecords(ctx context.Context, each func(store.Key, *record)) error {
	var sum digest
	var accounts uint64
	err := l.store.Iterate(ctx, func(key store.Key, value []byte) error {
		if key == (store.Key{}) {
			return nil
		}
		r, err := l.openRecord(key, value)
		if err != nil {
			return fmt.Errorf("%w: a record %w", store.ErrTampered, err)
		}
		s, err := l.summand(key, value)
		if err != nil {
			return err
		}
		sum = sum.plus(s)
		accounts++
		each(key, r)
		r.scalar.Clear()
		return nil
	})
	switch {
	case errors.Is(err, store.ErrTampered):
		return err
	case err != nil:
		return unavailable("the store", err)
	case accounts != l.head.accounts:
		return fmt.Errorf("%w: it has %d accounts, and its last commit says %d", store.ErrTampered, accounts, l.head.accounts)
	case sum != l.head.sum:
		return fmt.Errorf("%w: records were changed, swapped or replaced by older ones", store.ErrTampered)
	}
	return nil
}
