package core_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/filetest"
)

// TestNothingIsWrittenOutsideTheTarget plants symlinks in the target folder,
// in the way of folders, files, links and special files, whichever choice
// about existing files is made.
func TestNothingIsWrittenOutsideTheTarget(t *testing.T) {
	ctx := context.Background()
	c := newComputer(t)
	for _, name := range []string{"dir/file.txt", "dir/sub/file.txt", "file.txt", "twin-a"} {
		filetest.Write(t, filepath.Join(c.src, name), []byte("from the backup"))
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Symlink("file.txt", filepath.Join(c.src, "link")))
	must(os.Link(filepath.Join(c.src, "twin-a"), filepath.Join(c.src, "twin-b")))
	key := newKey(t)
	c.setup(key)
	c.backup()
	for _, conflict := range []core.Conflict{core.ConflictKeep, core.ConflictOverwrite, core.ConflictRename} {
		outside, target := t.TempDir(), t.TempDir()
		for _, name := range []string{"file.txt", "sub/file.txt", "victim"} {
			filetest.Write(t, filepath.Join(outside, name), []byte("mine"))
		}
		must(os.MkdirAll(filepath.Join(target, "src"), 0o755))
		plant := func(to, name string) { must(os.Symlink(to, filepath.Join(target, "src", name))) }
		plant(outside, "dir")
		for _, name := range []string{"file.txt", "link", "twin-a", "twin-b"} {
			plant(filepath.Join(outside, "victim"), name)
		}
		before := filetest.Tree(t, outside)
		r, err := elsewhere.OpenReader(ctx, c.dest, key)
		must(err)
		report, err := r.Restore(ctx, core.RestoreRequest{Snapshot: "latest", Target: target, Conflict: conflict}, nil)
		must(err)
		must(r.Close())
		filetest.EqualTrees(t, before, filetest.Tree(t, outside))
		got := filetest.Tree(t, target)
		if _, beside := got["src/dir (restored)/sub/file.txt"]; beside != (conflict == core.ConflictRename) || !beside && report.Errors == 0 {
			t.Errorf("%s: a link in the way of a folder was neither reported nor gone round: %v", conflict, got)
		}
		if _, beside := got["src/file (restored).txt"]; beside != (conflict == core.ConflictRename) {
			t.Errorf("%s: %v", conflict, got)
		}
		if info, err := os.Lstat(filepath.Join(target, "src/twin-b")); err != nil ||
			info.Mode().IsRegular() != (conflict == core.ConflictOverwrite) {
			t.Errorf("%s: twin-b is %v, %v", conflict, info.Mode(), err)
		}
	}
}

// TestTargetsThatCannotBeUsed: each has its own error, and nothing is made.
func TestTargetsThatCannotBeUsed(t *testing.T) {
	ctx := context.Background()
	c := newComputer(t)
	filetest.Write(t, filepath.Join(c.src, "f.txt"), []byte("x"))
	c.setup(nil)
	c.backup()
	file := filepath.Join(t.TempDir(), "a file")
	filetest.Write(t, file, []byte("mine"))
	c.must(func(a *core.App) error {
		r, err := a.Reader(ctx)
		if err != nil {
			return err
		}
		defer r.Close() //nolint:errcheck // only read from
		for target, want := range map[string]error{"": core.ErrInvalid, file: core.ErrTarget, filepath.Join(file, "below"): core.ErrTarget} {
			if _, err := r.Restore(ctx, core.RestoreRequest{Snapshot: "latest", Target: target}, nil); !errors.Is(err, want) {
				t.Errorf("%q: %v, want %v", target, err, want)
			}
		}
		if run := a.Activity()[0]; run.Kind != core.RunRestore || run.Outcome != core.OutcomeFailed {
			t.Errorf("history: %+v", run)
		}
		return nil
	})
}
