// Package sftp keeps objects on a server that speaks SSH. An object is written under a temporary name, put on the
// disk (fsync@openssh.com, where the server has it), and linked or renamed to its name. Nothing is ever deleted
// because of an error.
package sftp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/pkg/sftp"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/files"
)

const (
	connections = 4
	requests    = 64 // under way at once in one file
	folders     = 64 // read at once by a list
)

// Store keeps objects in a folder of a server.
type Store struct {
	location string
	root     string
	pool     *files.Pool[*connection]
	seen     files.Folders
	making   chan struct{} // held by who makes folders: some servers lose one that two make at once
}

// New returns a folder of a server that was used before. The server is not asked for anything yet. Errors: store.ErrSignIn.
func New(a address.Address, secret address.Secret) (*Store, error) {
	d, err := newDialer(a, secret)
	if err != nil {
		return nil, &store.Error{Op: "open", Location: a.String(), Err: err}
	}
	return &Store{
		location: a.String(), root: rootOf(a.Path), pool: files.NewPool(connections, d.dial, lost), making: make(chan struct{}, 1),
	}, nil
}

// Open opens a folder of a server; create makes it, if it is not there. Errors: *store.IdentityError,
// store.ErrSignIn, store.ErrUnreachable, store.ErrPermission.
func Open(ctx context.Context, a address.Address, secret address.Secret, create bool) (*Store, error) {
	s, err := New(a, secret)
	if err != nil {
		return nil, err
	}
	err = s.call(ctx, "open", "", func(c *connection) error {
		info, err := c.Stat(s.root)
		switch {
		case errors.Is(err, fs.ErrNotExist) && create:
			return c.MkdirAll(s.root)
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%w: there is no such folder on the server", store.ErrUnreachable)
		case err != nil:
			return err
		case !info.IsDir():
			return fmt.Errorf("%w: this is no folder", store.ErrUnreachable)
		}
		return nil
	})
	if err != nil {
		s.Close() //nolint:errcheck // err says more
		return nil, err
	}
	return s, nil
}

// rootOf is a path on the server: /~/x is x in the home folder, where a session begins.
func rootOf(p string) string {
	if rest, ok := strings.CutPrefix(p, "/~"); ok && (rest == "" || rest[0] == '/') {
		return path.Clean("." + rest)
	}
	return p
}

// Properties implements store.Store.
func (s *Store) Properties() store.Properties {
	return store.Properties{
		Location: s.location, Connections: connections, Flat: true, Facts: store.Facts{Deletes: store.DeletesForGood},
	}
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.pool.Close()
	return nil
}

// call runs fn with a connection of its own.
func (s *Store) call(ctx context.Context, op, name string, fn func(*connection) error) error {
	if err := s.pool.Call(ctx, fn); err != nil {
		return s.fail(op, name, err)
	}
	return nil
}

// share runs fn, which only asks, beside what other calls do on the same connection.
func share[T any](ctx context.Context, s *Store, op, name string, fn func(*connection) (T, error)) (T, error) {
	found := make(chan T, 1) // nobody may be left to take it
	err := s.pool.Share(ctx, func(c *connection) error {
		v, err := fn(c)
		if err == nil {
			found <- v
		}
		return err
	})
	if err != nil {
		var none T
		return none, s.fail(op, name, err)
	}
	return <-found, nil
}

// lost reports whether an error means that the connection is of no use any more.
func lost(err error) bool {
	var status *sftp.StatusError
	switch {
	case err == nil, errors.As(err, &status):
		return false
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrExist), errors.Is(err, errors.ErrUnsupported):
		return false
	}
	for _, kind := range []error{store.ErrExists, store.ErrNotExist, store.ErrUnreachable, store.ErrSignIn, store.ErrNoSpace, store.ErrClosed,
		store.ErrTooLarge, store.ErrInvalidName, io.ErrUnexpectedEOF} {
		if errors.Is(err, kind) {
			return false
		}
	}
	return true
}

