package smb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/files"
	"github.com/holdfast-backup/holdfast/third_party/smb2"
)

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, name string, data []byte) error {
	return s.store(ctx, "put", name, data, func(c *connection, temporary, to string) error {
		c.Naming = true
		err := patiently(ctx, isOpen, func() error { return c.RenameNew(temporary, to) })
		if errors.Is(err, fs.ErrExist) {
			return store.ErrExists
		}
		return err
	})
}

// Replace implements store.Store.
func (s *Store) Replace(ctx context.Context, name string, data []byte) error {
	return s.store(ctx, "replace", name, data, func(c *connection, temporary, to string) error {
		return patiently(ctx, isOpenOrDenied, func() error { return c.Rename(temporary, to) })
	})
}

// errSize: the server has lost a part of what was written. Connections are not to blame.
var errSize = errors.New("the server has another number of bytes")

// store writes a temporary file and has it named.
func (s *Store) store(ctx context.Context, op, name string, data []byte, into func(c *connection, temporary, to string) error) error {
	if err := store.CheckName(name); err != nil {
		return s.fail(op, name, err)
	}
	return s.call(ctx, op, name, func(c *connection) error {
		if op == "put" {
			if _, err := c.Stat(s.path(name)); err == nil { // before its bytes are sent
				return store.ErrExists
			} else if lost(err) {
				return err
			}
		}
		to := s.path(name)
		at := files.Temporary(to)
		err := s.write(c, at, data)
		if err == nil {
			err = into(c, at, to)
		}
		if err != nil && !lost(err) && ctx.Err() == nil {
			_ = c.Remove(at) // it is no object, and is found by CleanTemporary if it stays
		}
		return err
	})
}

// write writes a file and has the server put it on the disk.
func (s *Store) write(c *connection, at string, data []byte) error {
	const flags = os.O_RDWR | os.O_CREATE | os.O_EXCL
	f, err := c.OpenFile(at, flags, 0o666)
	if absent(err) {
		if err := s.there(c); err != nil {
			return err
		}
		if err := s.tree(c).Make(s.root, path.Dir(at)); err != nil {
			return err
		}
		f, err = c.OpenFile(at, flags, 0o666)
	}
	if err != nil {
		return err
	}
	err = s.fill(f, data)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

func (s *Store) fill(f *smb2.File, data []byte) error {
	err := pieces(data, func(p []byte, at int64) error {
		n, err := f.WriteAt(p, at)
		if err == nil && n != len(p) {
			err = io.ErrShortWrite
		}
		return err
	})
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && info.Size() != int64(len(data)) {
		err = fmt.Errorf("%w: %d of %d", errSize, info.Size(), len(data))
	}
	return err
}
