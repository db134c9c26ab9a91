package sealed

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/store"
)

// Tries is how often an object is stored before a fault counts as one.
const Tries = 3

// Put stores an object, trying again after faults that may pass. An answer
// may be lost after the object was stored, and a proxy may repeat what it has not heard of, so any try may find it there.
func (o *Objects) Put(ctx context.Context, path string, b []byte) error {
	for try := 1; ; try++ {
		err := o.Store.Put(ctx, path, b)
		if errors.Is(err, store.ErrExists) {
			err = Own(ctx, o.Store, path, b, err)
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case try == Tries || store.IsPermanent(err):
			return err
		}
		wait := time.NewTimer(time.Duration(try*try) * 250 * time.Millisecond)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return context.Cause(ctx)
		}
	}
}

// Own returns nil if the object that a Put has met, with the error exists, has these bytes: then it is the caller's own.
func Own(ctx context.Context, s store.Store, path string, b []byte, exists error) error {
	there, err := store.ReadAll(ctx, s, path, int64(len(b)))
	switch {
	case err == nil && bytes.Equal(there, b):
		return nil
	case err == nil || store.IsPermanent(err):
		return exists
	}
	return err // nobody knows; the next try asks again
}

// PutSure stores an object and looks whether it is there: for those on which
// the safety of others' data rests.
func (o *Objects) PutSure(ctx context.Context, path string, b []byte) error {
	if err := o.Put(ctx, path, b); err != nil {
		return err
	}
	return o.sure(ctx, path, len(b))
}

// sure looks whether an object is there that was stored just before.
func (o *Objects) sure(ctx context.Context, path string, size int) error {
	there, err := o.Store.Stat(ctx, path)
	if err == nil && there.Size != int64(size) || errors.Is(err, store.ErrNotExist) {
		err = &LostError{path}
	}
	return err
}

func (o *Objects) isThere(ctx context.Context, path string) (bool, error) {
	switch _, err := o.Store.Stat(ctx, path); {
	case errors.Is(err, store.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	}
	return true, nil
}

// LostError is ErrDamaged: an object was stored and is not there.
type LostError struct{ path string }

func (e *LostError) Error() string {
	return format.ErrDamaged.Error() + ": " + e.path + " was stored and is not there"
}

func (e *LostError) Unwrap() error { return format.ErrDamaged }
