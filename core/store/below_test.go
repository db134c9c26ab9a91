package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core/store"
)

func lookFor() store.Look {
	return store.Look{Object: "holdfast.json", MaxBytes: 100, Newest: "snapshots"}
}

// below returns the folders that are told of.
func below(t *testing.T, root string) (found []store.Below) {
	t.Helper()
	f, err := store.OpenFolder(root, store.FolderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read from
	if err := f.LookBelow(t.Context(), lookFor(), func(b store.Below) error {
		found = append(found, b)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return found
}

func plant(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("header"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Names that show as something else are not told of, and no link leads elsewhere.
func TestLookBelowInAHostileFolder(t *testing.T) {
	root, elsewhere := t.TempDir(), t.TempDir()
	plant(t, filepath.Join(elsewhere, "holdfast.json"))
	for _, name := range []string{
		"Holdfast", "Büro – Laptop", "line\nbreak", "escape\x1b[31m", "turned\u202e", "invalid\xff", ".hidden", "~", " blank",
	} {
		plant(t, filepath.Join(root, name, "holdfast.json"))
	}
	for link, to := range map[string]string{"link": elsewhere, "up": "..", "self": "."} {
		if err := os.Symlink(to, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"linked", "folder"} {
		if err := os.Mkdir(filepath.Join(root, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(elsewhere, "holdfast.json"), filepath.Join(root, "linked", "holdfast.json")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, "folder", "holdfast.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, b := range below(t, root) {
		names = append(names, b.Folder)
	}
	slices.Sort(names)
	if want := []string{"Büro – Laptop", "Holdfast"}; !slices.Equal(names, want) {
		t.Errorf("%q", names)
	}
}

// The newest object says when a folder was changed last.
func TestWhenAFolderBelowWasChanged(t *testing.T) {
	root := t.TempDir()
	newest := time.Now().Add(-time.Hour).Truncate(time.Second)
	for i, at := range []time.Time{newest.Add(-time.Hour), newest, newest.Add(-2 * time.Hour)} {
		path := filepath.Join(root, "a", "snapshots", fmt.Sprint(i))
		plant(t, path)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	plant(t, filepath.Join(root, "a", "holdfast.json"))
	if found := below(t, root); len(found) != 1 || !found[0].Changed.Equal(newest) || string(found[0].Data) != "header" {
		t.Errorf("%+v, want %v", found, newest)
	}
}

// Of a place with more folders than are looked into, the one that Holdfast proposes is among them.
func TestLookBelowAmongManyFolders(t *testing.T) {
	root := t.TempDir()
	plant(t, filepath.Join(root, store.FirstBelow, "holdfast.json"))
	for i := range store.MostBelow + 100 {
		if err := os.Mkdir(filepath.Join(root, fmt.Sprint("folder-", i)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if found := below(t, root); len(found) != 1 || found[0].Folder != store.FirstBelow {
		t.Errorf("%+v", found)
	}
}

func TestCheckFolder(t *testing.T) {
	for name, ok := range map[string]bool{
		"Holdfast": true, "a b": true, "Ordner ä (2)": true, "日本": true, strings.Repeat("n", 255): true,
		"": false, ".": false, "..": false, ".x": false, "~": false, "a/b": false, `a\b`: false, "a\x00": false, "a\n": false, "a ": false,
		"a\u202eb": false, "a\u200bb": false, "\xff": false, strings.Repeat("n", 256): false,
	} {
		if err := store.CheckFolder(name); (err == nil) != ok || err != nil && !errors.Is(err, store.ErrInvalidName) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
