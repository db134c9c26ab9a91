package backup

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// FuzzCache: a cache file that anything may have happened to is used where it
// checks out and is an empty one elsewhere, and never more than that.
func FuzzCache(f *testing.F) {
	path := filepath.Join(f.TempDir(), "changes")
	w, err := newCacheWriter(path)
	if err != nil {
		f.Fatal(err)
	}
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
				for n := (repo.Node{}); nodes.next(&n); {
					if !repo.ValidName(n.Name) {
						t.Fatalf("the name %q was let through", n.Name)
					}
				}
			}
		}
	})
}
