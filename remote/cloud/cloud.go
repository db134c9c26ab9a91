// Package cloud keeps objects in a cloud, by rclone's packages. Their settings come from the place alone: no
// environment, no rclone.conf, no file.
package cloud

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/config/configmap"
	"github.com/rclone/rclone/fs/hash"
	"github.com/rclone/rclone/fs/object"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/again"
)

const (
	connections = 8
	// longest is how long one call may take. Silence ends it earlier.
	longest = 30 * time.Minute
	// remembered is how many objects are known without a question.
	remembered = 50_000
)

// Store keeps objects under a prefix of a bucket.
type Store struct {
	fs       fs.Fs
	location string
	fresh    []fs.OpenOption // has the service refuse a name that is taken
	told     func(error) error

	mu    sync.Mutex
	known map[string]fs.Object // as they were listed or looked at
}

// backend is one of rclone's, with its settings.
type backend struct {
	name, root string
	settings   configmap.Simple
	fresh      []fs.OpenOption
	told       func(error) error // turns the service's words into an error of store
}

// Open opens a bucket and a prefix in it; create makes the bucket, if it is not there. Errors: store.ErrSignIn,
// store.ErrUnreachable, store.ErrPermission.
func Open(ctx context.Context, a address.Address, secret address.Secret, create bool) (*Store, error) {
	fail := func(err error) error { return &store.Error{Op: "open", Location: a.String(), Err: err} }
	if a.Kind != address.S3 {
		return nil, fail(fmt.Errorf("%w: %s://", address.ErrUnknown, a.Kind))
	}
	b := s3(a, secret)
	reg, err := fs.Find(b.name)
	if err != nil {
		return nil, fail(err)
	}
	settings := configmap.New()
	settings.AddGetter(b.settings, configmap.PriorityNormal)
	settings.AddGetter(defaults(reg.Options), configmap.PriorityDefault)
	f, err := reg.NewFs(quiet(ctx), "holdfast", b.root, settings)
	if err != nil { // fs.ErrorIsFile too: the root ends with a slash, so it is no file
		return nil, fail(reached(ctx, b.told(err)))
	}
	s := &Store{fs: f, location: a.String(), fresh: b.fresh, told: b.told, known: make(map[string]fs.Object)}
	if err := s.there(quiet(ctx)); err != nil {
		if !errors.Is(err, errGone) || !create {
			return nil, fail(reached(ctx, err))
		}
		if err := f.Mkdir(quiet(ctx), ""); err != nil {
			return nil, fail(reached(ctx, b.told(err)))
		}
	}
	return s, nil
}

// quiet has rclone say nothing, and leave it to the caller to try again.
func quiet(ctx context.Context) context.Context {
	ctx, ci := fs.AddConfig(ctx)
	ci.LogLevel = fs.LogLevelEmergency
	ci.LowLevelRetries = 1
	ci.ConnectTimeout = fs.Duration(30 * time.Second)
	ci.Timeout = fs.Duration(60 * time.Second)
	ci.UserAgent = "Holdfast"
	return ctx
}

// defaults are the options of a backend as rclone has them.
type defaults fs.Options

// Get implements configmap.Getter.
func (d defaults) Get(key string) (string, bool) {
	o := fs.Options(d).Get(key)
	if o == nil {
		return "", false
	}
	plain := fs.Option{Name: o.Name, Default: o.Default}
	return plain.String(), true
}

// errGone: the bucket is not there.
var errGone = fmt.Errorf("%w: there is no such bucket", store.ErrUnreachable)

