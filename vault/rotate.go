package vault

import (
	"context"
	"errors"
	"sync"

	"github.com/holdfast-backup/holdfast/vault/store"
)

// rotators is how many records are sealed anew at once: they share a commit.
const rotators = 128

// Rotate makes a new storage scalar on the token, seals all records under it, and
// destroys the old one. No copy of the store from before can be read afterwards, not even
// with the token. The vault goes on working meanwhile. It returns how many
// accounts were sealed anew. If it is cut off, Open finishes it.
func (v *Vault) Rotate(ctx context.Context) (accounts int, err error) {
	end, err := v.begin()
	if err != nil {
		return 0, err
	}
	defer end()
	select { // one after the other, from before the first key is made
	case <-ctx.Done():
		return 0, ctx.Err()
	case v.rotating <- struct{}{}:
	}
	defer func() { <-v.rotating }()
	if err := v.switchGeneration(ctx); err != nil {
		return 0, err
	}
	if accounts, err = v.reseal(ctx); err == nil {
		v.p.Log.Info("the storage key was rotated", "accounts", accounts, "storage_key", v.ledger.newest().generation)
	}
	return accounts, err
}

// switchGeneration moves head and anchor to a new storage scalar.
func (v *Vault) switchGeneration(ctx context.Context) error {
	l := v.ledger
	generation := l.newest().generation + 1
	// What a rotation left that never began, whole or half: nobody has used it.
	if err := v.p.HSM.DestroyStorage(ctx, generation); err != nil {
		return unavailable("the token", err)
	}
	if err := v.p.HSM.MakeStorage(ctx, generation); err != nil {
		return unavailable("the token", err)
	}
	keys, err := deriveStorageKeys(ctx, v.p.HSM, generation)
	if err != nil {
		return unavailable("the token", err)
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	if l.current.generation+1 != generation {
		panic("vault: two rotations at once")
	}
	l.set(func() { l.keys[generation] = keys })
	return l.write(nil, l.head, keys)
}

// finishRotation does what a rotation that was cut off left.
func (v *Vault) finishRotation(ctx context.Context) error {
	v.ledger.mu.Lock()
	older := len(v.ledger.keys) > 1
	v.ledger.mu.Unlock()
	if !older {
		return nil
	}
	v.p.Log.Info("a rotation of the storage key was cut off and goes on")
	_, err := v.reseal(ctx)
	return err
}

// reseal seals records of older generations anew, then destroys the older scalars.
func (v *Vault) reseal(ctx context.Context) (accounts int, err error) {
	newest := v.ledger.newest().generation
	var old []store.Key
	err = v.p.Store.Iterate(ctx, func(key store.Key, value []byte) error {
		if g, err := valueGeneration(value); key != (store.Key{}) && (err != nil || g != newest) {
			old = append(old, key)
		}
		return nil
	})
	if err != nil {
		return 0, unavailable("the store", err)
	}
	var group sync.WaitGroup
	work := make(chan store.Key)
	failed := make(chan error, rotators)
	for range rotators {
		group.Go(func() {
			for key := range work {
				if err := v.resealOne(ctx, key); err != nil {
					failed <- err
					return
				}
			}
		})
	}
feed:
	for _, key := range old {
		select {
		case work <- key:
		case err = <-failed:
			break feed
		}
	}
	close(work)
	group.Wait()
	close(failed)
	for e := range failed {
		err = errors.Join(err, e)
	}
	if err != nil {
		return 0, err
	}
	v.ledger.mu.Lock()
	for generation, keys := range v.ledger.keys {
		if generation < newest {
			keys.clear()
			delete(v.ledger.keys, generation)
		}
	}
	v.ledger.mu.Unlock()
	storages, err := v.p.HSM.Storages(ctx)
	if err != nil {
		return 0, unavailable("the token", err)
	}
	for _, s := range storages {
		if s.Generation < newest {
			if err := v.p.HSM.DestroyStorage(ctx, s.Generation); err != nil {
				return 0, unavailable("the token did not destroy the old storage key", err)
			}
		}
	}
	return len(old), nil
}

func (v *Vault) resealOne(ctx context.Context, key store.Key) error {
	release, err := v.locks.take(ctx, key)
	if err != nil {
		return err
	}
	defer release()
	value, err := v.p.Store.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil // deleted meanwhile
	}
	if err != nil {
		return unavailable("the store", err)
	}
	r, err := v.ledger.openRecord(key, value)
	if err != nil {
		return unavailable("an account's record", err)
	}
	plain := r.encode()
	defer clear(plain)
	return v.ledger.commitSealed(key, value, plain, false)
}
