//go:build unix

package privatefile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
)

// A secret is never in a file that others may open: not in one that was there
// before, not in one that somebody watches for, whatever the umask.
func TestNobodyElseEverReads(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	dir := t.TempDir()
	path := filepath.Join(dir, "kit.pdf")
	if err := os.WriteFile(path, []byte("what the dialog made"), 0o666); err != nil {
		t.Fatal(err)
	}
	watcher, err := os.Open(path) // before the secret is there
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Close() //nolint:errcheck // a test's
	var stop atomic.Bool
	found := make(chan string, 1)
	go func() {
		defer close(found)
		for !stop.Load() {
			entries, _ := os.ReadDir(dir) // it changes meanwhile
			for _, e := range entries {
				// of one file both its rights and what is in it: the name may be another's a moment later
				f, err := os.Open(filepath.Join(dir, e.Name()))
				if err != nil {
					continue
				}
				info, err := f.Stat()
				b, readErr := io.ReadAll(f)
				if errors.Join(err, readErr, f.Close()) == nil && info.Mode().Perm()&0o077 != 0 && string(b) == "secret" {
					found <- e.Name()
					return
				}
			}
		}
	}()
	for range 200 {
		if err := Replace(path, []byte("secret")); err != nil {
			t.Fatal(err)
		}
	}
	fresh := filepath.Join(dir, "key")
	if err := Create(fresh, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	stop.Store(true)
	if name, ok := <-found; ok {
		t.Errorf("%s was readable", name)
	}
	b := make([]byte, 100)
	if n, _ := watcher.Read(b); string(b[:n]) != "what the dialog made" {
		t.Errorf("who had the old file open reads %q", b[:n])
	}
	for _, p := range []string{path, fresh} {
		b, err := os.ReadFile(p)
		info, statErr := os.Stat(p)
		if err != nil || statErr != nil || string(b) != "secret" || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %q %v %v", p, b, info, err)
		}
	}
	if err := Create(fresh, []byte("other")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a file: %v", err)
	}
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := Create(filepath.Join(dir, "link"), []byte("other")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a link: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 3 {
		t.Errorf("left behind: %v %v", entries, err)
	}
}
