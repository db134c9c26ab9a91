package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/index"
	"github.com/holdfast-backup/holdfast/core/repo/internal/sealed"
	"github.com/holdfast-backup/holdfast/core/store"
)

// readAt reads a range of an object. What is missing or too short is damage.
func (eng *Engine) readAt(ctx context.Context, path string, p []byte, offset int64) error {
	err := eng.Store.ReadAt(ctx, path, p, offset)
	switch {
	case errors.Is(err, store.ErrNotExist):
		return fmt.Errorf("%w: %s is %w", format.ErrDamaged, path, sealed.ErrGone)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: %s is cut short", format.ErrDamaged, path)
	}
	return err
}

// ReadBlock is the unit in which packs are read, bytes: an observer of the reads sees which blocks were read, and not where a chunk
// begins and ends (docs/format.md, chapter 6).
const ReadBlock = 64 << 10

// blocks widens a range of a pack of this size to whole blocks.
func blocks(from, to, size int64) (int64, int64) {
	return from / ReadBlock * ReadBlock, max(to, min(size, (to+ReadBlock-1)/ReadBlock*ReadBlock))
}

// ReadRange reads n bytes from offset of a pack of this size, in whole blocks. buf is memory to use, and is returned for the next time.
func (eng *Engine) ReadRange(ctx context.Context, pack format.Name, size, offset, n int64, buf []byte) (b, grown []byte, err error) {
	from, to := blocks(offset, offset+n, size)
	buf = slices.Grow(buf[:0], int(to-from))[:to-from]
	if err := eng.readAt(ctx, format.KindPack.Path(pack), buf, from); err != nil {
		return nil, buf, err
	}
	return buf[offset-from:][:n], buf, nil
}

// PackCipher returns the cipher of a pack that counts.
func (eng *Engine) PackCipher(n format.Name) (format.PackCipher, error) {
	if !eng.Counts(format.KindPack, n) {
		return format.PackCipher{}, fmt.Errorf("%w: pack %s is not of this backup", format.ErrDamaged, n)
	}
	e := eng.Owner(format.KindPack, n)
	return e.PackCipher(n), nil
}

// Chunk reads one chunk, from another pack where the first does not give it.
// The result is the caller's to keep.
// Errors: ErrDamaged when it is in no index, missing or not authentic.
func (eng *Engine) Chunk(ctx context.Context, id format.ID) ([]byte, error) {
	at, ok := eng.Index.Find(id)
	if !ok {
		return nil, fmt.Errorf("%w: chunk %s is in no index", format.ErrDamaged, id)
	}
	content, err := eng.chunkAt(ctx, id, at)
	if errors.Is(err, format.ErrDamaged) {
		return eng.chunkElsewhere(ctx, id, err)
	}
	return content, err
}

// chunkElsewhere reads a chunk from its further places after cause befell the
// first, and returns cause if none gives it. If its pack is gone, a prune may
// have moved it since the indexes were read: then it looks for new ones, once.
func (eng *Engine) chunkElsewhere(ctx context.Context, id format.ID, cause error) ([]byte, error) {
	for again := errors.Is(cause, sealed.ErrGone) && eng.firstMiss(id); ; again = false {
		for _, at := range eng.Index.Others(id) {
			content, err := eng.chunkAt(ctx, id, at)
			if !errors.Is(err, format.ErrDamaged) {
				return content, err
			}
		}
		if !again {
			return nil, cause
		}
		if _, err := eng.LoadIndex(ctx); err != nil {
			return nil, err
		}
	}
}

// firstMiss reports whether this is the first time that this chunk's pack is
// found to be gone.
func (eng *Engine) firstMiss(id format.ID) bool {
	at, _ := eng.Index.Find(id)
	name := eng.Index.PackName(at.Pack)
	eng.mu.Lock()
	defer eng.mu.Unlock()
	first := !eng.missed[name]
	eng.missed[name] = true
	return first
}

// chunkAt reads a chunk from one of its places.
func (eng *Engine) chunkAt(ctx context.Context, id format.ID, at index.Location) ([]byte, error) {
	name, size := eng.Index.PackOf(at.Pack)
	c, err := eng.PackCipher(name)
	if err != nil {
		return nil, err
	}
	if eng.Store.Properties().Far {
		sealed, err := eng.near.read(ctx, eng, name, size, int64(at.Offset), at.Sealed())
		if err == nil {
			var content []byte
			if content, err = c.OpenRecord(id, at.Ordinal, sealed, int(at.Content), make([]byte, 0, at.Content)); err == nil {
				return content, nil
			}
		}
		if !errors.Is(err, format.ErrDamaged) {
			return nil, err
		}
		// It may be whole where what is around it is not.
	}
	sealed, _, err := eng.ReadRange(ctx, name, size, int64(at.Offset), at.Sealed(), nil)
	if err != nil {
		return nil, err
	}
	return c.OpenRecord(id, at.Ordinal, sealed, int(at.Content), make([]byte, 0, at.Content))
}

// Has reports whether a chunk is known to the loaded indexes.
func (eng *Engine) Has(id format.ID) bool {
	_, ok := eng.Index.Number(id)
	return ok
}

func Missing(id format.ID) error {
	return fmt.Errorf("%w: chunk %s, which a snapshot needs, is in no index", format.ErrDamaged, id)
}
