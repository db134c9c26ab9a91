// Package bucket keeps objects under a prefix of a bucket, by the single requests of a service (S3, Azure, Google Drive).
// It says when an object is sent again, whose object it is that was found, and what is compared. Nothing is ever deleted
// because of an error, and a bucket that is gone is not made anew (docs/adr/0027).
package bucket

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/again"
)

// Service does single requests. Keys are whole: prefix and name. Errors: those of store, ErrGone, ErrFailed.
type Service interface {
	// Hash is the hash of data by which the service knows an object.
	Hash(data []byte) []byte
	// Put stores data under a key in one request, with its hash, which the service compares if it can. fresh: a key that
	// is taken gives store.ErrExists, by the service's own means. An answer that something is missing (404) gives ErrGone where it
	// says that this is the bucket, else store.ErrNotExist: Store looks. It returns what the service says it has.
	Put(ctx context.Context, key string, data, hash []byte, fresh bool) (Entry, error)
	// Look returns what has a key, or store.ErrNotExist.
	Look(ctx context.Context, key string) (Entry, error)
	// Read fills p, which is not empty, with the object's bytes from offset on, as store.Store.ReadAt does.
	Read(ctx context.Context, key string, p []byte, offset int64) error
	// Delete deletes a key. One that is not there may give store.ErrNotExist.
	Delete(ctx context.Context, key string) error
	// List returns up to limit entries whose keys begin with prefix, of the page that next of the page before names
	// ("": the first). limit 0: as many as a page holds.
	List(ctx context.Context, prefix, page string, limit int) (entries []Entry, next string, err error)
	// Folders returns the names of what stands between prefix, which is empty or ends with a slash, and the next slash in
	// keys, a page as List does.
	Folders(ctx context.Context, prefix, page string) (names []string, next string, err error)
	// Close gives the connections back.
	Close()
}

// Maker is a Service that can make its bucket.
type Maker interface {
	Make(ctx context.Context) error
}

// WholeReader is a Service that reads a whole object with one request. Nobody has to know its size.
type WholeReader interface {
	// Whole returns an object. Errors: store.ErrTooLarge where it has more than most bytes; those of Service.Read.
	Whole(ctx context.Context, key string, most int64) ([]byte, error)
}

// Spacer is a Service that knows how much room is left.
type Spacer interface {
	Free(ctx context.Context) (bytes uint64, err error)
}

// Entry is an object of a bucket.
type Entry struct {
	Key  string
	Size int64
	Hash []byte // nil: the service does not tell
	// Put is when it was put, in what List returns; zero: the service does not tell.
	Put time.Time
}

// MD5 is the hash of services that know objects by their MD5.
func MD5(data []byte) []byte {
	sum := md5.Sum(data)
	return sum[:]
}

// What a Service says beside the errors of store.
var (
	// ErrGone: the bucket is not there.
	ErrGone = fmt.Errorf("%w: there is no such bucket", store.ErrUnreachable)
	// ErrFailed: the service says that it failed, and that the same may work a moment later.
	ErrFailed = fmt.Errorf("%w: the service failed", store.ErrUnreachable)
)

// Params of Open.
type Params struct {
	Service     Service
	Location    string // of the store, for people
	Prefix      string // of all keys; slashes around it do not count
	Connections int    // how many calls at the same time are useful
	Flat        bool   // the service lists all names below a prefix at once, in their order
	Facts       store.Facts
}

// Store keeps objects in a bucket.
type Store struct {
	p      Params
	prefix string // "" or with a slash at its end
}

// New returns the store of a bucket without asking for it. It is for a bucket that was used before: the first call fails
// if it is gone.
func New(p Params) *Store {
	if p.Service == nil {
		panic("bucket.New: Service is missing")
	}
	s := &Store{p: p}
	if prefix := strings.Trim(p.Prefix, "/"); prefix != "" {
		s.prefix = prefix + "/"
	}
	return s
}

// Open opens a bucket; create makes it, if it is not there and the service can. It closes the service when it fails.
// Errors: store.ErrSignIn, store.ErrPermission, store.ErrUnreachable.
func Open(ctx context.Context, p Params, create bool) (*Store, error) {
	s := New(p)
	_, _, err := p.Service.List(ctx, s.prefix, "", 1)
	if maker, ok := p.Service.(Maker); ok && create && errors.Is(err, ErrGone) {
		err = maker.Make(ctx)
	}
	if err != nil {
		p.Service.Close()
		return nil, s.fail(ctx, "open", "", err)
	}
	return s, nil
}

// Properties implements store.Store.
func (s *Store) Properties() store.Properties {
	return store.Properties{Location: s.p.Location, Connections: s.p.Connections, Lags: true, Flat: s.p.Flat, Facts: s.p.Facts}
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.p.Service.Close()
	return nil
}

func (s *Store) fail(ctx context.Context, op, name string, err error) error {
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return &store.Error{Op: op, Name: name, Location: s.p.Location, Err: err}
}

// call does one call for an object.
func (s *Store) call(ctx context.Context, op, name string, do func(key string) error) error {
	err := store.CheckName(name)
	if err == nil {
		err = do(s.prefix + name)
	}
	if err != nil {
		return s.fail(ctx, op, name, err)
	}
	return nil
}

// Roomy is a Store whose service knows how much room is left.
type Roomy struct {
	*Store
	spacer Spacer
}

// WithSpace returns a Store that tells how much room its service has left.
func WithSpace(s *Store, spacer Spacer) *Roomy { return &Roomy{s, spacer} }