func (s *Store) fail(op, name string, err error) error {
	var place *store.Error
	if errors.As(err, &place) {
		return err
	}
	var status *sftp.StatusError
	var identity *store.IdentityError
	switch {
	case errors.As(err, &identity):
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
	case errors.Is(err, fs.ErrNotExist):
		err = store.ErrNotExist
	case errors.Is(err, fs.ErrPermission):
		err = fmt.Errorf("%w: the server refuses it", store.ErrPermission)
	case errors.As(err, &status) && noSpace(status):
		err = store.ErrNoSpace
	case lost(err):
		err = fmt.Errorf("%w: %w", store.ErrUnreachable, err)
	}
	return &store.Error{Op: op, Name: name, Location: s.location, Err: err}
}

// noSpace reports whether a status says that the disk is full or a quota is reached. Version 3 has no code for it,
// so servers say it in words, if at all.
func noSpace(e *sftp.StatusError) bool {
	words := strings.ToLower(e.Error())
	return e.Code == 14 || e.Code == 15 || strings.Contains(words, "no space") || strings.Contains(words, "quota") // 14, 15: version 5
}

func (s *Store) path(name string) string { return path.Join(s.root, name) }

// there returns store.ErrUnreachable when the folder itself is gone: then nobody knows what is in it.
func (s *Store) there(c *connection) error {
	if _, err := c.Stat(s.root); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: the folder is gone", store.ErrUnreachable)
		}
		return err
	}
	return nil
}

// missing is what a call returns that found nothing.
func (s *Store) missing(c *connection) error {
	if err := s.there(c); err != nil {
		return err
	}
	return store.ErrNotExist
}

// stat returns a regular file's size.
func (s *Store) stat(c *connection, name string) (int64, error) {
	info, err := c.Lstat(s.path(name))
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && !info.Mode().IsRegular():
		return 0, s.missing(c)
	case err != nil:
		return 0, err
	}
	return info.Size(), nil
}

// Stat implements store.Store.
func (s *Store) Stat(ctx context.Context, name string) (store.Object, error) {
	if err := store.CheckName(name); err != nil {
		return store.Object{}, s.fail("stat", name, err)
	}
	size, err := share(ctx, s, "stat", name, func(c *connection) (int64, error) { return s.stat(c, name) })
	if err != nil {
		return store.Object{}, err
	}
	return store.Object{Name: name, Size: size}, nil
}

