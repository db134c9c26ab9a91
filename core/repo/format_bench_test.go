package repo

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
	path := kindPack.path(e.newName(kindPack))
	b.ReportAllocs()
	for b.Loop() {
		if n, ok := kindPack.parsePath(path); !ok || !e.owns(kindPack, n) {
			b.Fatal("not its own")
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	_, _, e := fuzzEpoch()
	n := Name{1}
	c, content := e.packCipher(n), filetest.Noise(1, 1<<20)
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

func benchNodes(n int) []Node {
	nodes := make([]Node, n)
	for i := range nodes {
		nodes[i] = Node{
			Kind: NodeFile, Name: fmt.Sprintf("IMG-20260101-WA%06d.jpg", i), Mode: 0o644, Owner: Owner{1000, 1000, "me", "me"}, MTime: 1_700_000_000 + int64(i), MNanos: 123456789,
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
func benchPacks(chunks int) (packs []packList) {
	random := filetest.Noise(3, 32*chunks)
	for ids := range slices.Chunk(random, 25*32) {
		p := packList{name: Name(ids), size: 26 << 20}
		for id := range slices.Chunk(ids, 32) {
			p.entries = append(p.entries, packEntry{id: ID(id), record: 1 << 20, content: 1 << 20})
		}
		packs = append(packs, p)
	}
	return packs
}

// BenchmarkIndexObject is what an index with 200,000 chunks costs to decode.
func BenchmarkIndexObject(b *testing.B) {
	payload := encodeIndex(nil, benchPacks(200_000))
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(int64(len(payload)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := scanIndex(payload, func(packList) {}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