// Free implements store.Spacer.
func (r *Roomy) Free(ctx context.Context) (uint64, error) {
	n, err := r.spacer.Free(ctx)
	if err != nil {
		return 0, r.fail(ctx, "free", "", err)
	}
	return n, nil
}

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, name string, data []byte) error {
	return s.call(ctx, "put", name, func(key string) error { return s.send(ctx, key, data, true) })
}

// Replace implements store.Store.
func (s *Store) Replace(ctx context.Context, name string, data []byte) error {
	return s.call(ctx, "replace", name, func(key string) error { return s.send(ctx, key, data, false) })
}

// failed reports whether an error is ErrFailed.
func failed(err error) bool { return errors.Is(err, ErrFailed) }

// send sends an object, and compares what the service has with it. A service that failed may have stored it all the
// same: then a later try finds it, and it is no stranger's.
func (s *Store) send(ctx context.Context, key string, data []byte, fresh bool) error {
	hash := s.p.Service.Hash(data)
	return again.Until(ctx, failed, func(try int) error {
		e, err := s.p.Service.Put(ctx, key, data, hash, fresh)
		switch {
		case err == nil:
			return compare(e, data, hash)
		case errors.Is(err, store.ErrNotExist):
			return s.lacks(ctx)
		case errors.Is(err, store.ErrExists) && try > 1:
			e, lookErr := s.p.Service.Look(ctx, key)
			if lookErr == nil && e.Hash != nil && compare(e, data, hash) == nil {
				return nil
			}
		}
		return err
	})
}

// lacks says what a service means that has found nothing when it was to store something: its bucket is gone, or it has
// trouble.
func (s *Store) lacks(ctx context.Context) error {
	if _, _, err := s.p.Service.List(ctx, s.prefix, "", 1); err != nil {
		return err
	}
	return fmt.Errorf("%w: it finds nothing to put an object into, and has its bucket", ErrFailed)
}

// compare returns nil if the service has an object of this size and hash.
func compare(e Entry, data, hash []byte) error {
	switch {
	case e.Size != int64(len(data)):
		return fmt.Errorf("%w: the service has %d bytes of %d", store.ErrUnreachable, e.Size, len(data))
	case e.Hash != nil && !bytes.Equal(e.Hash, hash): // nil: it was sent, and the service has compared it
		return fmt.Errorf("%w: the service has other bytes than it was sent", store.ErrUnreachable)
	}
	return nil
}

// ReadAt implements store.Store.
func (s *Store) ReadAt(ctx context.Context, name string, p []byte, offset int64) error {
	return s.call(ctx, "read", name, func(key string) error {
		switch {
		case offset < 0:
			return fmt.Errorf("%w: offset %d", io.ErrUnexpectedEOF, offset)
		case len(p) > 0:
			return s.p.Service.Read(ctx, key, p, offset)
		}
		e, err := s.p.Service.Look(ctx, key)
		if err == nil && offset > e.Size {
			err = io.ErrUnexpectedEOF
		}
		return err
	})
}

// ReadWhole implements store.WholeReader.
func (s *Store) ReadWhole(ctx context.Context, name string, maxBytes int64) (data []byte, err error) {
	err = s.call(ctx, "read", name, func(key string) (err error) {
		data, err = s.whole(ctx, key, maxBytes)
		return err
	})
	if err != nil {
		return nil, err
	}
	return data, nil
}

func (s *Store) whole(ctx context.Context, key string, maxBytes int64) ([]byte, error) {
	if w, ok := s.p.Service.(WholeReader); ok {
		return w.Whole(ctx, key, maxBytes)
	}
	e, err := s.p.Service.Look(ctx, key)
	if err != nil {
		return nil, err
	}
	if e.Size > maxBytes {
		return nil, fmt.Errorf("%w: %d bytes, %d allowed", store.ErrTooLarge, e.Size, maxBytes)
	}
	data := make([]byte, e.Size)
	if e.Size > 0 {
		err = s.p.Service.Read(ctx, key, data, 0)
	}
	return data, err
}

// Stat implements store.Store.
func (s *Store) Stat(ctx context.Context, name string) (store.Object, error) {
	o := store.Object{Name: name}
	err := s.call(ctx, "stat", name, func(key string) error {
		e, err := s.p.Service.Look(ctx, key)
		o.Size = e.Size
		return err
	})
	if err != nil {
		return store.Object{}, err
	}
	return o, nil
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, name string) error {
	return s.call(ctx, "delete", name, func(key string) error {
		err := s.p.Service.Delete(ctx, key)
		if failed(err) { // some do where there is nothing
			if _, lookErr := s.p.Service.Look(ctx, key); errors.Is(lookErr, store.ErrNotExist) {
				return nil
			}
		}
		if errors.Is(err, store.ErrNotExist) {
			return nil
		}
		return err
	})
}

// List implements store.Store.
func (s *Store) List(ctx context.Context, prefix string, fn func(store.Object) error) error {
	if err := store.CheckPrefix(prefix); err != nil {
		return s.fail(ctx, "list", prefix, err)
	}
	for page := ""; ; {
		entries, next, err := s.p.Service.List(ctx, s.prefix+prefix, page, 0)
		if err != nil {
			return s.fail(ctx, "list", prefix, err)
		}
		for _, e := range entries {
			name, ok := strings.CutPrefix(e.Key, s.prefix)
			if !ok || !strings.HasPrefix(name, prefix) || store.CheckName(name) != nil {
				continue
			}
			if ctx.Err() != nil {
				return s.fail(ctx, "list", prefix, ctx.Err())
			}
			if err := fn(store.Object{Name: name, Size: e.Size}); err != nil {
				return err
			}
		}
		switch next {
		case "":
			return nil
		case page:
			return s.fail(ctx, "list", prefix, fmt.Errorf("%w: the service lists one page again and again", store.ErrUnreachable))
		}
		page = next
	}
}
