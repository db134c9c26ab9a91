package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// boltErase holds a key while something is to be erased.
var boltErase = []byte("holdfast-vault-erase")

// Erase implements Eraser: it writes the store to a new file, which takes the place of the old one, and fills
// the old one with zeros. What a disk or a file system keeps of them is out of its reach.
func (b *Bolt) Erase(ctx context.Context) error {
	b.writing.Lock()
	old, file, err := b.rewrite(ctx)
	b.writing.Unlock()
	if file == nil {
		return err
	}
	defer file.Close()                  //nolint:errcheck // what was written is synced
	if err := old.Close(); err != nil { // after those who still read
		return err
	}
	return errors.Join(err, wipe(file))
}

// rewrite makes the new file. file is the old one; nil: nothing was to be erased, or it could not be.
func (b *Bolt) rewrite(ctx context.Context) (old *bbolt.DB, file *os.File, err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	old = b.current()
	due := false
	err = old.View(func(tx *bbolt.Tx) error { due = tx.Bucket(boltErase) != nil; return nil })
	if err != nil || !due {
		return nil, nil, err
	}
	temporary := b.path + ".erase"
	_ = os.Remove(temporary) // of a process that was killed
	to, err := openDB(temporary, 0o600, boltOptions())
	if err != nil {
		return nil, nil, err
	}
	err = bbolt.Compact(to, old, 1<<20)
	if err == nil {
		err = to.Update(func(tx *bbolt.Tx) error { return tx.DeleteBucket(boltErase) })
	}
	if err == nil {
		err = sameOwner(b.path, temporary)
	}
	if err == nil {
		file, err = os.OpenFile(b.path, os.O_RDWR, 0)
	}
	if err == nil {
		to, err = b.replace(to, temporary)
	}
	if err != nil {
		if to != nil {
			_ = to.Close() // the error above tells more
		}
		if file != nil {
			_ = file.Close() // as above
		}
		_ = os.Remove(temporary)
		return nil, nil, err
	}
	b.mu.Lock()
	b.db = to
	b.mu.Unlock()
	return old, file, nil
}

func syncFolder(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// wipe fills a file with zeros.
func wipe(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	zeros := make([]byte, 1<<16)
	for at := int64(0); at < info.Size(); at += int64(len(zeros)) {
		if _, err := file.WriteAt(zeros[:min(int64(len(zeros)), info.Size()-at)], at); err != nil {
			return err
		}
	}
	return file.Sync()
}

// current is the file that is used now.
func (b *Bolt) current() *bbolt.DB {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.db
}

// view is a bbolt.View on the file that is used now.
func (b *Bolt) view(fn func(*bbolt.Tx) error) error {
	for {
		db := b.current()
		err := db.View(fn)
		if errors.Is(err, berrors.ErrDatabaseNotOpen) && b.current() != db {
			continue // it was replaced just now
		}
		return err
	}
}
