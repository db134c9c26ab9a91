// Package places is how a place for backups is named, opened and asked about. It is the one way for all of core.
//
// A place is a folder on a disk, by its path, or a server or cloud, by its address (package address). Another program
// reaches those (package remote).
package places

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/source"
	"github.com/holdfast-backup/holdfast/core/store"
)

// Opener opens the store at a place. create: make it if it does not exist.
type Opener func(ctx context.Context, place string, create bool) (store.Store, error)

// Places opens places. The zero value knows folders.
type Places struct {
	open Opener
	away *away // nil: there is no program for servers and clouds
}

// By returns Places that are opened in another way.
func By(open Opener) Places { return Places{open: open} }

// ErrUnknown: the name is one of a kind of place that this version does not know.
var ErrUnknown = errors.New("this version does not know this kind of place")

// Open opens the store at a place. create: make it if it does not exist.
// Errors: ErrUnknown, those of store.
func (p Places) Open(ctx context.Context, place string, create bool) (store.Store, error) {
	return p.openAs(ctx, place, create, false)
}

// OpenKnown opens a place that was used before. Some are not asked for anything yet: the first call learns how they are.
// Errors: those of Open.
func (p Places) OpenKnown(ctx context.Context, place string) (store.Store, error) {
	return p.openAs(ctx, place, false, true)
}

func (p Places) openAs(ctx context.Context, place string, create, known bool) (store.Store, error) {
	if p.open != nil {
		return p.open(ctx, place, create)
	}
	if !IsPath(place) {
		if _, err := os.Stat(place); err != nil { // no folder whose name has a colon
			return p.openAway(ctx, place, create, known)
		}
	}
	return OpenFolder(ctx, place, create)
}

// OpenFolder opens a folder on a disk.
func OpenFolder(_ context.Context, place string, create bool) (store.Store, error) {
	path, err := filepath.Abs(place)
	if err != nil {
		return nil, err
	}
	return store.OpenFolder(path, store.FolderOptions{Create: create})
}

// State is how a place is at a moment.
type State struct {
	There  bool  // it can be reached, and lets this computer in
	SignIn bool  // it can be reached, and asks to sign in
	Free   int64 // how much may still be written there, bytes; -1: nobody knows
	Facts  Facts
}

// Facts are what a person may want to know of a place.
type Facts = store.Facts

// State looks how a place is.
func (p Places) State(ctx context.Context, place string) State {
	s, err := p.Open(ctx, place, false)
	if err != nil {
		return State{SignIn: errors.Is(err, store.ErrSignIn), Free: -1}
	}
	defer s.Close() //nolint:errcheck // only asked
	st := State{There: true, Free: -1, Facts: s.Properties().Facts}
	if n, err := store.Free(ctx, s); err == nil {
		st.Free = int64(min(n, 1<<62))
	}
	return st
}

// Free is how much may still be written at a place, bytes. A folder need not exist
// yet. ok is false where nobody knows.
func (p Places) Free(ctx context.Context, place string) (bytes int64, ok bool) {
	if !IsPath(place) {
		st := p.State(ctx, place)
		return st.Free, st.Free >= 0
	}
	place, err := filepath.Abs(place)
	if err != nil {
		return 0, false
	}
	if place, ok = existing(place); !ok {
		return 0, false
	}
	s, err := p.Open(ctx, place, false)
	if err != nil {
		return 0, false
	}
	defer s.Close() //nolint:errcheck // only asked
	n, err := store.Free(ctx, s)
	return int64(min(n, 1<<62)), err == nil
}

// IsPath reports whether a place is a path on this computer.
func IsPath(place string) bool {
	name, _, ok := strings.Cut(place, ":")
	return !ok || len(name) <= 1 || strings.ContainsAny(name, `/\`)
}

// Absolute returns a place by its absolute path, or by its address as it is always written.
func Absolute(place string) (string, error) {
	if !IsPath(place) {
		if a, err := address.Parse(place); err == nil {
			return a.String(), nil
		}
		return place, nil // Open says what is wrong with it
	}
	return filepath.Abs(place)
}

// Title is what people call a place: its path, or what an address says without its settings.
func Title(place string) string {
	if !IsPath(place) {
		if a, err := address.Parse(place); err == nil {
			return a.Title()
		}
	}
	return place
}

// Within reports whether a path is dir or below it, by their names alone. Both are absolute.
func Within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// Holds reports whether a folder holds a path by a link or a mount, as far as that can be seen: the path need not exist yet.
func Holds(dir, path string) bool {
	top, err := os.Stat(dir)
	if err != nil {
		return false
	}
	real, err := filepath.EvalSymlinks(path)
	for err != nil && filepath.Dir(path) != path {
		path = filepath.Dir(path)
		real, err = filepath.EvalSymlinks(path)
	}
	for err == nil {
		if info, err := os.Stat(real); err == nil && os.SameFile(top, info) {
			return true
		}
		if filepath.Dir(real) == real {
			return false
		}
		real = filepath.Dir(real)
	}
	return false
}

// SameDisk reports whether a place, which need not be there yet, is known to be on the disk of one of the sources: if that breaks,
// both are lost.
func SameDisk(sources []string, place string) bool {
	at, ok := existing(filepath.Clean(place))
	if !ok || !filepath.IsAbs(place) {
		return false
	}
	disk := source.Disk(at)
	return disk != "" && slices.ContainsFunc(sources, func(path string) bool { return source.Disk(path) == disk })
}

// existing returns the nearest folder on the way to an absolute path that is there.
func existing(path string) (string, bool) {
	for {
		if st, err := os.Stat(path); err == nil && st.IsDir() {
			return path, true
		}
		parent := filepath.Dir(path)
		if parent == path {
			return "", false
		}
		path = parent
	}
}
