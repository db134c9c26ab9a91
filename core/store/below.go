package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"
)

// Look says what is looked for in the folders one level below a place.
type Look struct {
	Object   string // that a folder must have, in itself
	MaxBytes int64  // of it; a folder with a larger one does not count
	Newest   string // the folder in it whose newest object tells when it was changed last, as "snapshots"
}

// Below is a folder one level below a place, with the object that was looked for.
type Below struct {
	Folder  string    // its name
	Data    []byte    // the object
	Changed time.Time // when the newest object was put, by the place's clock; zero: nobody knows
}

// BelowLooker is a store that looks into the folders one level below its place, which may be places of others.
type BelowLooker interface {
	// LookBelow calls fn for each folder one level below the place that has the object, in no certain order, never twice at
	// the same time. Names that CheckFolder refuses, links and what this person may not read are left out, and all beyond
	// MostBelow folders. fn's error ends it and is returned as it is. After another error, fn may have been called for some.
	LookBelow(ctx context.Context, l Look, fn func(Below) error) error
}

const (
	// MostBelow is how many folders are looked into.
	MostBelow = 1000
	// FirstBelow is the folder that is looked into also where the folders cannot be listed, or not all of them: the one that
	// Holdfast proposes.
	FirstBelow = "Holdfast"
	// maxNewest is how many objects are looked at for the newest.
	maxNewest = 10_000
	// maxFolder is the length of the longest name of a folder, bytes.
	maxFolder = 255
)

// CheckFolder returns nil if a name can be one of a folder that people see, else an error that wraps ErrInvalidName. It
// leads nowhere else, and shows as what it is.
func CheckFolder(name string) error {
	odd := func(r rune) bool { return !unicode.IsPrint(r) || r == '/' || r == '\\' }
	if name == "" || len(name) > maxFolder || name[0] == '.' || name[0] == '~' || !utf8.ValidString(name) ||
		strings.TrimSpace(name) != name || strings.ContainsFunc(name, odd) {
		return fmt.Errorf("%w: a folder", ErrInvalidName)
	}
	return nil
}

// CheckLook returns nil if l can be looked for, else an error that wraps ErrInvalidName.
func CheckLook(l Look) error { return errors.Join(CheckName(l.Object), CheckName(l.Newest)) }

// LookInto is LookBelow for a place whose folders are named by names, which may leave out those beyond MostBelow, and are
// looked into by look, so many at the same time. A folder without the object gives ErrNotExist.
func LookInto(
	ctx context.Context, at int, names func(context.Context) ([]string, error), look func(ctx context.Context, folder string) (Below, error),
	fn func(Below) error,
) error {
	all, listed := names(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	all = slices.DeleteFunc(all, func(name string) bool { return CheckFolder(name) != nil })
	if listed != nil || len(all) > MostBelow {
		all = append([]string{FirstBelow}, slices.DeleteFunc(all, func(name string) bool { return name == FirstBelow })...)
	}
	var mu sync.Mutex
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(max(at, 1))
	for _, folder := range all[:min(len(all), MostBelow)] {
		group.Go(func() error {
			if within.Err() != nil {
				return within.Err()
			}
			b, err := look(within, folder)
			switch {
			case leftOut(err):
				return nil
			case err != nil:
				return err
			}
			b.Folder = folder
			if year := b.Changed.Year(); year < 1980 || year > 9000 { // what disks and servers tell that know no times
				b.Changed = time.Time{}
			}
			mu.Lock()
			defer mu.Unlock()
			return fn(b)
		})
	}
	if err := group.Wait(); err != nil {
		if listed != nil && !errors.Is(err, ctx.Err()) {
			return listed
		}
		return err
	}
	return listed
}

// leftOut reports whether an error means that a folder is not to be told of; also where its object is replaced just now.
func leftOut(err error) bool {
	return errors.Is(err, ErrNotExist) || errors.Is(err, ErrPermission) || errors.Is(err, ErrTooLarge) ||
		errors.Is(err, ErrInvalidName) || errors.Is(err, io.ErrUnexpectedEOF)
}

// LookBelow implements BelowLooker.
func (f *Folder) LookBelow(ctx context.Context, l Look, fn func(Below) error) error {
	if err := f.check(ctx, "look", "", func(string) error { return CheckLook(l) }); err != nil {
		return err
	}
	if !f.alive() {
		return f.fail("look", "", ErrUnreachable)
	}
	var ofCaller error
	err := LookInto(ctx, folderConnections, f.folders,
		func(_ context.Context, folder string) (Below, error) {
			b, err := f.lookInto(folder, l)
			if err != nil {
				return b, wrap(err)
			}
			return b, nil
		},
		func(b Below) error {
			ofCaller = fn(b)
			return ofCaller
		})
	if ofCaller != nil {
		return ofCaller
	}
	return f.fail("look", "", err)
}

// folders are the names of the folders in this one, MostBelow and a few at most. Links are none.
func (f *Folder) folders(ctx context.Context) (names []string, err error) {
	err = inFolder(f.root, ".", func(e fs.DirEntry) error {
		if e.IsDir() && CheckFolder(e.Name()) == nil {
			names = append(names, e.Name())
		}
		if len(names) > MostBelow {
			return fs.SkipAll
		}
		return ctx.Err()
	})
	return names, err
}

// inFolder calls fn for all that a folder holds, without reading all of it first.
func inFolder(root *os.Root, name string, fn func(fs.DirEntry) error) error {
	dir, err := openDir(root, name)
	if err != nil {
		return err
	}
	defer dir.Close() //nolint:errcheck // only read from
	d, err := dir.Open(".")
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // only read from
	for {
		entries, err := d.ReadDir(1000)
		for _, e := range entries {
			if err := fn(e); err != nil {
				if errors.Is(err, fs.SkipAll) {
					return nil
				}
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (f *Folder) lookInto(folder string, l Look) (Below, error) {
	dir, err := openDir(f.root, folder)
	if err != nil {
		return Below{}, err
	}
	defer dir.Close()                                                         //nolint:errcheck // only read from
	if st, err := dir.Lstat(l.Object); err == nil && !st.Mode().IsRegular() { // a link may lead elsewhere
		return Below{}, ErrNotExist
	}
	file, err := openRegular(dir, l.Object)
	if err != nil {
		return Below{}, err
	}
	defer file.Close() //nolint:errcheck // only read from
	data, err := io.ReadAll(io.LimitReader(file, l.MaxBytes+1))
	switch {
	case err != nil:
		return Below{}, err
	case int64(len(data)) > l.MaxBytes:
		return Below{}, ErrTooLarge
	}
	b, n := Below{Data: data}, 0
	// Without it nobody knows when the folder was changed, and that is all.
	_ = inFolder(dir, l.Newest, func(e fs.DirEntry) error {
		if n++; n > maxNewest {
			return fs.SkipAll
		}
		if st, err := e.Info(); err == nil && st.Mode().IsRegular() && st.ModTime().After(b.Changed) {
			b.Changed = st.ModTime()
		}
		return nil
	})
	return b, nil
}
