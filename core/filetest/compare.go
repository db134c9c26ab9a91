package filetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core/source"
)

// Tree describes everything below a folder: path → what it is.
func Tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	d, _, isDir, err := source.Open(dir)
	if err != nil || !isDir {
		t.Fatalf("%s: not a folder: %v", dir, err)
	}
	w := &walker{t: t, out: make(map[string]string), links: make(map[uint64]string)}
	w.dir(d, "")
	return w.out
}

type walker struct {
	t     testing.TB
	out   map[string]string
	links map[uint64]string // inode → first path
}

func (w *walker) dir(d *source.Dir, prefix string) {
	w.t.Helper()
	defer d.Close() //nolint:errcheck // only read from
	err := d.Batches(context.Background(), func(entries []source.Entry, problems []source.Problem) error {
		if len(problems) > 0 {
			w.t.Fatalf("%q: %v", prefix, problems)
		}
		for _, e := range entries {
			if e.Kind == source.Socket {
				continue // never restored
			}
			path := prefix + e.Name
			w.out[path] = w.describe(d, e, path)
			if e.Kind == source.Folder {
				sub, err := d.OpenDir(e.Name)
				if err != nil {
					return err
				}
				w.dir(sub, path+"/")
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatalf("%q: %v", prefix, err)
	}
}

func (w *walker) describe(d *source.Dir, e source.Entry, path string) string {
	var b strings.Builder
	xattrs, err := d.Xattrs(e.Name)
	if err != nil {
		w.t.Fatal(err)
	}
	fmt.Fprintf(&b, "kind %d mode %o owner %d:%d time %d.%09d xattrs %q rdev %d", e.Kind, e.Mode, e.UID, e.GID, e.MTime.Sec, e.MTime.Nsec,
		xattrs, e.Rdev)
	if e.Links > 1 && e.Kind != source.Folder {
		if w.links[e.Inode] == "" {
			w.links[e.Inode] = path
		}
		fmt.Fprintf(&b, " same as %q", w.links[e.Inode])
	}
	switch e.Kind {
	case source.Symlink:
		target, err := d.ReadLink(e.Name)
		if err != nil {
			w.t.Fatal(err)
		}
		fmt.Fprintf(&b, " to %q", target)
	case source.File:
		fmt.Fprintf(&b, " size %d content %x", e.Size, w.content(d, e))
	}
	return b.String()
}

// content hashes the data with its place, so that holes cost nothing; zeros
// that are stored and holes are the same content.
func (w *walker) content(d *source.Dir, e source.Entry) []byte {
	f, _, err := d.OpenFile(e)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read from
	h := sha256.New()
	buf := make([]byte, 64<<10)
	zero := make([]byte, 64<<10)
	for at := int64(0); at < e.Size; {
		start, _, err := f.NextData(at)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			w.t.Fatal(err)
		}
		at = start - start%int64(len(buf)) // blocks stand at fixed places, whatever is a hole
		n, err := f.ReadAt(buf, at)
		if err != nil && !errors.Is(err, io.EOF) {
			w.t.Fatal(err)
		}
		if string(buf[:n]) != string(zero[:n]) {
			_, _ = fmt.Fprintf(h, "%d:", at) // a hash never fails
			_, _ = h.Write(buf[:n])
		}
		at += int64(len(buf))
	}
	return h.Sum(nil)[:8]
}

// Equal fails the test with each path at which two folders differ.
func Equal(t testing.TB, want, got string) {
	t.Helper()
	EqualTrees(t, Tree(t, want), Tree(t, got))
}

// EqualTrees compares what Tree returned.
func EqualTrees(t testing.TB, want, got map[string]string) {
	t.Helper()
	bad := 0
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if got[path] != want[path] {
			bad++
			if bad <= 10 {
				t.Errorf("%.80q:\n want %s\n  got %s", path, want[path], got[path])
			}
		}
	}
	for path := range got {
		if _, ok := want[path]; !ok {
			t.Errorf("%.80q was not there before", path)
		}
	}
	if bad > 10 {
		t.Errorf("%d paths differ", bad)
	}
}
