package sealed

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/store"
)

// storedKeyring is a keyring object at the destination.
type storedKeyring struct {
	n      uint32
	sealed []byte
}

func (k storedKeyring) seen(id format.RepositoryID, ring *format.Keyring) Seen {
	return Seen{Keyring: k.n, Hash: sha256.Sum256(k.sealed), Epoch: ring.Epochs[len(ring.Epochs)-1].SeenID(id)}
}

// keyringTries is how many keyrings may be in the way of a new one: those that interrupted changes have left, and any that
// somebody planted.
const keyringTries = 1000

// PutKeyring stores a keyring under the first free number after above, and returns what to remember of it.
// It is read back with the key that it is meant for. Errors: ErrTooManyKeys, ErrDamaged, those of store.
func PutKeyring(ctx context.Context, s store.Store, key *backupkey.Key, id format.RepositoryID, above uint32, ring *format.Keyring) (Seen,
	error) {
	put, err := putKeyring(ctx, s, key, id, above, ring)
	if err != nil {
		return Seen{}, err
	}
	return put.seen(id, ring), nil
}

// putKeyring stores a keyring under the first free number after above, and reads it back with the key that it is meant for.
func putKeyring(ctx context.Context, s store.Store, key *backupkey.Key, id format.RepositoryID, above uint32,
	ring *format.Keyring) (storedKeyring, error) {
	salt := format.NewSecret()
	for n := above + 1; n <= format.MaxKeyring && n-above <= keyringTries; n++ {
		sealed, err := format.SealKeyring(key, id, n, ring, salt)
		if err != nil {
			return storedKeyring{}, err
		}
		if err = s.Put(ctx, format.KeyringPath(n), sealed); errors.Is(err, store.ErrExists) {
			err = Own(ctx, s, format.KeyringPath(n), sealed, err)
		}
		if errors.Is(err, store.ErrExists) {
			salt = format.NewSecret()
			continue
		}
		if err != nil {
			return storedKeyring{}, err
		}
		stored := storedKeyring{n, sealed}
		return stored, readsBack(ctx, s, key, id, stored, ring)
	}
	return storedKeyring{}, fmt.Errorf("%w: there is no free number for a keyring after %d", format.ErrTooManyKeys, above)
}

// readsBack makes sure that a keyring is there and opens with its key: without it nothing opens.
func readsBack(ctx context.Context, s store.Store, key *backupkey.Key, id format.RepositoryID, stored storedKeyring,
	ring *format.Keyring) error {
	back, there, err := readKeyring(ctx, s, key, id, stored.n)
	if err != nil {
		return err
	}
	if !bytes.Equal(there.sealed, stored.sealed) || !back.Holds(ring.Epochs[len(ring.Epochs)-1]) {
		return fmt.Errorf("%w: %s is not what was just stored", format.ErrDamaged, format.KeyringPath(stored.n))
	}
	return nil
}

// ReadKeyring reads a keyring with its key, and returns what to remember of it. Errors: ErrDamaged, those of store.
func ReadKeyring(ctx context.Context, s store.Store, key *backupkey.Key, id format.RepositoryID, n uint32) (*format.Keyring, Seen, error) {
	ring, stored, err := readKeyring(ctx, s, key, id, n)
	if err != nil {
		return nil, Seen{}, err
	}
	return ring, stored.seen(id, ring), nil
}

func readKeyring(ctx context.Context, s store.Store, key *backupkey.Key, id format.RepositoryID, n uint32) (*format.Keyring, storedKeyring,
	error) {
	sealed, err := store.ReadAll(ctx, s, format.KeyringPath(n), format.MaxHeader)
	switch {
	case errors.Is(err, store.ErrNotExist):
		return nil, storedKeyring{}, fmt.Errorf("%w: %s %w", format.ErrDamaged, format.KeyringPath(n), ErrNoKeyring)
	case errors.Is(err, store.ErrTooLarge):
		return nil, storedKeyring{}, fmt.Errorf("%w: %w", format.ErrDamaged, err)
	}
	if err != nil {
		return nil, storedKeyring{}, err
	}
	ring, err := format.OpenKeyring(key, id, n, sealed)
	return ring, storedKeyring{n, sealed}, err
}

// KeyringsOf returns the keyrings that a key opens, by number.
func KeyringsOf(ctx context.Context, s store.Store, id format.RepositoryID, key *backupkey.Key) (map[uint32]*format.Keyring, error) {
	numbers, err := KeyringNumbers(ctx, s)
	if err != nil {
		return nil, err
	}
	rings := make(map[uint32]*format.Keyring)
	for _, n := range numbers {
		ring, _, err := readKeyring(ctx, s, key, id, n)
		if errors.Is(err, format.ErrDamaged) {
			continue // another key's, or planted
		}
		if err != nil {
			return nil, err
		}
		rings[n] = ring
	}
	return rings, nil
}

// KeyringNumbers are the numbers of all keyrings that are there, whoever put them.
func KeyringNumbers(ctx context.Context, s store.Store) (numbers []uint32, err error) {
	err = s.List(ctx, "keyring-", func(o store.Object) error {
		if n, ok := format.ParseKeyringPath(o.Name); ok {
			numbers = append(numbers, n)
		}
		return nil
	})
	return numbers, err
}

// ReplaceKeyring writes a keyring under key and replaces the header by h, in which g names it. sealKey seals h.
func (o *Objects) ReplaceKeyring(ctx context.Context, h *format.Header, g *format.Guard, key *backupkey.Key, ring *format.Keyring,
	sealKey *backupkey.Key) (Seen, error) {
	above := max(o.Header.Keyring, o.Seen.Keyring)
	if o.Header.Next != nil {
		above = max(above, o.Header.Next.Keyring)
	}
	put, err := putKeyring(ctx, o.Store, key, o.ID, above, ring)
	if err != nil {
		return Seen{}, err
	}
	g.Keyring, h.Version = put.n, format.HeaderVersion
	if err := o.ReplaceHeader(ctx, h, sealKey); err != nil {
		return Seen{}, err
	}
	// Who changed the key twice while this computer slept before the last call took
	// the keyring for what an interruption had left.
	if _, err = o.Store.Stat(ctx, format.KeyringPath(put.n)); errors.Is(err, store.ErrNotExist) {
		if err = o.Store.Put(ctx, format.KeyringPath(put.n), put.sealed); err == nil {
			err = readsBack(ctx, o.Store, key, o.ID, put, ring)
		}
	}
	return put.seen(o.ID, ring), err
}
