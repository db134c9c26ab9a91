package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return store.NewMemory() })
}

func TestFolder(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return openFolder(t, t.TempDir()) })
}

func TestFolderWithoutExclusiveRename(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return store.Without(openFolder(t, t.TempDir()), 1) })
}

func TestFolderWithoutLinks(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return store.Without(openFolder(t, t.TempDir()), 2) })
}

func openFolder(t testing.TB, dir string) *store.Folder {
	t.Helper()
	f, err := store.OpenFolder(dir, store.FolderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func TestErrorNamesWhatWhichAndWhere(t *testing.T) {
	err := fmt.Errorf("outer: %w", &store.Error{Op: "put", Name: "packs/aa/1", Location: "/media/usb", Err: store.ErrNoSpace})
	if got, want := err.Error(), "outer: put packs/aa/1 at /media/usb: no space left"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := (&store.Error{Op: "open", Location: "/x",
		Err: store.ErrUnreachable}).Error(); got != "open at /x: the destination cannot be reached" {
		t.Error(got)
	}
}

func TestPermanentErrors(t *testing.T) {
	for err, want := range map[error]bool{
		nil: false, errors.New("unknown"): false, store.ErrUnreachable: false,
		store.ErrNotExist: true, store.ErrExists: true, store.ErrNoSpace: true, store.ErrPermission: true,
		store.ErrInvalidName: true, store.ErrTooLarge: true, store.ErrClosed: true,
		context.Canceled: true, context.DeadlineExceeded: true,
	} {
		if err != nil {
			err = &store.Error{Op: "put", Err: fmt.Errorf("deep: %w", err)}
		}
		if got := store.IsPermanent(err); got != want {
			t.Errorf("%v: %v", err, got)
		}
	}
}

// Every start of a valid name is a valid prefix.
func TestPrefixesOfNamesAreValid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-z0-9]{1,3}([.-][a-z0-9]{1,3})?(/[a-z0-9-]{1,9}){0,3}`).
			Filter(func(s string) bool { return store.CheckName(s) == nil }).Draw(t, "name")
		for i := range name {
			// A name has no part that ends with a dot, so neither has a prefix
			// that goes on behind it; one that ends there does.
			if err := store.CheckPrefix(name[:i]); err != nil {
				t.Fatalf("%q: %v", name[:i], err)
			}
		}
		if strings.Contains(name, "..") {
			t.Fatalf("%q is valid", name)
		}
	})
}
