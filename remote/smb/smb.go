// Package smb keeps objects in a share of Windows, of a NAS or of Samba, which speak SMB 3. An object is written under a
// temporary name, flushed, and renamed: the server refuses a name that is taken. Nothing is ever deleted because of an
// error.
//
// All that a server says is signed, and what it lets in without a password is not believed. A connection is encrypted
// where the server can do that, as Windows and Samba can unless it is turned off; nobody on the way can turn it off.
// Objects are sealed before they come here.
package smb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/files"
	"github.com/holdfast-backup/holdfast/third_party/smb2"
)

const (
	connections = 4
	requests    = 4       // under way at once in one file
	chunk       = 1 << 20 // bytes of one request; servers take no more
	folders     = 8       // read at once by a list
)

// Store keeps objects in a folder of a share.
type Store struct {
	dialer   *dialer
	location string
	root     string // below the share, "" for all of it
	pool     *files.Pool[*connection]
}

// Open opens a folder of a share; create makes it, if it is not there, but never the share. Errors: store.ErrSignIn,
// store.ErrUnreachable, store.ErrPermission.
func Open(ctx context.Context, a address.Address, secret address.Secret, create bool) (*Store, error) {
	share, root, _ := strings.Cut(strings.TrimPrefix(a.Path, "/"), "/")
	s := &Store{location: a.String(), root: root}
	var err error
	if s.dialer, err = newDialer(a, share, secret); err != nil {
		return nil, s.fail("open", "", err)
	}
	s.pool = files.NewPool(connections, s.dialer.dial, lost)
	err = s.call(ctx, "open", "", func(c *connection) error {
		info, err := c.Stat(s.root)
		switch {
		case absent(err) && create:
			return s.tree(c).Make("", s.root)
		case absent(err):
			return fmt.Errorf("%w: there is no such folder in the share", store.ErrUnreachable)
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

// Properties implements store.Store.
func (s *Store) Properties() store.Properties {
	return store.Properties{Location: s.location, Connections: connections, Facts: store.Facts{Deletes: store.DeletesAsSet}}
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.pool.Close()
	return nil
}

// call runs fn with a connection of its own.
func (s *Store) call(ctx context.Context, op, name string, fn func(*connection) error) error {
	if err := s.pool.Call(ctx, func(c *connection) error { return s.orGone(c, fn(c)) }); err != nil {
		return s.fail(op, name, err)
	}
	return nil
}

func (s *Store) fail(op, name string, err error) error {
	var place *store.Error
	if errors.As(err, &place) {
		return err
	}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
	case errors.Is(err, store.ErrUnreachable), errors.Is(err, store.ErrSignIn), errors.Is(err, store.ErrInvalidName):
	case absent(err):
		err = store.ErrNotExist
	case errors.Is(err, fs.ErrPermission), status(err) == statusWriteProtected:
		err = fmt.Errorf("%w: the server refuses it", store.ErrPermission)
	case full[status(err)]:
		err = store.ErrNoSpace
	case lost(err):
		err = fmt.Errorf("%w: %w", store.ErrUnreachable, err)
	}
	return &store.Error{Op: op, Name: name, Location: s.location, Err: err}
}

func (s *Store) path(name string) string { return path.Join(s.root, name) }

// there returns store.ErrUnreachable when the folder itself is gone: then nobody knows what is in it.
func (s *Store) there(c *connection) error {
	if s.root != "" {
		_, err := c.Stat(s.root)
		if absent(err) {
			return fmt.Errorf("%w: the folder is gone", store.ErrUnreachable)
		}
		return err
	}
	return s.shared(c)
}

// shared returns store.ErrUnreachable when the share itself is gone: Samba looks for its folder only when it is opened.
func (s *Store) shared(c *connection) error {
	again, err := c.session.Mount(s.dialer.share)
	if err != nil {
		return mounting(err)
	}
	_ = again.Umount() // it ends with the connection
	return nil
}

// orGone says of an error that the share or the folder is gone, where it is: a Samba whose folder is away denies access.
func (s *Store) orGone(c *connection, err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		if serr := s.shared(c); serr != nil {
			return serr
		}
	}
	return err
}

// missing is what a call returns that found nothing.
func (s *Store) missing(c *connection) error {
	if err := s.there(c); err != nil {
		return err
	}
	return store.ErrNotExist
}

// stat returns a file's size.
func (s *Store) stat(ctx context.Context, c *connection, name string) (int64, error) {
	var info fs.FileInfo
	err := patiently(ctx, isOpen, func() (err error) {
		info, err = c.Stat(s.path(name))
		return err
	})
	switch {
	case absent(err), err == nil && info.IsDir():
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
	o := store.Object{Name: name}
	err := s.call(ctx, "stat", name, func(c *connection) (err error) {
		o.Size, err = s.stat(ctx, c, name)
		return err
	})
	return o, err
}

// ReadAt implements store.Store.
func (s *Store) ReadAt(ctx context.Context, name string, p []byte, offset int64) error {
	if err := store.CheckName(name); err != nil {
		return s.fail("read", name, err)
	}
	if offset < 0 {
		return s.fail("read", name, fmt.Errorf("%w: offset %d", io.ErrUnexpectedEOF, offset))
	}
	return s.call(ctx, "read", name, func(c *connection) error {
		if len(p) == 0 {
			size, err := s.stat(ctx, c, name)
			if err == nil && offset > size {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		var f *smb2.File
		err := patiently(ctx, isOpen, func() (err error) {
			f, err = c.Open(s.path(name))
			return err
		})
		if absent(err) {
			return s.missing(c)
		}
		if err != nil {
			return s.orFolder(c, name, err)
		}
		defer f.Close() //nolint:errcheck // only read from
		return s.orFolder(c, name, pieces(p, func(p []byte, at int64) error {
			n, err := f.ReadAt(p, offset+at)
			if n < len(p) && (err == nil || errors.Is(err, io.EOF)) {
				return io.ErrUnexpectedEOF
			}
			return err
		}))
	})
}

// pieces calls fn with each piece of p and where it begins, some at once: each costs a round trip.
func pieces(p []byte, fn func(p []byte, at int64) error) error {
	if len(p) <= chunk {
		return fn(p, 0)
	}
	var group errgroup.Group
	group.SetLimit(requests)
	for at := 0; at < len(p); at += chunk {
		group.Go(func() error { return fn(p[at:min(at+chunk, len(p))], int64(at)) })
	}
	return group.Wait()
}

// orFolder says of an error that the name is one of a folder, where it is.
func (s *Store) orFolder(c *connection, name string, err error) error {
	if err == nil || lost(err) || errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if info, serr := c.Stat(s.path(name)); serr == nil && info.IsDir() {
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
		info, err := c.Stat(s.path(name))
		switch {
		case absent(err):
			return s.there(c)
		case err != nil:
			return err
		case info.IsDir():
			return nil
		}
		err = patiently(ctx, isOpen, func() error { return c.Remove(s.path(name)) })
		if absent(err) {
			return nil
		}
		return err
	})
}