// ReadAt implements store.Store. It takes two round trips.
func (s *Store) ReadAt(ctx context.Context, name string, p []byte, offset int64) error {
	if err := store.CheckName(name); err != nil {
		return s.fail("read", name, err)
	}
	if offset < 0 {
		return s.fail("read", name, fmt.Errorf("%w: offset %d", io.ErrUnexpectedEOF, offset))
	}
	return s.call(ctx, "read", name, func(c *connection) error {
		if len(p) == 0 {
			size, err := s.stat(c, name)
			if err == nil && offset > size {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		f, err := s.open(c, name)
		if err != nil {
			return err
		}
		defer c.leave(f)
		if err := readFull(f, p, offset); err != nil {
			return s.orFolder(c, name, err)
		}
		return nil
	})
}

// open opens an object to read it.
func (s *Store) open(c *connection, name string) (*sftp.File, error) {
	f, err := c.Open(s.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, s.missing(c)
	}
	if err != nil {
		return nil, s.orFolder(c, name, err)
	}
	return f, nil
}

// readFull fills p. Errors: io.ErrUnexpectedEOF where the file ends before that.
func readFull(f *sftp.File, p []byte, offset int64) error {
	n, err := f.ReadAt(p, offset)
	switch {
	case n == len(p):
		return nil
	case err == nil, errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	}
	return err
}

// ReadWhole implements store.WholeReader. It takes two round trips: the size is asked for while the file is opened, and
// once more while it is read, since another one may have taken its place.
func (s *Store) ReadWhole(ctx context.Context, name string, maxBytes int64) ([]byte, error) {
	if err := store.CheckName(name); err != nil {
		return nil, s.fail("read", name, err)
	}
	return share(ctx, s, "read", name, func(c *connection) ([]byte, error) { return s.readWhole(c, name, maxBytes) })
}

func (s *Store) readWhole(c *connection, name string, maxBytes int64) ([]byte, error) {
	var size int64
	var f *sftp.File
	serr, err := both(
		func() (err error) { size, err = regular(c.Lstat(s.path(name))); return err },
		func() (err error) { f, err = s.open(c, name); return err },
	)
	if err != nil {
		return nil, err
	}
	defer c.leave(f)
	for try := 1; serr == nil; try++ {
		if size > maxBytes {
			return nil, fmt.Errorf("%w: %d bytes, %d allowed", store.ErrTooLarge, size, maxBytes)
		}
		data := make([]byte, size)
		var now int64
		serr, err = both(
			func() (err error) { now, err = regular(f.Stat()); return err },
			func() error { return readFull(f, data, 0) },
		)
		if serr == nil && (now == size || try == tries) {
			return data, err
		}
		size = now
	}
	return nil, s.orFolder(c, name, serr)
}

// tries is how often an object is read that has another size each time.
const tries = 3

// regular returns the size of a regular file.
func regular(info fs.FileInfo, err error) (int64, error) {
	switch {
	case err != nil:
		return 0, err
	case !info.Mode().IsRegular():
		return 0, store.ErrNotExist
	}
	return info.Size(), nil
}

// both asks two things at once, which take one round trip.
func both(a, b func() error) (errA, errB error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		errA = a()
	}()
	errB = b()
	<-done
	return errA, errB
}

// orFolder says of an error that the name is one of a folder, where it is.
func (s *Store) orFolder(c *connection, name string, err error) error {
	if lost(err) {
		return err
	}
	if info, serr := c.Lstat(s.path(name)); serr == nil && !info.Mode().IsRegular() {
		return store.ErrNotExist
	}
	return err
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, name string) error {
	if err := store.CheckName(name); err != nil {
		return s.fail("delete", name, err)
	}
	return s.call(ctx, "delete", name, func(c *connection) error {
		info, err := c.Lstat(s.path(name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return s.there(c)
		case err != nil:
			return err
		case !info.Mode().IsRegular():
			return nil
		}
		if err := c.Remove(s.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

// tree is the place as a connection sees it.
func (s *Store) tree(c *connection) files.Tree {
	return files.Tree{
		Root: s.root, ReadDir: c.folder, Stat: c.Stat, Lstat: c.Lstat, Mkdir: c.Mkdir, Remove: c.Remove,
		Open:   func(at string) (files.File, error) { return c.Open(at) },
		Absent: func(err error) bool { return errors.Is(err, fs.ErrNotExist) }, Lost: lost,
		There:    func() error { return s.there(c) },
		IsObject: func(info fs.FileInfo) bool { return info.Mode().IsRegular() }, Folders: folders,
		Last: "packs/", Seen: &s.seen, // as Flat promises
	}
}

// List implements store.Store.
func (s *Store) List(ctx context.Context, prefix string, fn func(store.Object) error) error {
	fail := func(err error) error { return s.fail("list", prefix, err) }
	if err := store.CheckPrefix(prefix); err != nil {
		return fail(err)
	}
	return files.List(ctx, func() ([]store.Object, error) {
		return share(ctx, s, "list", prefix, func(c *connection) ([]store.Object, error) { return s.tree(c).Objects(ctx, prefix) })
	}, fail, fn)
}

// LookBelow implements store.BelowLooker.
func (s *Store) LookBelow(ctx context.Context, l store.Look, fn func(store.Below) error) error {
	return files.Below(func() (found []store.Below, err error) {
		err = s.call(ctx, "look", "", func(c *connection) (err error) {
			found, err = s.tree(c).LookBelow(ctx, c.Base(), l)
			return err
		})
		return found, err
	}, fn)
}

// Free implements store.Spacer.
func (s *Store) Free(ctx context.Context) (free uint64, err error) {
	err = s.call(ctx, "free", "", func(c *connection) error {
		if _, ok := c.HasExtension("statvfs@openssh.com"); !ok {
			return errors.ErrUnsupported
		}
		v, err := c.StatVFS(s.root)
		if err == nil {
			free = v.Frsize * v.Bavail
		}
		return err
	})
	return free, err
}
