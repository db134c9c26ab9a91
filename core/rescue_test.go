package core_test

import (
	"bytes"
	"context"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/filetest"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/store"
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

// TestTheRescueBelievesNoMoreThanTheApp plays the attacks that the app withstands against the script.
func TestTheRescueBelievesNoMoreThanTheApp(t *testing.T) {
	script, err := filepath.Abs("../docs/rescue/restore.py")
	if err != nil {
		t.Fatal(err)
	}
	rescue := func(dest string, key *backupkey.Key) (out, said string, err error) {
		out = filepath.Join(t.TempDir(), "out")
		cmd := exec.Command("/usr/bin/python3", script, dest, out)
		cmd.Stdin = bytes.NewReader(key.Text())
		b, err := cmd.CombinedOutput()
		return out, string(b), err
	}
	ctx := context.Background()
	c, old := newComputer(t), newKey(t)
	filetest.Write(t, filepath.Join(c.src, "a.txt"), []byte("the person wrote this"))
	c.setup(old)
	c.backup()
	cl := newCloud(t, rand.New(rand.NewPCG(1, 1)))
	cl.keep("holdfast.json", read(t, c.dest, "holdfast.json"))
	cl.keep("keyring-1", read(t, c.dest, "keyring-1"))
	key := newKey(t)
	c.must(func(a *core.App) error { return a.Encryption().ChangeKey(ctx, key, nil) })
	cl.given(old)
	if len(cl.public) != 1 {
		t.Fatalf("the thief has %d epochs", len(cl.public))
	}
	folder, err := places.OpenFolder(ctx, c.dest, false)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close() //nolint:errcheck // nothing is buffered
	m := store.NewMemory()
	for epoch := range cl.public {
		cl.forgeBackup(m, epoch)
	}
	for name, b := range contents(t, m) {
		if err := folder.Put(ctx, name, b); err != nil {
			t.Fatal(err)
		}
	}
	out, said, err := rescue(c.dest, key)
	if err != nil || !strings.Contains(said, "left out") {
		t.Errorf("with a backup planted by the old key: %v: %s", err, said)
	}
	if b := read(t, out, "src/a.txt"); string(b) != "the person wrote this" {
		t.Errorf("it restored %q", b)
	}
	claimUnencrypted(t, c.dest, [32]byte{1})
	if _, said, err := rescue(c.dest, key); err == nil || !strings.Contains(said, "not encrypted") {
		t.Errorf("a key and a place that claims to have no encryption: %v: %s", err, said)
	}
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
