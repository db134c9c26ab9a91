package repo

import (
	"context"
	"errors"
	"time"

	"github.com/holdfast-backup/holdfast/core/store"
)

// put stores an object, trying again after faults that may pass. An answer
// may be lost after the object was stored, so a second try may find it there.
func (eng *Engine) put(ctx context.Context, path string, b []byte) error {
	for try := 1; ; try++ {
		err := eng.Store.Put(ctx, path, b)
		if errors.Is(err, store.ErrExists) && try > 1 {
			if o, statErr := eng.Store.Stat(ctx, path); statErr == nil && o.Size == int64(len(b)) {
				err = nil
			}
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case try == putTries || store.IsPermanent(err):
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

// putSure stores an object and looks whether it is there: for those on which
// the safety of others' data rests.
func (eng *Engine) putSure(ctx context.Context, path string, b []byte) error {
	if err := eng.put(ctx, path, b); err != nil {
		return err
	}
	o, err := eng.Store.Stat(ctx, path)
	if err == nil && o.Size != int64(len(b)) || errors.Is(err, store.ErrNotExist) {
		err = &lostError{path}
	}
	return err
}

// lostError is ErrDamaged: an object was stored and is not there.
type lostError struct{ path string }

func (e *lostError) Error() string {
	return ErrDamaged.Error() + ": " + e.path + " was stored and is not there"
}

func (e *lostError) Unwrap() error { return ErrDamaged }
