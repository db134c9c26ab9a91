package files

import (
	"context"
	"fmt"
	"io"
	"path"
	"time"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/stall"
)

// mostAnswers is how much a server may say when it is asked for the folders one level below, bytes: some hundred thousand
// names.
const mostAnswers = 32 << 20

// File is a file that is read.
type File interface {
	io.ReaderAt
	io.Closer
}

// Below is store.BelowLooker's LookBelow by a call that returns all that was found, beside an error too.
func Below(call func() ([]store.Below, error), fn func(store.Below) error) error {
	found, err := call()
	for _, b := range found {
		if err := fn(b); err != nil {
			return err
		}
	}
	return err
}

// mostFound is how many bytes of objects are kept at once.
const mostFound = 16 << 20

// LookBelow looks into the folders one level below, by a connection of its own. Links are no folders.
func (t Tree) LookBelow(ctx context.Context, line *Line, l store.Look) (found []store.Below, err error) {
	if err := store.CheckLook(l); err != nil {
		return nil, err
	}
	defer line.Wire.AtMost(mostAnswers)()
	names := func(ctx context.Context) (names []string, err error) {
		entries, err := t.ReadDir(ctx, t.Root)
		if t.Absent(err) {
			return nil, t.There()
		}
		for _, e := range entries {
			if e.IsDir() {
				names = append(names, e.Name())
			}
		}
		return names, err
	}
	size := 0
	err = store.LookInto(ctx, t.Folders, names, func(ctx context.Context, folder string) (store.Below, error) {
		b, err := t.lookInto(ctx, path.Join(t.Root, folder), l)
		if err != nil && !t.Lost(err) { // whatever it is, it is of this folder
			err = fmt.Errorf("%w: %w", store.ErrNotExist, err)
		}
		return b, err
	}, func(b store.Below) error {
		if size += len(b.Data); size > mostFound {
			return fmt.Errorf("%w: %w", store.ErrUnreachable, stall.ErrTooMuch)
		}
		found = append(found, b)
		return nil
	})
	return found, err
}

func (t Tree) lookInto(ctx context.Context, folder string, l store.Look) (store.Below, error) {
	at := path.Join(folder, l.Object)
	info, err := t.Lstat(at)
	switch {
	case err != nil:
		return store.Below{}, err
	case !t.IsObject(info) || info.IsDir():
		return store.Below{}, store.ErrNotExist
	case info.Size() > l.MaxBytes:
		return store.Below{}, store.ErrTooLarge
	}
	f, err := t.Open(at)
	if err != nil {
		return store.Below{}, err
	}
	defer f.Close() //nolint:errcheck // only read from
	data := make([]byte, info.Size())
	if n, err := f.ReadAt(data, 0); n < len(data) {
		return store.Below{}, fmt.Errorf("%w: %w", store.ErrNotExist, err) // it is replaced just now, or what it is nobody knows
	}
	entries, err := t.ReadDir(ctx, path.Join(folder, l.Newest))
	if err != nil && t.Lost(err) {
		return store.Below{}, err
	}
	var newest time.Time // none where it cannot be read
	for _, e := range entries {
		if t.IsObject(e) && !e.IsDir() && e.ModTime().After(newest) {
			newest = e.ModTime()
		}
	}
	return store.Below{Data: data, Changed: newest}, nil
}
