package filetest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Copy makes a folder as another is while somebody may write to it: what a power cut would leave. What goes while it is copied, as a
// temporary file that gets its name, is not in the copy. A name that must be there with what came with it takes writers that hold still.
func Copy(t testing.TB, from, to string) {
	t.Helper()
	gone := func(err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if path == from {
				return err
			}
			return gone(err)
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return gone(err)
		}
		out := filepath.Join(to, rel)
		switch {
		case d.IsDir():
			return os.MkdirAll(out, info.Mode().Perm()|0o700)
		case !d.Type().IsRegular():
			return nil // sockets and locks belong to a running process
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return gone(err)
		}
		return os.WriteFile(out, b, info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
}
