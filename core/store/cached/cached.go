// Package cached keeps copies of the small objects of a far store in a folder of this computer, as they are there: sealed.
// An hourly backup would otherwise fetch all snapshots and indexes again each time.
package cached

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-backup/holdfast/core/store"
)

// Params of New.
type Params struct {
	Store store.Store
	Dir   string // of the copies; made when there is one
	// Prefixes are those of names that are never used for another content, as "snapshots/".
	Prefixes []string
}

// New returns a store that asks the other one for each such object once, and for lists and all else each time. An object
// that is gone from the store may still be read until a list shows that. A store that is near is returned as it is.
func New(p Params) store.Store {
	switch {
	case p.Store == nil:
		panic("cached.New: Store is missing")
	case p.Dir == "":
		panic("cached.New: Dir is missing")
	case !p.Store.Properties().Far:
		return p.Store
	}
	return &cached{Store: p.Store, p: p}
}

type cached struct {
	store.Store
	p Params
}

// Free implements store.Spacer.
func (c *cached) Free(ctx context.Context) (uint64, error) { return store.Free(ctx, c.Store) }

// CleanTemporary implements store.TemporaryCleaner.
func (c *cached) CleanTemporary(ctx context.Context, olderThan time.Duration) (int, error) {
	return store.CleanTemporary(ctx, c.Store, olderThan)
}

// path is where the copy of an object is, "" for one that has none.
func (c *cached) path(name string) string {
	of := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
	if !slices.ContainsFunc(c.p.Prefixes, of) || store.CheckName(name) != nil {
		return ""
	}
	return filepath.Join(c.p.Dir, filepath.FromSlash(name))
}

// ReadWhole implements store.WholeReader.
func (c *cached) ReadWhole(ctx context.Context, name string, maxBytes int64) ([]byte, error) {
	path := c.path(name)
	if path == "" || ctx.Err() != nil {
		return store.ReadAll(ctx, c.Store, name, maxBytes)
	}
	if data, ok := ReadCopy(path); ok && int64(len(data)) <= maxBytes {
		return data, nil
	}
	data, err := store.ReadAll(ctx, c.Store, name, maxBytes)
	if err == nil {
		KeepCopy(path, data)
	}
	return data, err
}

// Put implements store.Store.
func (c *cached) Put(ctx context.Context, name string, data []byte) error {
	err := c.Store.Put(ctx, name, data)
	if path := c.path(name); path != "" && err == nil {
		KeepCopy(path, data)
	}
	return err
}

// Replace implements store.Store.
func (c *cached) Replace(ctx context.Context, name string, data []byte) error {
	c.forget(name)
	return c.Store.Replace(ctx, name, data)
}

// Delete implements store.Store.
func (c *cached) Delete(ctx context.Context, name string) error {
	c.forget(name)
	return c.Store.Delete(ctx, name)
}

// List implements store.Store. It removes copies of objects that are not listed any more.
func (c *cached) List(ctx context.Context, prefix string, fn func(store.Object) error) error {
	old := make(map[string]bool)
	for _, p := range c.p.Prefixes {
		if !strings.HasPrefix(p, prefix) {
			continue // it is not listed whole
		}
		entries, _ := os.ReadDir(filepath.Join(c.p.Dir, filepath.FromSlash(p))) // none where it is not there
		for _, e := range entries {
			old[p+e.Name()] = true
		}
	}
	err := c.Store.List(ctx, prefix, func(o store.Object) error {
		delete(old, o.Name)
		return fn(o)
	})
	if err == nil {
		for name := range old {
			c.forget(name)
		}
	}
	return err
}

// forget removes the copy of an object.
func (c *cached) forget(name string) {
	if path := c.path(name); path != "" {
		_ = os.Remove(path) // one that stays is never read for another content
	}
}

// ReadCopy returns a copy. One that is damaged or cut off has another hash than stands at its end, and is none.
func ReadCopy(path string) (data []byte, ok bool) {
	b, err := os.ReadFile(path)
	n := len(b) - sha256.Size
	if err != nil || n < 0 || sha256.Sum256(b[:n]) != [sha256.Size]byte(b[n:]) {
		return nil, false
	}
	return b[:n:n], true
}

// KeepCopy writes a copy, if that is possible: without one the store is asked again.
func KeepCopy(path string, data []byte) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".copy-*")
	if err != nil {
		return
	}
	sum := sha256.Sum256(data)
	_, err = f.Write(data)
	if err == nil {
		_, err = f.Write(sum[:])
	}
	// It is not synced: what a power loss leaves of it has another hash.
	if end := f.Close(); err == nil && end == nil && os.Rename(f.Name(), path) == nil {
		return
	}
	_ = os.Remove(f.Name()) // a list finds it too
}