// reached has an ended context win over what it caused, and takes what nobody knows for a place that cannot be reached.
func reached(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, kind := range []error{
		store.ErrNotExist, store.ErrExists, store.ErrNoSpace, store.ErrPermission, store.ErrUnreachable, store.ErrTooLarge,
		store.ErrSignIn, store.ErrInvalidName, io.ErrUnexpectedEOF,
	} {
		if errors.Is(err, kind) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", store.ErrUnreachable, err)
}

// Properties implements store.Store.
func (s *Store) Properties() store.Properties {
	return store.Properties{Location: s.location, Connections: connections}
}

// Close implements store.Store.
func (s *Store) Close() error { return nil }

// call does one call.
func (s *Store) call(ctx context.Context, op, name string, do func(ctx context.Context) error) error {
	err := ctx.Err()
	if err == nil {
		within, cancel := context.WithTimeout(quiet(ctx), longest)
		defer cancel()
		err = do(within)
	}
	if err != nil {
		return &store.Error{Op: op, Name: name, Location: s.location, Err: reached(ctx, err)}
	}
	return nil
}

// named is call for an object.
func (s *Store) named(ctx context.Context, op, name string, do func(ctx context.Context) error) error {
	return s.call(ctx, op, name, func(ctx context.Context) error {
		if err := store.CheckName(name); err != nil {
			return err
		}
		return do(ctx)
	})
}

// there returns an error when the bucket is gone: then nobody knows what is in it.
func (s *Store) there(ctx context.Context) error {
	_, err := s.fs.List(ctx, ".holdfast-nothing")
	if errors.Is(err, fs.ErrorDirNotFound) {
		return errGone
	}
	if err != nil {
		return s.told(err)
	}
	return nil
}

// look asks for an object.
func (s *Store) look(ctx context.Context, name string) (o fs.Object, err error) {
	err = again.Until(ctx, failed, func(int) error {
		o, err = s.lookOnce(ctx, name)
		return err
	})
	return o, err
}

func (s *Store) lookOnce(ctx context.Context, name string) (fs.Object, error) {
	o, err := s.fs.NewObject(ctx, name)
	switch {
	case errors.Is(err, fs.ErrorObjectNotFound), errors.Is(err, fs.ErrorIsDir), errors.Is(err, fs.ErrorNotAFile):
		s.forget(name)
		if err := s.there(ctx); err != nil {
			return nil, err
		}
		return nil, store.ErrNotExist
	case err != nil:
		return nil, s.told(err)
	case o.Size() == 0: // also: the answer told no size
		if sum, err := o.Hash(ctx, s.fs.Hashes().GetOne()); err != nil || sum != "" && sum != emptyMD5 {
			return nil, fmt.Errorf("%w: the service tells no size", store.ErrUnreachable)
		}
	}
	return o, nil
}

// emptyMD5 is the hash of nothing.
const emptyMD5 = "d41d8cd98f00b204e9800998ecf8427e"

// take returns an object as it is known, for the caller alone until it is remembered again: rclone's objects are not
// for two at once. Where none is known, it asks.
func (s *Store) take(ctx context.Context, name string) (o fs.Object, known bool, err error) {
	s.mu.Lock()
	o, known = s.known[name]
	delete(s.known, name)
	s.mu.Unlock()
	if !known {
		o, err = s.look(ctx, name)
	}
	return o, known, err
}

// remember keeps what is known of an object. The caller does not use it any more.
func (s *Store) remember(o fs.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= remembered {
		clear(s.known)
	}
	s.known[o.Remote()] = o
}

func (s *Store) forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, name)
}

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, name string, data []byte) error {
	return s.named(ctx, "put", name, func(ctx context.Context) error { return s.send(ctx, name, data, s.fresh...) })
}

// Replace implements store.Store.
func (s *Store) Replace(ctx context.Context, name string, data []byte) error {
	return s.named(ctx, "replace", name, func(ctx context.Context) error { return s.send(ctx, name, data) })
}

