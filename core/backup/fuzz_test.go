package backup

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/store"
)

// FuzzCache: a cache file that anything may have happened to is used where it
// checks out and is an empty one elsewhere, and never more than that.
func FuzzCache(f *testing.F) {
	path := filepath.Join(f.TempDir(), "changes")
	w := newCacheWriter(path, &changeCache{})
	c := repo.Content{Extents: []repo.Extent{{Chunk: repo.ID{1}, Length: 9}}}
	var e repo.NodeEncoder
	e.Add(&repo.Node{Kind: repo.NodeFile, Name: "x", Size: 9, Content: c, Local: []byte{1, 2}})
	w.add("/home/a", c, e.Finish())
	w.add("/home/b", c, e.Finish())
	if err := w.commit(); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte(cacheMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "changes")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		c := openCache(path)
		defer c.close()
		for _, dir := range []string{"/home/a", "/home/b", "/elsewhere"} {
			if d := c.dir(dir); d != nil {
				nodes := d.nodes()
				for n := nodes.number(0); n != nil; n = nodes.number(nodes.at + 1) {
					if !repo.ValidName(n.Name) {
						t.Fatalf("the name %q was let through", n.Name)
					}
				}
			}
		}
	})
}

// Whatever is in a page cache, it is used or counts for nothing.
func FuzzPageCache(f *testing.F) {
	r, err := repo.Create(f.Context(), store.NewMemory(), nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	dir := f.TempDir()
	path := filepath.Join(dir, "seed")
	w, err := newPageWriter(path, "/somewhere/chat.db", make([]byte, 32), pageMin)
	if err != nil {
		f.Fatal(err)
	}
	w.add([]repo.Extent{{Length: 3 * pageMin}}, make([]pageHash, 3))
	if err := w.commit(); err != nil {
		f.Fatal(err)
	}
	seed, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "pages")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, _ = pagesOf(path)
		c := openPageCache(path, r)
		if c == nil {
			return
		}
		defer c.close()
		for n := range c.regions() {
			for _, p := range c.region(n) {
				if _, ok := c.usable(p.chunk); ok {
					t.Error("a page in a chunk that the repository does not have")
				}
			}
		}
	})
}
