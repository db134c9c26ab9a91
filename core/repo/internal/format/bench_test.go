package format

import (
	"fmt"
	"slices"
	"testing"

	"github.com/holdfast-backup/holdfast/core/filetest"
)

func BenchmarkChunkID(b *testing.B) {
	_, _, e := fuzzEpoch()
	for _, n := range []int{4 << 10, 384 << 10, 2 << 20} {
		b.Run(fmt.Sprintf("%dKiB", n>>10), func(b *testing.B) {
			h, content := e.NewHasher(), filetest.Noise(1, n)
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
	path := KindPack.Path(e.NewName(KindPack))
	b.ReportAllocs()
	for b.Loop() {
		if n, ok := KindPack.ParsePath(path); !ok || !e.Owns(KindPack, n) {
			b.Fatal("not its own")
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	_, _, e := fuzzEpoch()
	n := Name{1}
	c, content := e.PackCipher(n), filetest.Noise(1, 1<<20)
	out := make([]byte, 0, len(content)+GCMTag)
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		c.SealRecord(out, ID(n), 1, content)
	}
}

// BenchmarkObjectKey is what each object costs before its first byte.
func BenchmarkObjectKey(b *testing.B) {
	_, _, e := fuzzEpoch()
	b.ReportAllocs()
	for b.Loop() {
		e.PackCipher(Name{1})
	}
}

func benchNodes(n int) []Node {
	nodes := make([]Node, n)
	for i := range nodes {
		nodes[i] = Node{
			Kind: NodeFile, Name: fmt.Sprintf("IMG-20260101-WA%06d.jpg", i), Mode: 0o644, Owner: Owner{1000, 1000, "me", "me"},
			MTime: 1_700_000_000 + int64(i), MNanos: 123456789,
			Size: 2 << 20, Content: Content{Extents: []Extent{{Chunk: ID(filetest.Noise(uint64(i), 32)), Length: 2 << 20}}},
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

// benchPacks are packs of 25 chunks each, with ids as random as real ones.
func benchPacks(chunks int) (packs []PackList) {
	random := filetest.Noise(3, 32*chunks)
	for ids := range slices.Chunk(random, 25*32) {
		p := PackList{Name: Name(ids), Size: 26 << 20}
		for id := range slices.Chunk(ids, 32) {
			p.Entries = append(p.Entries, PackEntry{ID: ID(id), Record: 1 << 20, Content: 1 << 20})
		}
		packs = append(packs, p)
	}
	return packs
}

// BenchmarkIndexObject is what an index with 200,000 chunks costs to decode.
func BenchmarkIndexObject(b *testing.B) {
	payload := EncodeIndex(nil, benchPacks(200_000))
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(int64(len(payload)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ScanIndex(payload, func(PackList) {}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