// send sends an object, and compares what the service has with it. A service that failed may have stored it all the
// same: then a later try finds it, and it is no stranger's.
func (s *Store) send(ctx context.Context, name string, data []byte, options ...fs.OpenOption) error {
	kind := s.fs.Hashes().GetOne()
	sums, err := hash.StreamTypes(bytes.NewReader(data), hash.NewHashSet(kind))
	if err != nil {
		return err
	}
	return again.Until(ctx, failed, func(try int) error {
		s.forget(name)
		// With its hash, the service refuses an object whose end was lost on the way.
		info := object.NewStaticObjectInfo(name, time.Now(), int64(len(data)), true, sums, s.fs)
		_, err := s.fs.Put(ctx, bytes.NewReader(data), info, options...)
		if err == nil {
			return s.compare(ctx, name, int64(len(data)), kind, sums[kind])
		}
		err = s.told(err)
		if errors.Is(err, store.ErrExists) && try > 1 && s.compare(ctx, name, int64(len(data)), kind, sums[kind]) == nil {
			return nil
		}
		return err
	})
}

// errFailed: the service says that it failed, and that the same may work a moment later.
var errFailed = fmt.Errorf("%w: the service failed", store.ErrUnreachable)

func failed(err error) bool { return errors.Is(err, errFailed) }

// compare returns nil if the service has an object of this size and hash.
func (s *Store) compare(ctx context.Context, name string, size int64, kind hash.Type, sum string) error {
	o, err := s.look(ctx, name)
	switch {
	case errors.Is(err, store.ErrNotExist):
		return fmt.Errorf("%w: the service took the object and does not have it", store.ErrUnreachable)
	case err != nil:
		return err
	case o.Size() != size:
		return fmt.Errorf("%w: the service has %d bytes of %d", store.ErrUnreachable, o.Size(), size)
	}
	got, err := o.Hash(ctx, kind)
	if err == nil && got != "" && got != sum { // some objects have none, and the size was compared
		return fmt.Errorf("%w: the service has other bytes than it was sent", store.ErrUnreachable)
	}
	s.remember(o)
	return nil
}

// ReadAt implements store.Store.
func (s *Store) ReadAt(ctx context.Context, name string, p []byte, offset int64) error {
	return s.named(ctx, "read", name, func(ctx context.Context) error {
		o, known, err := s.take(ctx, name)
		if err != nil {
			return err
		}
		err = again.Until(ctx, failed, func(int) error { return s.read(ctx, o, p, offset) })
		if known && err != nil { // it may have been replaced or deleted since
			if o, err = s.look(ctx, name); err == nil {
				err = s.read(ctx, o, p, offset)
			}
		}
		if err == nil {
			s.remember(o)
		}
		return err
	})
}

func (s *Store) read(ctx context.Context, o fs.Object, p []byte, offset int64) error {
	switch {
	case offset < 0 || offset+int64(len(p)) > o.Size():
		return io.ErrUnexpectedEOF
	case len(p) == 0:
		return nil
	}
	body, err := o.Open(ctx, &fs.RangeOption{Start: offset, End: offset + int64(len(p)) - 1})
	if err != nil {
		return s.told(err)
	}
	defer body.Close() //nolint:errcheck // only read from
	if _, err := io.ReadFull(body, p); err != nil {
		// Not wrapped: io.ErrUnexpectedEOF would say that the object is short.
		return fmt.Errorf("%w: the answer was cut off: %s", store.ErrUnreachable, err.Error())
	}
	return nil
}

// Stat implements store.Store.
func (s *Store) Stat(ctx context.Context, name string) (store.Object, error) {
	out := store.Object{Name: name}
	err := s.named(ctx, "stat", name, func(ctx context.Context) error {
		o, err := s.look(ctx, name)
		if err == nil {
			out.Size = o.Size()
			s.remember(o)
		}
		return err
	})
	return out, err
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, name string) error {
	return s.named(ctx, "delete", name, func(ctx context.Context) error {
		o, _, err := s.take(ctx, name)
		if errors.Is(err, store.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return again.Until(ctx, failed, func(int) error {
			if err := o.Remove(ctx); err != nil && !errors.Is(err, fs.ErrorObjectNotFound) {
				return s.told(err)
			}
			return nil
		})
	})
}
