package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/index"
	"github.com/holdfast-backup/holdfast/core/store"
)

// readAt reads a range of an object. What is missing or too short is damage.
func (r *Repository) readAt(ctx context.Context, path string, p []byte, offset int64) error {
	err := r.store.ReadAt(ctx, path, p, offset)
	switch {
	case errors.Is(err, store.ErrNotExist):
		return fmt.Errorf("%w: %s is %w", ErrDamaged, path, errGone)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: %s is cut short", ErrDamaged, path)
	}
	return err
}

// readBlock is the unit in which packs are read, bytes: an observer of the reads sees which blocks were read, and not where a chunk
// begins and ends (docs/format.md, chapter 6).
const readBlock = 64 << 10

// blocks widens a range of a pack of this size to whole blocks.
func blocks(from, to, size int64) (int64, int64) {
	return from / readBlock * readBlock, max(to, min(size, (to+readBlock-1)/readBlock*readBlock))
}

// readRange reads n bytes from offset of a pack of this size, in whole blocks. buf is memory to use, and is returned for the next time.
func (r *Repository) readRange(ctx context.Context, pack Name, size, offset, n int64, buf []byte) (b, grown []byte, err error) {
	from, to := blocks(offset, offset+n, size)
	buf = slices.Grow(buf[:0], int(to-from))[:to-from]
	if err := r.readAt(ctx, format.KindPack.Path(pack), buf, from); err != nil {
		return nil, buf, err
	}
	return buf[offset-from:][:n], buf, nil
}

// packAEAD returns the cipher of a pack that counts.
func (r *Repository) packCipherOf(n Name) (format.PackCipher, error) {
	if !r.counts(format.KindPack, n) {
		return format.PackCipher{}, fmt.Errorf("%w: pack %s is not of this backup", ErrDamaged, n)
	}
	e := r.owner(format.KindPack, n)
	return e.PackCipher(n), nil
}

// Chunk reads one chunk, from another pack where the first does not give it.
// The result is the caller's to keep.
// Errors: ErrDamaged when it is in no index, missing or not authentic.
func (r *Repository) Chunk(ctx context.Context, id ID) ([]byte, error) {
	at, ok := r.index.Find(id)
	if !ok {
		return nil, fmt.Errorf("%w: chunk %s is in no index", ErrDamaged, id)
	}
	content, err := r.chunkAt(ctx, id, at)
	if errors.Is(err, ErrDamaged) {
		return r.chunkElsewhere(ctx, id, err)
	}
	return content, err
}

// chunkElsewhere reads a chunk from its further places after cause befell the
// first, and returns cause if none gives it. If its pack is gone, a prune may
// have moved it since the indexes were read: then it looks for new ones, once.
func (r *Repository) chunkElsewhere(ctx context.Context, id ID, cause error) ([]byte, error) {
	for again := errors.Is(cause, errGone) && r.firstMiss(id); ; again = false {
		for _, at := range r.index.Others(id) {
			content, err := r.chunkAt(ctx, id, at)
			if !errors.Is(err, ErrDamaged) {
				return content, err
			}
		}
		if !again {
			return nil, cause
		}
		if _, err := r.LoadIndex(ctx); err != nil {
			return nil, err
		}
	}
}

// firstMiss reports whether this is the first time that this chunk's pack is
// found to be gone.
func (r *Repository) firstMiss(id ID) bool {
	at, _ := r.index.Find(id)
	name := r.index.PackName(at.Pack)
	r.loadMu.Lock()
	defer r.loadMu.Unlock()
	first := !r.missed[name]
	r.missed[name] = true
	return first
}

// chunkAt reads a chunk from one of its places.
func (r *Repository) chunkAt(ctx context.Context, id ID, at index.Location) ([]byte, error) {
	name, size := r.index.PackOf(at.Pack)
	c, err := r.packCipherOf(name)
	if err != nil {
		return nil, err
	}
	sealed, _, err := r.readRange(ctx, name, size, int64(at.Offset), at.Sealed(), nil)
	if err != nil {
		return nil, err
	}
	return c.OpenRecord(id, at.Ordinal, sealed, int(at.Content), make([]byte, 0, at.Content))
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
		if last, err = r.treeBlock(e.Chunk, block, last, fn); err != nil {
			return err
		}
	}
	return nil
}

// treeBlock calls fn for each entry of one block and returns the last name.
func (r *Repository) treeBlock(id ID, block []byte, after string, fn func(*Node) error) (last string, err error) {
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
	return r.extents(ctx, c, &extentTally{}, fn)
}

func (r *Repository) extents(ctx context.Context, c Content, t *extentTally, fn func(Extent) error) error {
	if c.Depth == 0 {
		for _, e := range c.Extents {
			t.extents++
			t.bytes += e.Length
			if err := t.check(); err != nil {
				return err
			}
			if err := fn(e); err != nil {
				return err
			}
		}
		return nil
	}
	for _, e := range c.Extents {
		t.lists++
		if err := t.check(); err != nil {
			return err
		}
		block, err := r.Chunk(ctx, e.Chunk)
		if err != nil {
			return err
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

// extentTally is what the content of a file amounts to, as far as it was followed.
type extentTally struct{ bytes, extents, lists int64 }

// The least that extents and lists give on the average, beyond the first few (docs/format.md, chapter 8).
const (
	extentLeast, extentFew = 512, 8192
	listLeast, listFew     = 64 << 10, 32
)

func (t *extentTally) check() error {
	switch {
	case t.bytes < 0:
		return fmt.Errorf("%w: the extents do not add up to a file", ErrDamaged)
	case t.extents-extentFew > t.bytes/extentLeast, t.lists-listFew > t.bytes/listLeast:
		return fmt.Errorf("%w: a file of too many pieces", ErrDamaged)
	}
	return nil
}

// add counts a list again where it is named again. Sums saturate.
func (t *extentTally) add(o extentTally) {
	const most = 1 << 61
	t.bytes, t.extents, t.lists = t.bytes+o.bytes, min(most, t.extents+o.extents), min(most, t.lists+o.lists)
}
