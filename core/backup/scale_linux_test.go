package backup

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/source"
	"github.com/holdfast-backup/holdfast/core/store"
)

var (
	scaleDir    = flag.String("scale.dir", "", "folder with the profile, key, dest and src that bench/scale.py has set up")
	scaleChunks = flag.Int("scale.chunks", 10_000, "chunks of file data in the newest backup; two to a file")
)

const (
	scalePerFolder = 200 // files
	scalePerGroup  = 100 // folders
	scaleContent   = 60  // bytes of a chunk; what is measured depends on their number alone
	// scalePack makes some 20 chunks fill a pack, as a megabyte each would.
	scalePack = 40 * (scaleContent + 1 + 16 + 41)
)

// BenchmarkGenerate makes what bench/scale.py measures on: a source of sparse
// files, a repository that holds them, sealed by the real code, with two snapshots, and the change
// cache of the newer one. In every 50th folder the older snapshot has as many files again, which
// are gone: a prune has to move what lies beside them.
func BenchmarkGenerate(b *testing.B) {
	if *scaleDir == "" {
		b.Skip("bench/scale.py runs this: it needs -scale.dir")
	}
	for b.Loop() {
		g := newGenerator(b)
		if err := g.run(*scaleChunks / 2); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(*scaleChunks)/b.Elapsed().Seconds(), "chunks/s")
	}
}

type generator struct {
	b      *testing.B
	owners ownerNames
	src    string
	w      *repo.Writer
	s      *repo.Saver
	cache  *cacheWriter
	random *rand.ChaCha8
}

// hasty stores objects without waiting for the disk.
type hasty struct {
	store.Store
	dir string
}

func (s hasty) Put(_ context.Context, name string, data []byte) error {
	path := filepath.Join(s.dir, name)
	err := os.WriteFile(path, data, 0o600)
	if os.IsNotExist(err) {
		if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			err = os.WriteFile(path, data, 0o600)
		}
	}
	return err
}

func newGenerator(b *testing.B) *generator {
	b.Helper()
	ctx := context.Background()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(*scaleDir, "key"))
	must(err)
	key, err := backupkey.Parse([]byte(strings.TrimSpace(string(text))))
	must(err)
	dest := filepath.Join(*scaleDir, "dest")
	folder, err := store.OpenFolder(dest, store.FolderOptions{})
	must(err)
	r, err := repo.Open(ctx, hasty{folder, dest}, repo.By(key))
	must(err)
	g := &generator{b: b, src: filepath.Join(*scaleDir, "src"), random: rand.NewChaCha8([32]byte{1})}
	g.owners = ownerNames{source.NewNames()}
	g.w, err = r.NewWriter(ctx, scalePack)
	must(err)
	g.s, err = g.w.NewSaver()
	must(err)
	g.cache = newCacheWriter(filepath.Join(*scaleDir, "profile", "cache", r.Facts().Repository[:16], "changes"), &changeCache{})
	return g
}

// pair is a folder as the older and as the newer snapshot hold it.
type pair struct{ older, newer repo.Node }

func (g *generator) run(files int) error {
	defer g.w.Close()
	begin := time.Now()
	folders := (files + scalePerFolder - 1) / scalePerFolder
	for folder := range folders {
		dir := g.folder(folder)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		for i := range min(scalePerFolder, files-folder*scalePerFolder) {
			path := filepath.Join(dir, fmt.Sprintf("file-%03d.txt", i))
			if err := unix.Mknod(path, unix.S_IFREG|0o644, 0); err != nil {
				return &os.PathError{Op: "mknod", Path: path, Err: err}
			}
			if err := os.Truncate(path, 2*scaleContent); err != nil {
				return err
			}
		}
	}
	root, err := g.dir(g.src)
	if err != nil {
		return err
	}
	if err := g.w.Flush(); err != nil {
		return err
	}
	for i, n := range []repo.Node{root.older, root.newer} {
		top := g.s.NewTreeBuilder()
		n.Name, n.Local = filepath.Base(g.src), nil
		if err := top.Add(&n); err != nil {
			return err
		}
		c, err := top.Content()
		if err != nil {
			return err
		}
		if err := g.w.Flush(); err != nil {
			return err
		}
		if _, err := g.w.WriteSnapshot(repo.Snapshot{
			Begin: begin.Add(time.Duration(i-2) * time.Hour), End: begin.Add(time.Duration(i-2) * time.Hour), Host: g.host(), Program: "generated",
			System: "linux",
			Root:   c, Sources: []repo.Source{{Name: n.Name, Path: g.src}}, Files: n.Files, Dirs: int64(folders), Bytes: n.Size,
		}); err != nil {
			return err
		}
	}
	return g.cache.commit()
}

func (g *generator) host() string {
	name, err := os.Hostname()
	if err != nil {
		g.b.Fatal(err)
	}
	return name
}

func (g *generator) folder(n int) string {
	return filepath.Join(g.src, fmt.Sprintf("%04d", n/scalePerGroup), fmt.Sprintf("%02d", n%scalePerGroup))
}

// dir stores a folder of the source.
func (g *generator) dir(path string) (out pair, err error) {
	d, entry, _, err := source.Open(path)
	if err != nil {
		return out, err
	}
	defer d.Close() //nolint:errcheck // only read from
	older, newer := g.s.NewTreeBuilder(), g.s.NewTreeBuilder()
	var cache repo.NodeEncoder
	out.newer = g.owners.node(&entry)
	out.newer.Kind = repo.NodeDir
	out.older = out.newer
	put := func(p pair) error {
		cache.Add(&p.newer)
		for _, x := range []struct {
			in, n *repo.Node
			to    *repo.TreeBuilder
		}{{&out.older, &p.older, older}, {&out.newer, &p.newer, newer}} {
			x.in.Files += x.n.Files
			if x.n.Kind == repo.NodeFile {
				x.in.Files++
			}
			x.in.Size += x.n.Size
			bare := *x.n
			bare.Local = nil
			if err := x.to.Add(&bare); err != nil {
				return err
			}
		}
		return nil
	}
	err = d.Batches(context.Background(), func(entries []source.Entry, _ []source.Problem) error {
		for i := range entries {
			e := &entries[i]
			if e.Kind == source.Folder {
				p, err := g.dir(filepath.Join(path, e.Name))
				if err == nil {
					err = put(p)
				}
				if err != nil {
					return err
				}
				continue
			}
			n := g.owners.node(e)
			if n.Content, err = g.content(); err != nil {
				return err
			}
			if err := put(pair{n, n}); err != nil {
				return err
			}
			if !strings.HasSuffix(path, "/00") && !strings.HasSuffix(path, "/50") {
				continue
			}
			n.Name += ".gone"
			if n.Content, err = g.content(); err != nil {
				return err
			}
			out.older.Files++
			out.older.Size += n.Size
			n.Local = nil
			if err := older.Add(&n); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return out, err
	}
	if out.older.Content, err = older.Content(); err != nil {
		return out, err
	}
	if out.newer.Content, err = newer.Content(); err != nil {
		return out, err
	}
	g.cache.add(path, out.newer.Content, cache.Finish())
	return out, nil
}

// content stores two chunks that are like no others.
func (g *generator) content() (c repo.Content, err error) {
	buf := repo.ChunkBuffer(scaleContent)
	for range 2 {
		if _, err := g.random.Read(buf[1:]); err != nil {
			return c, err
		}
		id, err := g.s.Save(repo.KindData, buf)
		if err != nil {
			return c, err
		}
		c.Extents = append(c.Extents, repo.Extent{Chunk: id, Length: scaleContent})
	}
	return c, nil
}
