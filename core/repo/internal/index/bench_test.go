package index

import (
	"fmt"
	"testing"

	"github.com/holdfast-backup/holdfast/core/filetest"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
)

// packsOf are packs of 25 chunks each, with ids as random as real ones.
func packsOf(chunks int) (packs []format.PackList, ids []format.ID) {
	random := filetest.Noise(3, 32*chunks)
	for i := 0; i < chunks; i += 25 {
		p := format.PackList{Name: format.Name(random[32*i:]), Size: 26 << 20}
		for k := i; k < min(i+25, chunks); k++ {
			id := format.ID(random[32*k:])
			ids = append(ids, id)
			p.Entries = append(p.Entries, format.PackEntry{ID: id, Record: 1 << 20, Content: 1 << 20})
		}
		packs = append(packs, p)
	}
	return packs, ids
}

func BenchmarkIndex(b *testing.B) {
	for _, chunks := range []int{100_000, 1_000_000} {
		packs, ids := packsOf(chunks)
		b.Run(fmt.Sprintf("fill/%d", chunks), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x := New()
				for _, p := range packs {
					x.Add(p)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*chunks), "ns/chunk")
		})
		x := New()
		for _, p := range packs {
			x.Add(p)
		}
		b.Run(fmt.Sprintf("find/%d", chunks), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, ok := x.Find(ids[i*7919%len(ids)]); !ok {
					b.Fatal("a chunk is not found")
				}
			}
		})
		b.Run(fmt.Sprintf("miss/%d", chunks), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				id := ids[i*7919%len(ids)]
				id[31]++
				if _, ok := x.Number(id); ok {
					b.Fatal("found what is not there")
				}
			}
		})
	}
}
