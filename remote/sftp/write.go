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

	"github.com/pkg/sftp"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/files"
)

// Put implements store.Store. It takes four round trips and the time of the bytes: the name is looked at while the
// temporary file is made, then the bytes, then fsync and the size, then the link. Nothing is named before the server has
// said that the bytes are on its disk and as many as they should be.
func (s *Store) Put(ctx context.Context, name string, data []byte) error {
	return s.store(ctx, "put", name, data, s.link)
}

// link gives a written file its name, if nothing has it.
func (s *Store) link(c *connection, w *written, name string) error {
	to := s.path(name)
	linked := func() error { return c.Link(w.at, to) }
	if _, ok := c.HasExtension("hardlink@openssh.com"); !ok {
		linked = func() error { return errors.ErrUnsupported }
	}
	if !w.synced { // closing it may be what tells of a full disk
		if err := w.close(); err != nil {
			return err
		}
	}
	err, cerr := both(linked, w.close)
	switch {
	case err == nil:
		return nil // the temporary name goes with the others
	case lost(err), lost(cerr):
		return errors.Join(err, cerr)
	}
	// A file system without links; a rename of version 3 does not overwrite either.
	if _, serr := s.stat(c, name); serr == nil {
		return store.ErrExists
	}
	if err = c.Rename(w.at, to); err == nil {
		w.moved = true
		return nil
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
	return s.store(ctx, "replace", name, data, func(c *connection, w *written, name string) error {
		if _, ok := c.HasExtension("posix-rename@openssh.com"); !ok {
			return fmt.Errorf("%w: the server cannot replace a file in one step", errors.ErrUnsupported)
		}
		if err := w.close(); err != nil {
			return err
		}
		err := c.PosixRename(w.at, s.path(name))
		w.moved = err == nil
		return err
	})
}

// written is a temporary file and how far it has come.
type written struct {
	at     string
	file   *sftp.File
	synced bool // the server has said that it is on its disk
	closed bool
	moved  bool // it has another name
}

func (w *written) close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	return w.file.Close()
}

// store writes a temporary file and has it named.
func (s *Store) store(ctx context.Context, op, name string, data []byte, into func(c *connection, w *written, name string) error) error {
	if err := store.CheckName(name); err != nil {
		return s.fail(op, name, err)
	}
	return s.call(ctx, op, name, func(c *connection) error {
		w := &written{at: files.Temporary(s.path(name))}
		look := func() error { return store.ErrNotExist }
		if op == "put" {
			look = func() error { _, err := c.Lstat(s.path(name)); return err } // before its bytes are sent
		}
		taken, err := both(look, func() (err error) { w.file, err = s.create(ctx, c, name, w.at); return err })
		switch {
		case err != nil && taken == nil:
			return store.ErrExists
		case err != nil:
			return s.lacks(c, err)
		}
		defer c.discard(w)
		if taken == nil {
			return store.ErrExists
		}
		if err := s.write(c, w, data); err != nil {
			return s.lacks(c, err)
		}
		c.Naming = true
		return s.lacks(c, into(c, w, name))
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

// create makes the temporary file of an object, and its folder where that is missing.
func (s *Store) create(ctx context.Context, c *connection, name, at string) (*sftp.File, error) {
	dir := path.Dir(name)
	if dir != "." && !s.seen.Known(dir) {
		if err := s.mkdir(ctx, dir, c.Mkdir); lost(err) {
			return nil, err // otherwise it is there, or more is missing
		}
	}
	const flags = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	f, err := c.OpenFile(at, flags)
	if errors.Is(err, fs.ErrNotExist) {
		if err := s.mkdir(ctx, dir, func(to string) error {
			if err := s.there(c); err != nil {
				return err
			}
			return s.tree(c).Make(s.root, to)
		}); err != nil {
			return nil, err
		}
		f, err = c.OpenFile(at, flags)
	}
	if err == nil {
		s.seen.Saw(dir)
	}
	return f, err
}

// write writes a file and puts it on the disk.
func (s *Store) write(c *connection, w *written, data []byte) error {
	n, err := w.file.ReadFromWithConcurrency(bytes.NewReader(data), requests)
	if err == nil && n != int64(len(data)) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return err
	}
	sync := func() error { return nil }
	if _, w.synced = c.HasExtension("fsync@openssh.com"); w.synced {
		sync = w.file.Sync
	}
	var info fs.FileInfo
	err, serr := both(sync, func() (err error) { info, err = c.Lstat(w.at); return err }) // a Stat of the file waits for its Sync
	if err == nil && serr == nil && info.Size() != int64(len(data)) {
		err = fmt.Errorf("the server has %d bytes of %d", info.Size(), len(data))
	}
	return errors.Join(err, serr)
}

// mkdir has a folder made while nobody else makes one.
func (s *Store) mkdir(ctx context.Context, dir string, do func(to string) error) error {
	select {
	case s.making <- struct{}{}:
		defer func() { <-s.making }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return do(s.path(dir))
}

// CleanTemporary implements store.TemporaryCleaner. Times are the server's.
func (s *Store) CleanTemporary(ctx context.Context, olderThan time.Duration) (removed int, err error) {
	err = s.call(ctx, "clean", "", func(c *connection) (err error) {
		removed, err = s.tree(c).Clean(ctx, olderThan)
		return err
	})
	return removed, err
}
