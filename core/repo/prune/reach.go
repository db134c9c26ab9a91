package prune

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/internal/engine"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
)

// bitset is a set of small numbers.
type bitset []uint64

func (b bitset) has(n uint32) bool { return int(n/64) < len(b) && b[n/64]&(1<<(n%64)) != 0 }

// add puts n in and reports whether it is new.
func (b *bitset) add(n uint32) bool {
	if need := int(n/64) + 1; need > len(*b) {
		*b = append(*b, make([]uint64, need-len(*b))...)
	}
	word, bit := &(*b)[n/64], uint64(1)<<(n%64)
	fresh := *word&bit == 0
	*word |= bit
	return fresh
}

// reach finds every chunk that can be reached from roots. It reads each
// distinct tree block and extent list once, however many snapshots share it.
type reach struct {
	e *engine.Engine
	// base, if not nil, has found what snapshots need; what it has read is not
	// read again. What is not there is then passed over: these are the trees of a
	// backup that is not finished. Without base it is ErrDamaged.
	base   *reach
	needed bitset // by the number of the chunk's row in the index
	// read are the blocks that were followed, by what they were read as: who has
	// the key can use the same bytes as data, as a tree and as a list.
	read [2 + format.MaxListDepth]bitset
	// progress, if not nil, is called with the number of blocks read.
	progress func(n int)
}

// block is a tree block or a list block to be read.
type block struct {
	id    repo.ID
	depth int // of the extents in a list block; -1: a tree block
}

// reachBatch is how many blocks are fetched at once.
const reachBatch = 256

// walk adds what a root reaches.
func (w *reach) walk(ctx context.Context, root repo.Content) error {
	front, err := w.take(nil, blocksOf(root))
	for err == nil && len(front) > 0 {
		front, err = w.level(ctx, front)
	}
	return err
}

// blocksOf are the blocks that hold a directory's entries, or the extents of
// a file whose content has a depth.
func blocksOf(c repo.Content) []block {
	out := make([]block, 0, len(c.Extents))
	for _, e := range c.Extents {
		out = append(out, block{e.Chunk, c.Depth - 1})
	}
	return out
}

// take marks blocks as needed and appends those that are new to front.
func (w *reach) take(front, found []block) ([]block, error) {
	for _, b := range found {
		n, ok := w.e.Index.Number(b.id)
		switch {
		case ok:
			w.needed.add(n)
			if (w.base == nil || !w.base.read[1+b.depth].has(n)) && w.read[1+b.depth].add(n) {
				front = append(front, b)
			}
		case w.base == nil:
			return nil, engine.Missing(b.id)
		}
	}
	return front, nil
}

// level reads the blocks in front and returns those they lead to.
func (w *reach) level(ctx context.Context, front []block) (next []block, err error) {
	var mu sync.Mutex
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(2, runtime.GOMAXPROCS(0)))
	for batch := range slices.Chunk(front, reachBatch) {
		g.Go(func() error {
			found, data, err := w.batch(gctx, batch)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			for _, id := range data {
				n, ok := w.e.Index.Number(id)
				if !ok && w.base == nil {
					return engine.Missing(id)
				}
				if ok {
					w.needed.add(n)
				}
			}
			next, err = w.take(next, found)
			if w.progress != nil {
				w.progress(len(batch))
			}
			return err
		})
	}
	return next, g.Wait()
}

// batch reads blocks and returns the blocks and the data that they name.
func (w *reach) batch(ctx context.Context, batch []block) (found []block, data []repo.ID, err error) {
	what := make(map[repo.ID]block, len(batch))
	ids := make([]repo.ID, 0, len(batch))
	for _, b := range batch {
		what[b.id] = b
		ids = append(ids, b.id)
	}
	err = w.e.Load(ctx, ids, func(n int) []byte { return make([]byte, n) }, func(id repo.ID, content []byte, err error) error {
		if err == nil {
			found, data, err = collect(what[id], content, found, data)
		}
		if w.base != nil && errors.Is(err, repo.ErrDamaged) {
			return nil
		}
		return err
	})
	return found, data, err
}

// collect appends what one block names.
func collect(b block, content []byte, found []block, data []repo.ID) ([]block, []repo.ID, error) {
	extents := func(c repo.Content) {
		if c.Depth > 0 {
			found = append(found, blocksOf(c)...)
			return
		}
		for _, e := range c.Extents {
			if !e.Hole && (len(data) == 0 || data[len(data)-1] != e.Chunk) {
				data = append(data, e.Chunk)
			}
		}
	}
	if b.depth >= 0 {
		list, err := format.DecodeList(content, b.depth)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", b.id, err)
		}
		extents(repo.Content{Depth: b.depth, Extents: list})
		return found, data, nil
	}
	d, err := repo.NewNodeDecoder(content, "")
	for err == nil {
		var n repo.Node
		var more bool
		if more, err = d.Next(&n); !more {
			break
		}
		switch n.Kind {
		case repo.NodeFile:
			extents(n.Content)
		case repo.NodeDir:
			found = append(found, blocksOf(n.Content)...)
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("tree block %s: %w", b.id, err)
	}
	return found, data, nil
}
