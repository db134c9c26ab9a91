package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

var boltBucket = []byte("holdfast-vault-1")

// Bolt is a Store in one file (go.etcd.io/bbolt), for one process at a time.
type Bolt struct{ db *bbolt.DB }

// OpenBolt opens the file at path, or makes it, mode 0600. ErrInUse if another
// process has it open; any other error says that the file cannot be read as a store.
func OpenBolt(path string) (*Bolt, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: 100 * time.Millisecond, FreelistType: bbolt.FreelistMapType, NoFreelistSync: true})
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, fmt.Errorf("%w: %s", ErrInUse, path)
	}
	if err != nil {
		return nil, fmt.Errorf("open the store %s: %w", path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(boltBucket)
		return err
	})
	if err != nil {
		_ = db.Close() // the error above tells more
		return nil, fmt.Errorf("open the store %s: %w", path, err)
	}
	return &Bolt{db}, nil
}

// Get implements Store.
func (b *Bolt) Get(ctx context.Context, key Key) (value []byte, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err = b.db.View(func(tx *bbolt.Tx) error {
		if value = bytes.Clone(tx.Bucket(boltBucket).Get(key[:])); value == nil {
			return ErrNotFound
		}
		return nil
	})
	return value, err
}

// Commit implements Store.
func (b *Bolt) Commit(ctx context.Context, changes []Change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return b.db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(boltBucket)
		for _, c := range changes {
			value := bucket.Get(c.Key[:])
			if (value != nil) != (c.Old != nil) || !bytes.Equal(value, c.Old) {
				return ErrConflict
			}
		}
		for _, c := range changes {
			var err error
			if c.New == nil {
				err = bucket.Delete(c.Key[:])
			} else {
				err = bucket.Put(bytes.Clone(c.Key[:]), c.New)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Iterate implements Store.
func (b *Bolt) Iterate(ctx context.Context, fn func(Key, []byte) error) error {
	return b.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(boltBucket).ForEach(func(k, v []byte) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if len(k) != len(Key{}) {
				return fmt.Errorf("%w: a key has %d bytes", ErrTampered, len(k))
			}
			return fn(Key(k), v)
		})
	})
}

// Close implements Store.
func (b *Bolt) Close() error { return b.db.Close() }

// Backup writes a copy of the store as of one moment; it may be opened with
// OpenBolt. Commits go on meanwhile.
func (b *Bolt) Backup(w io.Writer) (bytes int64, err error) {
	err = b.db.View(func(tx *bbolt.Tx) error {
		bytes, err = tx.WriteTo(w)
		return err
	})
	return bytes, err
}

// BoltExists tells whether there is a file at path.
func BoltExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
