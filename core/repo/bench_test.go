package repo

import (
	"context"
	"fmt"
	"slices"
	"testing"

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

func benchRepo(b *testing.B) (*Repository, *Writer, *Saver) {
	b.Helper()
	r, _ := newRepo(b, nil)
	w, err := r.NewWriter(context.Background(), 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(w.Close)
	s, err := w.NewSaver()
	if err != nil {
		b.Fatal(err)
	}
	return r, w, s
}

func BenchmarkChunkID(b *testing.B) {
	_, _, e := fuzzEpoch()
	for _, n := range []int{4 << 10, 384 << 10, 2 << 20} {
		b.Run(fmt.Sprintf("%dKiB", n>>10), func(b *testing.B) {
			h, content := e.NewHasher(), noise(1, n)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				h.ID(content)
			}
		})
	}
}

// BenchmarkName is what one object in a listing costs.
func BenchmarkName(b *testing.B) {
	_, _, e := fuzzEpoch()
	path := kindPack.path(e.newName(kindPack))
	b.ReportAllocs()
	for b.Loop() {
		if n, ok := kindPack.parsePath(path); !ok || !e.owns(kindPack, n) {
			b.Fatal("not its own")
		}
	}
}

func BenchmarkCompress(b *testing.B) {
	_, _, s := benchRepo(b)
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

func BenchmarkSeal(b *testing.B) {
	_, _, e := fuzzEpoch()
	n := Name{1}
	c, content := e.packCipher(n), noise(1, 1<<20)
	out := make([]byte, 0, len(content)+gcmTag)
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		c.sealRecord(out, ID(n), 1, content)
	}
}

// BenchmarkObjectKey is what each object costs before its first byte.
func BenchmarkObjectKey(b *testing.B) {
	_, _, e := fuzzEpoch()
	b.ReportAllocs()
	for b.Loop() {
		e.packCipher(Name{1})
	}
}

// forgetful takes objects and keeps none, so that what is measured is the way to it.
type forgetful struct{ *store.Memory }

func (forgetful) Put(context.Context, string, []byte) error { return nil }

// BenchmarkSave is the whole way of a chunk into a pack: id, look-up, zstd, seal, pack. Each is new.
func BenchmarkSave(b *testing.B) {
	for name, content := range map[string][]byte{"prose": prose(384 << 10), "noise": noise(1, 2<<20)} {
		b.Run(name, func(b *testing.B) {
			r, m := newRepo(b, nil)
			r.store = forgetful{m}
			w := r.newWriter(context.Background(), r.current(), dataPackTarget)
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
				if _, err := s.Save(KindData, buf); err != nil {
					b.Fatal(err)
				}
				w.indexMu.Lock()
				w.unindexed = w.unindexed[:0]
				w.indexMu.Unlock()
			}
		})
	}
}

// benchPacks are packs of 25 chunks each, with ids as random as real ones.
func benchPacks(chunks int) (packs []packList, ids []ID) {
	random := noise(3, 32*chunks)
	for i := 0; i < chunks; i += 25 {
		p := packList{name: Name(random[32*i:]), size: 26 << 20}
		for k := i; k < min(i+25, chunks); k++ {
			id := ID(random[32*k:])
			ids = append(ids, id)
			p.entries = append(p.entries, packEntry{id: id, record: 1 << 20, content: 1 << 20})
		}
		packs = append(packs, p)
	}
	return packs, ids
}

func BenchmarkIndex(b *testing.B) {
	for _, chunks := range []int{100_000, 1_000_000} {
		packs, ids := benchPacks(chunks)
		b.Run(fmt.Sprintf("fill/%d", chunks), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x := newIndex()
				for _, p := range packs {
					x.addPack(p)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*chunks), "ns/chunk")
		})
		x := newIndex()
		for _, p := range packs {
			x.addPack(p)
		}
		b.Run(fmt.Sprintf("find/%d", chunks), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, ok := x.find(ids[i*7919%len(ids)]); !ok {
					b.Fatal("a chunk is not found")
				}
			}
		})
		b.Run(fmt.Sprintf("miss/%d", chunks), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				id := ids[i*7919%len(ids)]
				id[31]++
				if _, ok := x.number(id); ok {
					b.Fatal("found what is not there")
				}
			}
		})
	}
}

func BenchmarkIndexObject(b *testing.B) {
	packs, _ := benchPacks(200_000)
	payload := encodeIndex(nil, packs)
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(int64(len(payload)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := scanIndex(payload, func(packList) {}); err != nil {
				b.Fatal(err)
			}
		}
	})
	// From the destination into memory: list, read, open, decode, put in.
	b.Run("load", func(b *testing.B) {
		ctx := context.Background()
		r, _ := newRepo(b, nil)
		for i := range packs {
			packs[i].name = r.current().newName(kindPack)
		}
		for some := range slices.Chunk(packs, 1000) {
			if _, err := r.putIndex(ctx, nil, some); err != nil {
				b.Fatal(err)
			}
		}
		b.SetBytes(int64(len(payload)))
		b.ReportAllocs()
		for b.Loop() {
			if bad, err := r.Fresh().LoadIndex(ctx); err != nil || len(bad) > 0 {
				b.Fatal(bad, err)
			}
		}
	})
}

func benchNodes(n int) []Node {
	nodes := make([]Node, n)
	for i := range nodes {
		nodes[i] = Node{
			Kind: NodeFile, Name: fmt.Sprintf("IMG-20260101-WA%06d.jpg", i), Mode: 0o644, Owner: Owner{1000, 1000, "me", "me"}, MTime: 1_700_000_000 + int64(i), MNanos: 123456789,
			Size: 2 << 20, Content: Content{Extents: []Extent{{Chunk: ID(noise(uint64(i), 32)), Length: 2 << 20}}},
		}
	}
	return nodes
}

func BenchmarkTree(b *testing.B) {
	nodes := benchNodes(1000)
	block := encodeNodes(nodes)
	b.Run("encode", func(b *testing.B) {
		b.SetBytes(int64(len(block)))
		b.ReportAllocs()
		var e NodeEncoder
		for b.Loop() {
			for i := range nodes {
				e.Add(&nodes[i])
			}
			e.Finish()
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(int64(len(block)))
		b.ReportAllocs()
		for b.Loop() {
			d, err := NewNodeDecoder(block, "")
			if err != nil {
				b.Fatal(err)
			}
			var n Node
			for more := true; more && err == nil; {
				more, err = d.Next(&n)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkLoad is a restore's way: chunks out of packs, opened and decompressed.
func BenchmarkLoad(b *testing.B) {
	for name, content := range map[string][]byte{"prose": prose(384 << 10), "noise": noise(1, 2<<20)} {
		b.Run(name, func(b *testing.B) {
			r, w, s := benchRepo(b)
			var ids []ID
			for i := range 4 {
				buf := ChunkBuffer(len(content))
				copy(buf[1:], content)
				buf[1] = byte(i)
				id, err := s.Save(KindData, buf)
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
				if err := r.Load(context.Background(), ids, alloc, func(_ ID, _ []byte, err error) error { return err }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
