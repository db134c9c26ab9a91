package files_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/files"
)

// A list of everything reads the folders of packs when all others are read, finds what is in folders that it did not
// know, and once each what is in those that it knew.
func TestPacksComeLast(t *testing.T) {
	root := t.TempDir()
	write := func(name string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(path.Dir(path.Join(root, name)), 0o700), os.WriteFile(path.Join(root, name), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	var under int
	var read []string
	everything := true // is listed
	tree := files.Tree{
		Root: root, Folders: 8, Last: "packs/", Seen: new(files.Folders), Stat: os.Stat,
		ReadDir: func(_ context.Context, at string) ([]fs.FileInfo, error) {
			name := strings.TrimPrefix(strings.TrimPrefix(at, root), "/")
			mu.Lock()
			read = append(read, name)
			if everything && strings.HasPrefix(name, "packs/") && under > 0 {
				t.Errorf("%s is read beside others", name)
			} else if !strings.HasPrefix(name, "packs/") {
				under++
			}
			mu.Unlock()
			entries, err := os.ReadDir(at)
			var infos []fs.FileInfo
			for _, e := range entries {
				info, ierr := e.Info()
				infos, err = append(infos, info), errors.Join(err, ierr)
			}
			mu.Lock()
			defer mu.Unlock()
			if !strings.HasPrefix(name, "packs/") {
				under--
			}
			return infos, err
		},
		Absent:   func(err error) bool { return errors.Is(err, fs.ErrNotExist) },
		Lost:     func(error) bool { return false },
		There:    func() error { return nil },
		IsObject: func(info fs.FileInfo) bool { return info.Mode().IsRegular() },
	}
	var want []string
	for _, more := range [][]string{{"header", "marks/a", "packs/aa/1", "packs/bb/2"}, {"packs/cc/3", "snapshots/b"}, nil} {
		for _, name := range more {
			write(name)
			want = append(want, name)
		}
		slices.Sort(want)
		read = nil
		found, err := tree.Objects(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		if got := names(found); !slices.Equal(got, want) {
			t.Errorf("found %v, not %v", got, want)
		}
		slices.Sort(read)
		if len(slices.Compact(slices.Clone(read))) != len(read) {
			t.Errorf("a folder is read twice: %v", read)
		}
	}
	if err := os.RemoveAll(path.Join(root, "packs/aa")); err != nil {
		t.Fatal(err)
	}
	everything = false
	found, err := tree.Objects(t.Context(), "packs/")
	if got := names(found); err != nil || !slices.Equal(got, []string{"packs/bb/2", "packs/cc/3"}) {
		t.Errorf("found %v, %v", got, err)
	}
}

func names(found []store.Object) (names []string) {
	for _, o := range found {
		names = append(names, o.Name)
	}
	slices.Sort(names)
	return names
}
