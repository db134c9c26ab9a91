package core_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
)

// A folder that was made only to lead to one file has the rights that it had, and one that is there keeps its own.
func TestAFolderOnTheWayKeepsItsRights(t *testing.T) {
	c := newComputer(t)
	if err := os.MkdirAll(filepath.Join(c.src, "shared", "deep"), 0o755); err != nil {
		t.Fatal(err)
	}
	for dir, mode := range map[string]os.FileMode{"shared": 0o775, "shared/deep": 0o711} {
		if err := os.Chmod(filepath.Join(c.src, dir), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(c.src, "shared", "deep", "file"), []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	c.setup(nil)
	c.backup()
	target := t.TempDir()
	there := filepath.Join(target, "src")
	if err := os.Mkdir(there, 0o750); err != nil {
		t.Fatal(err)
	}
	c.must(func(a *core.App) error {
		r, err := a.Reader(t.Context())
		if err != nil {
			return err
		}
		defer r.Close() //nolint:errcheck // only read from
		_, err = r.Restore(t.Context(), core.RestoreRequest{Snapshot: "latest", Target: target, Paths: []string{"src/shared/deep/file"}}, nil)
		return err
	})
	for dir, want := range map[string]os.FileMode{there: 0o750, there + "/shared": 0o775, there + "/shared/deep": 0o711} {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; it had %v", dir, info.Mode().Perm(), err, want)
		}
	}
}
