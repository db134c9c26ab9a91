package repotest

import (
	"context"
	"maps"
	"testing"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/store"
)

// Objects is a repository as a map, quick to copy with one object changed.
type Objects map[string][]byte

// Dump returns all objects of a place.
func Dump(t testing.TB, s store.Store) Objects {
	t.Helper()
	ctx := context.Background()
	out := make(Objects)
	if err := s.List(ctx, "", func(o store.Object) error {
		b, err := store.ReadAll(ctx, s, o.Name, format.MaxPack)
		out[o.Name] = b
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// Store returns a place with the objects.
func (o Objects) Store(t testing.TB) store.Store {
	t.Helper()
	m := store.NewMemory()
	for name, b := range o {
		if err := m.Put(context.Background(), name, b); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// With returns the objects with one of them changed; nil removes it.
func (o Objects) With(name string, b []byte) Objects {
	c := maps.Clone(o)
	if b == nil {
		delete(c, name)
	} else {
		c[name] = b
	}
	return c
}

// Copy puts all objects of one place into another.
func Copy(t *testing.T, from, to *store.Memory) {
	t.Helper()
	ctx := context.Background()
	err := from.List(ctx, "", func(o store.Object) error {
		b, err := store.ReadAll(ctx, from, o.Name, o.Size)
		if err != nil {
			return err
		}
		return to.Put(ctx, o.Name, b)
	})
	if err != nil {
		t.Fatal(err)
	}
}
