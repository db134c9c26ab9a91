package sftp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/files"
)

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, name string, data []byte) error {
	return s.store(ctx, "put", name, data, func(c *connection, temporary, to string) error {
		return s.rename(c, temporary, to, name)
	})
}

// rename gives a file its name, if nothing has it.
func (s *Store) rename(c *connection, temporary, to, name string) error {
	var err error
	if _, ok := c.HasExtension("hardlink@openssh.com"); ok {
		if err = c.Link(temporary, to); err == nil {
			return nil // the temporary name goes with the others
		}
	}
	if err == nil || !lost(err) { // a file system without links; a rename of version 3 does not overwrite either
		if _, serr := s.stat(c, name); serr == nil {
			return store.ErrExists
		}
		if err = c.Rename(temporary, to); err == nil {
			return nil
		}
	}
	if lost(err) {
		return err
	}
	if _, serr := c.Lstat(to); serr == nil {
		return store.ErrExists
	}
	return err
}

// Replace implements store.Store.
func (s *Store) Replace(ctx context.Context, name string, data []byte) error {
	return s.store(ctx, "replace", name, data, func(c *connection, temporary, to string) error {
		if _, ok := c.HasExtension("posix-rename@openssh.com"); !ok {
			return fmt.Errorf("%w: the server cannot replace a file in one step", errors.ErrUnsupported)
		}
		return c.PosixRename(temporary, to)
	})
}

// store writes a temporary file and has it named.
func (s *Store) store(ctx context.Context, op, name string, data []byte, into func(c *connection, temporary, to string) error) error {
	if err := store.CheckName(name); err != nil {
		return s.fail(op, name, err)
	}
	return s.call(ctx, op, name, func(c *connection) error {
		if op == "put" {
			if _, err := c.Lstat(s.path(name)); err == nil { // before its bytes are sent
				return store.ErrExists
			}
		}
		to := s.path(name)
		at := files.Temporary(to)
		if err := s.write(ctx, c, at, data); err != nil {
			return s.lacks(c, err)
		}
		c.Naming = true
		err := into(c, at, to)
		if rerr := c.Remove(at); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) && err == nil && lost(rerr) {
			c.Wire.Close() //nolint:errcheck // the object is there; the next call takes another connection
		}
		return s.lacks(c, err)
	})
}

// lacks says of an error that something is missing, which is no missing object when one is written.
func (s *Store) lacks(c *connection, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := s.there(c); err != nil {
		return err
	}
	return fmt.Errorf("%w: the server does not find the file or its folder any more", store.ErrUnreachable)
}

// write writes a file and puts it on the disk.
func (s *Store) write(ctx context.Context, c *connection, at string, data []byte) error {
	const flags = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	f, err := c.OpenFile(at, flags)
	if errors.Is(err, fs.ErrNotExist) {
		if err := s.mkdir(ctx, c, path.Dir(at)); err != nil {
			return err
		}
		f, err = c.OpenFile(at, flags)
	}
	if err != nil {
		return err
	}
	n, err := f.ReadFromWithConcurrency(bytes.NewReader(data), requests)
	if err == nil && n != int64(len(data)) {
		err = io.ErrShortWrite
	}
	if _, ok := c.HasExtension("fsync@openssh.com"); ok && err == nil {
		err = f.Sync()
	}
	if err == nil {
		var info fs.FileInfo
		if info, err = f.Stat(); err == nil && info.Size() != int64(len(data)) {
			err = fmt.Errorf("the server has %d bytes of %d", info.Size(), len(data))
		}
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil && !lost(err) {
		_ = c.Remove(at) // it is no object, and is found by CleanTemporary if it stays
	}
	return err
}

// mkdir makes the folders between the root, which must be there, and a folder.
func (s *Store) mkdir(ctx context.Context, c *connection, dir string) error {
	select {
	case s.making <- struct{}{}:
		defer func() { <-s.making }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := s.there(c); err != nil {
		return err
	}
	return s.tree(c).Make(s.root, dir)
}

// CleanTemporary implements store.TemporaryCleaner. Times are the server's.
func (s *Store) CleanTemporary(ctx context.Context, olderThan time.Duration) (removed int, err error) {
	err = s.call(ctx, "clean", "", func(c *connection) (err error) {
		removed, err = s.tree(c).Clean(ctx, olderThan)
		return err
	})
	return removed, err
}
