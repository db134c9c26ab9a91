package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

var boltBucket = []byte("holdfast-vault-1")

// Bolt is a Store in one file (go.etcd.io/bbolt), for one process at a time.
type Bolt struct {
	path    string
	writing sync.Mutex // of commits and of Erase
	mu      sync.Mutex // of db
	db      *bbolt.DB
}

func boltOptions() *bbolt.Options {
	return &bbolt.Options{Timeout: 100 * time.Millisecond, FreelistType: bbolt.FreelistMapType, NoFreelistSync: true}
}

// OpenBolt opens the file at path, or makes it, mode 0600. ErrInUse if another
// process has it open; ErrDamaged if it is not a whole store.
func OpenBolt(path string) (*Bolt, error) {
	if BoltExists(path) {
		if err := checkBolt(path); err != nil {
			if inUse(path) { // and changes while it is looked at
				return nil, fmt.Errorf("%w: %s", ErrInUse, path)
			}
			return nil, fmt.Errorf("open the store %s: %w", path, err)
		}
	}
	db, err := openDB(path, 0o600, boltOptions())
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
	return &Bolt{path: path, db: db}, nil
}

// OpenBoltCopy opens a copy of a store to read from. Nothing is written, so that it may be on a
// medium that cannot be written to. file is closed with it. ErrDamaged.
func OpenBoltCopy(file *os.File) (*Bolt, error) {
	if err := checkBoltFile(file); err != nil {
		if inUse(file.Name()) {
			return nil, fmt.Errorf("%w: %s", ErrInUse, file.Name())
		}
		return nil, fmt.Errorf("open the copy %s: %w", file.Name(), err)
	}
	db, err := openDB(file.Name(), 0, &bbolt.Options{ReadOnly: true, Timeout: 100 * time.Millisecond,
		OpenFile: func(string, int, os.FileMode) (*os.File, error) { return file, nil }})
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, fmt.Errorf("%w: %s", ErrInUse, file.Name())
	}
	if err != nil {
		return nil, fmt.Errorf("open the copy %s: %w", file.Name(), err)
	}
	b := &Bolt{path: file.Name(), db: db}
	err = b.view(func(tx *bbolt.Tx) error {
		if tx.Bucket(boltBucket) == nil {
			return damaged("it is no vault's store")
		}
		return nil
	})
	if err != nil {
		_ = b.Close() // the error above tells more
		return nil, fmt.Errorf("open the copy %s: %w", file.Name(), err)
	}
	return b, nil
}

// openDB is bbolt.Open, which panics over some damages.
func openDB(path string, mode os.FileMode, o *bbolt.Options) (db *bbolt.DB, err error) {
	defer func() {
		if p := recover(); p != nil {
			db, err = nil, damaged("%v", p)
		}
	}()
	return bbolt.Open(path, mode, o)
}

// inUse reports whether another process has the file open as a store.
func inUse(path string) bool {
	lock := flock.New(path, flock.SetFlag(os.O_RDONLY))
	ok, err := lock.TryRLock()
	_ = lock.Close()
	return !ok && err == nil
}

// Get implements Store.
func (b *Bolt) Get(ctx context.Context, key Key) (value []byte, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err = b.view(func(tx *bbolt.Tx) error {
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
	b.writing.Lock()
	defer b.writing.Unlock()
	return b.current().Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(boltBucket)
		for _, c := range changes {
			value := bucket.Get(c.Key[:])
			if (value != nil) != (c.Old != nil) || !bytes.Equal(value, c.Old) {
				return ErrConflict
			}
		}
		for _, c := range changes {
			var err error
			if c.Erase {
				if _, err := tx.CreateBucketIfNotExists(boltErase); err != nil {
					return err
				}
			}
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
	return b.view(func(tx *bbolt.Tx) error {
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
func (b *Bolt) Close() error { return b.current().Close() }

// Backup writes a copy of the store as of one moment; it may be opened with
// OpenBolt. Commits go on meanwhile.
func (b *Bolt) Backup(w io.Writer) (bytes int64, err error) {
	err = b.view(func(tx *bbolt.Tx) error {
		bytes, err = tx.WriteTo(w)
		return err
	})
	return bytes, err
}

// BoltExists reports whether there is a file at path.
func BoltExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
