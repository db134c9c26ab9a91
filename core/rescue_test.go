package core_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/filetest"
)

// TestTheDocumentedFormatIsEnough restores with docs/rescue/restore.py, which
// was written from docs/format.md in another language and shares no code.
func TestTheDocumentedFormatIsEnough(t *testing.T) {
	script, err := filepath.Abs("../docs/rescue/restore.py")
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]*backupkey.Key{"plain": nil, "encrypted": newKey(t)} {
		t.Run(name, func(t *testing.T) {
			c := newComputer(t)
			filetest.Hard(t, c.src)
			c.setup(key)
			c.backup()
			out := filepath.Join(t.TempDir(), "out")
			cmd := exec.Command("/usr/bin/python3", script, c.dest, out)
			if key != nil {
				cmd.Stdin = bytes.NewReader(key.Text())
			}
			if b, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s (it needs Debian's python3-cryptography and python3-zstandard)", err, b)
			}
			seen := 0
			err := filepath.WalkDir(c.src, func(path string, d fs.DirEntry, err error) error {
				if err != nil {
					return err
				}
				rel, err := filepath.Rel(c.src, path)
				if err != nil {
					return err
				}
				if len(path) > 2000 {
					return fs.SkipDir // deeper than one call can name; TestEverythingComesBack compares it
				}
				seen++
				return sameBasics(t, path, filepath.Join(out, "src", rel))
			})
			if err != nil {
				t.Error(err)
			}
			if seen < 20 {
				t.Errorf("only %d entries compared", seen)
			}
		})
	}
}

// sameBasics compares what the script promises: bytes, permissions, times, link targets.
func sameBasics(t *testing.T, path, copied string) error {
	t.Helper()
	want, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if want.Mode()&(fs.ModeNamedPipe|fs.ModeSocket|fs.ModeDevice) != 0 {
		return nil
	}
	got, err := os.Lstat(copied)
	if err != nil {
		return err
	}
	if got.Mode().Type() != want.Mode().Type() || !got.ModTime().Equal(want.ModTime()) ||
		want.Mode().Type() == 0 && (got.Size() != want.Size() || got.Mode().Perm() != want.Mode().Perm()) {
		t.Errorf("%q: %v %v %d, want %v %v %d", path, got.Mode(), got.ModTime(), got.Size(), want.Mode(), want.ModTime(), want.Size())
	}
	switch {
	case want.Mode()&fs.ModeSymlink != 0:
		a, errA := os.Readlink(path)
		b, errB := os.Readlink(copied)
		if errA != nil || errB != nil || a != b {
			t.Errorf("%q leads to %q, want %q", path, b, a)
		}
	case want.Mode().IsRegular() && want.Size() < 64<<20:
		a, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(copied)
		if err != nil {
			return err
		}
		if !bytes.Equal(a, b) {
			t.Errorf("%q came back with other bytes", path)
		}
	}
	return nil
}
