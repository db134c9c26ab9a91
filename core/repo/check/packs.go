package check

import (
	"bytes"
	"context"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/internal/engine"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/index"
)

// checkPacks reads every pack's table, and the data of the chosen share.
func (v *verifier) checkPacks(ctx context.Context, indexed map[repo.Name][]format.PackEntry) error {
	names := make([]repo.Name, 0, len(v.packs))
	var bytesAll int64
	for n, size := range v.packs {
		if v.opts.CurrentOnly && !v.e.Newest().Owns(format.KindPack, n) || v.marked[n] && !v.e.IsListed(n) {
			continue // of an older epoch; or given up, and on its way out
		}
		names = append(names, n)
		bytesAll += size
	}
	after := v.opts.After
	if after == (repo.Name{}) {
		after = v.e.Writes.NewName(format.KindPack)
	}
	compare := func(a, b repo.Name) int { return bytes.Compare(a[:], b[:]) }
	slices.SortFunc(names, compare)
	next, exact := slices.BinarySearchFunc(names, after, compare)
	if exact {
		next++
	}
	names = append(names[next:], names[:next]...)
	want := int64(float64(bytesAll) * min(100, max(0, v.opts.DataPercent)) / 100)
	full := make(map[repo.Name]bool)
	for _, n := range names {
		if v.total.Load() >= want {
			break
		}
		full[n] = true
		v.out.Last = n
		v.total.Add(v.packs[n])
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(2, runtime.GOMAXPROCS(0)))
	for _, n := range names {
		g.Go(func() error {
			entries, err := v.e.ReadTable(gctx, n, v.packs[n])
			if err != nil {
				v.markBad(n, indexed[n])
				return v.judge(err)
			}
			if _, ok := indexed[n]; !ok && !v.e.IsListed(n) && !v.marked[n] {
				v.note("pack %s is in no index: left of an interrupted backup, the next one uses it", n)
			}
			v.compare(n, entries, indexed[n])
			if full[n] {
				return v.packData(gctx, n, entries)
			}
			return nil
		})
	}
	return g.Wait()
}

// compare holds what the index says of a pack against the pack's own table.
// The index may lack entries that another pack gave first.
func (v *verifier) compare(n repo.Name, table, indexed []format.PackEntry) {
	have := make(map[repo.ID]format.PackEntry, len(table))
	for _, e := range table {
		have[e.ID] = e
	}
	for _, e := range indexed {
		if have[e.ID] != e {
			v.damage("pack %s does not hold chunk %s as its index says", n, e.ID)
			v.markBad(n, []format.PackEntry{e})
		}
	}
}

func (v *verifier) markBad(pack repo.Name, entries []format.PackEntry) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, e := range entries {
		v.bad[e.ID] = append(v.bad[e.ID], pack)
	}
}

// readsBack reports whether a chunk is sound in at least one of its places.
func (v *verifier) readsBack(id repo.ID, at index.Location) bool {
	v.mu.Lock()
	bad := v.bad[id]
	v.mu.Unlock()
	if len(bad) == 0 {
		return true
	}
	for _, place := range append(v.e.Index.Others(id), at) {
		if !slices.Contains(bad, v.e.Index.PackName(place.Pack)) {
			return true
		}
	}
	return false
}

// packReader is the memory for reading a pack. It is used again: fresh memory for each pack cost
// half of a verification.
type packReader struct{ sealed, content []byte }

var packReaders = sync.Pool{New: func() any { return &packReader{} }}

// packData reads a pack whole: every record, its id, and the padding.
func (v *verifier) packData(ctx context.Context, n repo.Name, entries []format.PackEntry) error {
	const window = 4 << 20
	b := packReaders.Get().(*packReader)
	defer packReaders.Put(b)
	c, err := v.e.PackCipher(n)
	if err != nil {
		return v.judge(err)
	}
	offset := int64(0)
	for first := 0; first < len(entries); {
		size, last := 0, first
		for last < len(entries) && (last == first || size+entries[last].Sealed() <= window) {
			size += entries[last].Sealed()
			last++
		}
		b.sealed = slices.Grow(b.sealed[:0], max(size, window)+2*engine.ReadBlock)
		var sealed []byte
		if sealed, b.sealed, err = v.e.ReadRange(ctx, n, v.packs[n], offset, int64(size), b.sealed); err != nil {
			v.markBad(n, entries[first:])
			return v.judge(err)
		}
		at := 0
		for i := first; i < last; i++ {
			e := entries[i]
			b.content = slices.Grow(b.content[:0], int(e.Content))
			if _, err := c.OpenRecord(e.ID, uint32(i), sealed[at:at+e.Sealed()], int(e.Content), b.content); err != nil {
				v.damage("pack %s: %v", n, err)
				v.markBad(n, entries[i:i+1])
			}
			at += e.Sealed()
		}
		offset += int64(size)
		first = last
		v.progress(int64(size))
	}
	return v.packPadding(ctx, n, c, offset, len(entries))
}

func (v *verifier) packPadding(ctx context.Context, n repo.Name, c format.PackCipher, offset int64, chunks int) error {
	size := format.PaddingSize(v.packs[n], offset, chunks)
	sealed, _, err := v.e.ReadRange(ctx, n, v.packs[n], offset, size, nil)
	if err != nil {
		return v.judge(err)
	}
	if !c.CheckPadding(sealed) {
		v.damage("pack %s: the padding does not authenticate", n)
	}
	v.progress(v.packs[n] - offset)
	return nil
}
