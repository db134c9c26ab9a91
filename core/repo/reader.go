package repo

import (
	"context"
	"fmt"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
)

// LoadIndex reads the indexes that are not in memory yet. Call it after
// listing snapshots, never before (docs/format.md, chapter 11).
// A damaged index is reported in bad and the others are used.
func (r *Repository) LoadIndex(ctx context.Context) (bad []error, err error) {
	return r.e.LoadIndex(ctx)
}

// Has reports whether a chunk is known to the loaded indexes.
func (r *Repository) Has(id ID) bool { return r.e.Has(id) }

// Length returns the length of a chunk's content; false if it is in no index.
func (r *Repository) Length(id ID) (int64, bool) { return r.e.Length(id) }

// Chunk reads one chunk. The result is the caller's to keep.
// Errors: ErrDamaged when it is in no index, missing or not authentic.
func (r *Repository) Chunk(ctx context.Context, id ID) ([]byte, error) { return r.e.Chunk(ctx, id) }

// Load reads many chunks with few requests. fn gets each chunk once, in no order, with its content or its
// damage; content may be kept as long as what alloc returned. alloc returns
// memory of n bytes. Errors of the destination, and of fn, end it.
func (r *Repository) Load(ctx context.Context, ids []ID, alloc func(n int) []byte, fn func(id ID, content []byte, err error) error) error {
	return r.e.Load(ctx, ids, alloc, fn)
}

// Tree reads a directory and calls fn for each entry, in order.
func (r *Repository) Tree(ctx context.Context, c Content, fn func(*Node) error) error {
	last := ""
	for _, e := range c.Extents {
		block, err := r.Chunk(ctx, e.Chunk)
		if err != nil {
			return err
		}
		if int64(len(block)) != e.Length {
			return fmt.Errorf("%w: tree block %s has another length", ErrDamaged, e.Chunk)
		}
		if last, err = treeBlock(e.Chunk, block, last, fn); err != nil {
			return err
		}
	}
	return nil
}

// treeBlock calls fn for each entry of one block and returns the last name.
func treeBlock(id ID, block []byte, after string, fn func(*Node) error) (last string, err error) {
	d, err := NewNodeDecoder(block, after)
	if err != nil {
		return "", fmt.Errorf("tree block %s: %w", id, err)
	}
	for {
		n := &Node{} // fn may keep it
		more, err := d.Next(n)
		if err != nil {
			return "", fmt.Errorf("tree block %s: %w", id, err)
		}
		if !more {
			return d.Last(), nil
		}
		if err := fn(n); err != nil {
			return "", err
		}
	}
}

// Extents calls fn for each extent of depth 0, in order, following extent
// lists. It holds one list block of each depth in memory. Lists that lead to less than they cost are
// ErrDamaged: four blocks can say in a few bytes each what takes for ever to follow.
func (r *Repository) Extents(ctx context.Context, c Content, fn func(Extent) error) error {
	return r.extents(ctx, c, &format.Tally{}, fn)
}

func (r *Repository) extents(ctx context.Context, c Content, t *format.Tally, fn func(Extent) error) error {
	if c.Depth == 0 {
		for _, e := range c.Extents {
			t.Extents++
			t.Bytes += e.Length
			if err := t.Check(); err != nil {
				return err
			}
			if err := fn(e); err != nil {
				return err
			}
		}
		return nil
	}
	for _, e := range c.Extents {
		t.Lists++
		if err := t.Check(); err != nil {
			return err
		}
		block, kept := r.e.KeptList(e.Chunk)
		if !kept {
			var err error
			if block, err = r.Chunk(ctx, e.Chunk); err != nil {
				return err
			}
			r.e.KeepList(e.Chunk, block)
		}
		if int64(len(block)) != e.Length {
			return fmt.Errorf("%w: extent list %s has another length", ErrDamaged, e.Chunk)
		}
		inner, err := format.DecodeList(block, c.Depth-1)
		if err != nil {
			return fmt.Errorf("%s: %w", e.Chunk, err)
		}
		if err := r.extents(ctx, Content{Depth: c.Depth - 1, Extents: inner}, t, fn); err != nil {
			return err
		}
	}
	return nil
}
