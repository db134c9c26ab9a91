package engine

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/sealed"
	"github.com/holdfast-backup/holdfast/core/store"
)

// The stages of a backup and of a restore, one by one. `make bench-micro` compares them with
// bench/baseline.txt; a new stage gets its benchmark here or in core/backup.

// prose is text that compresses as chats do, about to a half.
func prose(n int) []byte {
	b := make([]byte, 0, n+100)
	for i := 0; len(b) < n; i++ {
		b = fmt.Appendf(b, "%d|message %x from +%d at %d\n", i, noise(uint64(i), 12), i%977, 1_700_000_000+i*61)
	}
	return b[:n]
}

// noise returns reproducible bytes that do not compress.
func noise(seed uint64, n int) []byte {
	var s [32]byte
	s[0], s[1] = byte(seed), byte(seed>>8)
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(s).Read(b)
	return b
}

// newEngine returns an engine at a place where nothing is.
func newEngine(s store.Store) *Engine {
	id := format.RepositoryID(format.NewSecret())
	e := format.NewEpoch(id, format.NewSecret(), 0)
	h := &format.Header{Format: format.HeaderFormat, Version: format.HeaderVersion, Repository: hex.EncodeToString(id[:]), Guard: e.Public()}
	return New(sealed.New(s, h, nil, []*format.Epoch{e}))
}

func benchWriter(b *testing.B) (*Engine, *Writer, *Saver) {
	b.Helper()
	eng := newEngine(store.NewMemory())
	w, err := eng.NewWriter(context.Background(), 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(w.Close)
	s, err := w.NewSaver()
	if err != nil {
		b.Fatal(err)
	}
	return eng, w, s
}

func BenchmarkCompress(b *testing.B) {
	_, _, s := benchWriter(b)
	for name, content := range map[string][]byte{"prose": prose(384 << 10), "noise": noise(1, 2<<20)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(content)))
			b.ReportAllocs()
			for b.Loop() {
				s.compress(content)
			}
		})
	}
}

// forgetful takes objects and keeps none, so that what is measured is the way to it.
type forgetful struct{ *store.Memory }

func (forgetful) Put(context.Context, string, []byte) error { return nil }

// BenchmarkSave is the whole way of a chunk into a pack: id, look-up, zstd, seal, pack. Each is new.
func BenchmarkSave(b *testing.B) {
	for name, content := range map[string][]byte{"prose": prose(384 << 10), "noise": noise(1, 2<<20)} {
		b.Run(name, func(b *testing.B) {
			eng := newEngine(forgetful{store.NewMemory()})
			w := eng.NewWriterUnder(context.Background(), eng.Writes, 0)
			defer w.Close()
			s, err := w.NewSaver()
			if err != nil {
				b.Fatal(err)
			}
			buf := ChunkBuffer(len(content))
			b.SetBytes(int64(len(content)))
			b.ReportAllocs()
			for i := uint64(0); b.Loop(); i++ {
				copy(buf[1:], content)
				copy(buf[1:], noise(i, 16)) // another content each time
				copy(buf[17:], fmt.Sprint(i))
				if _, err := s.Save(format.KindData, buf); err != nil {
					b.Fatal(err)
				}
				w.indexMu.Lock()
				w.unindexed = w.unindexed[:0]
				w.indexMu.Unlock()
			}
		})
	}
}

// BenchmarkIndexLoad is the way of an index with 200,000 chunks from the destination into memory: list, read, open, decode, put in.
func BenchmarkIndexLoad(b *testing.B) {
	ctx := context.Background()
	eng := newEngine(store.NewMemory())
	random := noise(3, 32*200_000)
	var packs []format.PackList
	for ids := range slices.Chunk(random, 25*32) {
		p := format.PackList{Name: eng.Writes.NewName(format.KindPack), Size: 26 << 20}
		for id := range slices.Chunk(ids, 32) {
			p.Entries = append(p.Entries, format.PackEntry{ID: format.ID(id), Record: 1 << 20, Content: 1 << 20})
		}
		packs = append(packs, p)
	}
	for some := range slices.Chunk(packs, 1000) {
		if _, err := eng.PutIndex(ctx, nil, some); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(format.EncodeIndex(nil, packs))))
	b.ReportAllocs()
	for b.Loop() {
		if bad, err := eng.Fresh().LoadIndex(ctx); err != nil || len(bad) > 0 {
			b.Fatal(bad, err)
		}
	}
}

// BenchmarkLoad is a restore's way: chunks out of packs, opened and decompressed.
func BenchmarkLoad(b *testing.B) {
	for name, content := range map[string][]byte{"prose": prose(384 << 10), "noise": noise(1, 2<<20)} {
		b.Run(name, func(b *testing.B) {
			eng, w, s := benchWriter(b)
			var ids []format.ID
			for i := range 4 {
				buf := ChunkBuffer(len(content))
				copy(buf[1:], content)
				buf[1] = byte(i)
				id, err := s.Save(format.KindData, buf)
				if err != nil {
					b.Fatal(err)
				}
				ids = append(ids, id)
			}
			if err := w.Flush(); err != nil {
				b.Fatal(err)
			}
			arena := make([]byte, 32<<20)
			b.SetBytes(int64(len(ids) * len(content)))
			b.ReportAllocs()
			for b.Loop() {
				used := 0
				alloc := func(n int) []byte {
					used += n
					return arena[used-n : used : used]
				}
				if err := eng.Load(context.Background(), ids, alloc, func(_ format.ID, _ []byte, err error) error { return err }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
