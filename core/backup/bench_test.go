package backup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	chunkers "github.com/PlakarKorp/go-cdc-chunkers"

	"github.com/holdfast-backup/holdfast/core/repo"
)

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b) // documented never to fail
	return b
}

// BenchmarkCut finds FastCDC's boundaries.
func BenchmarkCut(b *testing.B) {
	content, scan := random(32<<20), make([]byte, 2*blockMax)
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		c, err := chunkers.NewChunkerBuffer(cdcName, bytes.NewReader(content), cdcOptions(make([]byte, 32)), scan)
		for err == nil {
			_, err = c.Next()
		}
		if !errors.Is(err, io.EOF) {
			b.Fatal(err)
		}
	}
}

// BenchmarkPageHash is what each page of a database costs that did not change.
func BenchmarkPageHash(b *testing.B) {
	h, page := newPageHasher(make([]byte, 32)), random(pageMin)
	b.SetBytes(pageMin)
	b.ReportAllocs()
	for b.Loop() {
		h.sum(page)
	}
}

// BenchmarkChangeCache writes and reads what is known of 200,000 files in 200 folders.
func BenchmarkChangeCache(b *testing.B) {
	const folders, files = 200, 1000
	path := filepath.Join(b.TempDir(), "changes")
	nodes := make([]repo.Node, files)
	for i := range nodes {
		nodes[i] = repo.Node{
			Kind: repo.NodeFile, Name: fmt.Sprintf("file-%05d", i), Mode: 0o644, MTime: int64(i), Size: 100, Local: random(24),
			Content: repo.Content{Extents: []repo.Extent{{Chunk: repo.ID{byte(i / 100)}, Offset: uint32(i), Length: 100}}},
		}
	}
	write := func() {
		w := newCacheWriter(path, &changeCache{})
		for d := range folders {
			var e repo.NodeEncoder
			for i := range nodes {
				e.Add(&nodes[i])
			}
			w.add(fmt.Sprint("/home/", d), repo.Content{}, e.Finish())
		}
		if err := w.commit(); err != nil {
			b.Fatal(err)
		}
	}
	perFile := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*folders*files), "ns/file")
	}
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			write()
		}
		perFile(b)
	})
	b.Run("read", func(b *testing.B) {
		write()
		b.ReportAllocs()
		for b.Loop() {
			c := openCache(path)
			for d := range folders {
				known := c.dir(fmt.Sprint("/home/", d)).nodes()
				for i := range nodes {
					if known.find(nodes[i].Name) == nil {
						b.Fatal("a file is not known")
					}
				}
			}
			c.close()
		}
		perFile(b)
	})
}

// BenchmarkUnchanged backs up 40,000 files in 2,000 folders that are as they were: what each costs is a look at it and little else.
func BenchmarkUnchanged(b *testing.B) {
	const folders, files = 2000, 20
	t := newBench(b)
	for d := range folders {
		dir := filepath.Join(t.src, fmt.Sprint(d))
		if err := os.Mkdir(dir, 0o755); err != nil {
			b.Fatal(err)
		}
		for i := range files {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), []byte("x"), 0o644); err != nil {
				b.Fatal(err)
			}
		}
	}
	t.run()
	for b.Loop() {
		if t.run(); t.o.Counters.FilesNew.Load()+t.o.Counters.FilesChanged.Load() > 0 {
			b.Fatal("something was read")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*folders*files), "ns/file")
}
