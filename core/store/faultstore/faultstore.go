package faultstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/holdfast-backup/holdfast/core/store"
)

// Store is a store whose calls go wrong as a script says.
type Store struct {
	inner   store.Store
	script  *Script
	crashed atomic.Bool
	writes  atomic.Int64
	bytes   atomic.Int64
}

// New wraps inner. A nil script has no faults. Close closes inner.
func New(inner store.Store, script *Script) *Store {
	if script == nil {
		script = NewScript()
	}
	return &Store{inner: inner, script: script}
}

// Crashed reports whether a crash was hit.
func (s *Store) Crashed() bool { return s.crashed.Load() }

// Writes is how many calls of Put, Replace and Delete came so far.
func (s *Store) Writes() int { return int(s.writes.Load()) }

// BytesWritten is how many bytes were given to Put and Replace so far.
func (s *Store) BytesWritten() int64 { return s.bytes.Load() }

// call runs one operation through the script. do is the operation itself; odd
// does the kinds of faults that are the operation's own, and reports whether it did.
func (s *Store) call(ctx context.Context, op Op, name string, size int, do func() error, odd func(f *Fault) (error, bool)) error {
	switch op {
	case Put, Replace, Delete:
		s.writes.Add(1)
		s.bytes.Add(int64(size))
	}
	if s.Crashed() {
		return s.fail(op, name, ErrCrashed)
	}
	f := s.script.next(op, name, size)
	if f == nil {
		return s.unlessCrashed(op, name, do())
	}
	if f.Before != nil {
		if err := f.Before(ctx); err != nil {
			return s.fail(op, name, err)
		}
	}
	switch f.Kind {
	case Fail:
		return s.fail(op, name, f.err())
	case Delay:
		return s.unlessCrashed(op, name, do())
	case LostAnswer:
		if err := do(); err != nil {
			return err
		}
		return s.fail(op, name, f.err())
	case Crash:
		s.crashed.Store(true)
		return s.fail(op, name, ErrCrashed)
	case CrashAfter:
		err := do()
		s.crashed.Store(true)
		return s.fail(op, name, errors.Join(ErrCrashed, err))
	}
	if odd != nil {
		if err, ok := odd(f); ok {
			return err
		}
	}
	panic(fmt.Sprintf("faultstore: %v makes no sense", f))
}

// unlessCrashed turns an answer that comes after a crash into the crash: the
// process that waits for it is dead.
func (s *Store) unlessCrashed(op Op, name string, err error) error {
	if s.Crashed() {
		return s.fail(op, name, ErrCrashed)
	}
	return err
}

func (s *Store) fail(op Op, name string, err error) error {
	return &store.Error{Op: string(op), Name: name, Location: s.Properties().Location, Err: err}
}

// write is a call that changes something; half stores half of it.
func (s *Store) write(ctx context.Context, op Op, name string, size int, do, half func() error) error {
	return s.call(ctx, op, name, size, do, func(f *Fault) (error, bool) {
		switch f.Kind {
		case LostWrite:
			return nil, true
		case RepeatedWrite:
			err := do()
			_ = do() // what a repeated request is told reaches no one
			return err, true
		case SecondAnswer:
			_ = do() // the first answer was lost
			return do(), true
		case PartialWrite:
			if half == nil {
				return nil, false
			}
			if err := half(); err != nil {
				return err, true
			}
			return s.fail(op, name, f.err()), true
		}
		return nil, false
	})
}

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, name string, data []byte) error {
	return s.write(ctx, Put, name, len(data),
		func() error { return s.inner.Put(ctx, name, data) },
		func() error { return s.inner.Put(ctx, name, data[:len(data)/2]) })
}

// Replace implements store.Store.
func (s *Store) Replace(ctx context.Context, name string, data []byte) error {
	return s.write(ctx, Replace, name, len(data),
		func() error { return s.inner.Replace(ctx, name, data) },
		func() error { return s.inner.Replace(ctx, name, data[:len(data)/2]) })
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, name string) error {
	return s.write(ctx, Delete, name, 0, func() error { return s.inner.Delete(ctx, name) }, nil)
}

// ReadAt implements store.Store.
func (s *Store) ReadAt(ctx context.Context, name string, p []byte, offset int64) error {
	do := func() error { return s.inner.ReadAt(ctx, name, p, offset) }
	return s.call(ctx, ReadAt, name, 0, do, func(f *Fault) (error, bool) {
		switch f.Kind {
		case FlipBit:
			err := do()
			if err == nil && len(p) > 0 {
				p[len(p)/2] ^= 1 << (len(p) % 8)
			}
			return err, true
		case ShortRead:
			p = p[:len(p)/2]
			if err := do(); err != nil {
				return err, true
			}
			return s.fail(ReadAt, name, io.ErrUnexpectedEOF), true
		}
		return nil, false
	})
}

// Stat implements store.Store.
func (s *Store) Stat(ctx context.Context, name string) (o store.Object, err error) {
	err = s.call(ctx, Stat, name, 0, func() (err error) {
		o, err = s.inner.Stat(ctx, name)
		return err
	}, nil)
	if err != nil {
		return store.Object{}, err
	}
	return o, nil
}

// List implements store.Store.
func (s *Store) List(ctx context.Context, prefix string, fn func(store.Object) error) error {
	do := func() error { return s.inner.List(ctx, prefix, fn) }
	return s.call(ctx, List, prefix, 0, do, func(f *Fault) (error, bool) {
		if f.Kind != ShortRead {
			return nil, false
		}
		var all []store.Object
		if err := s.inner.List(ctx, prefix, func(o store.Object) error { all = append(all, o); return nil }); err != nil {
			return err, true
		}
		for _, o := range all[:len(all)/2] {
			if err := fn(o); err != nil {
				return err, true
			}
		}
		return s.fail(List, prefix, io.ErrUnexpectedEOF), true
	})
}

// Properties implements store.Store: those of the store beneath.
func (s *Store) Properties() store.Properties { return s.inner.Properties() }

// Close implements store.Store. It closes the store beneath, after a crash too.
func (s *Store) Close() error { return s.inner.Close() }
