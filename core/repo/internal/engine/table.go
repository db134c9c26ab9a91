package engine

import (
	"context"
	"fmt"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
)

// ReadTable reads the table at the end of a pack.
func (eng *Engine) ReadTable(ctx context.Context, n format.Name, size int64) ([]format.PackEntry, error) {
	damaged := func(what string) error { return fmt.Errorf("%w: pack %s %s", format.ErrDamaged, n, what) }
	if size < format.TrailerSealed || size > format.MaxPack {
		return nil, damaged("has an impossible size")
	}
	c, err := eng.PackCipher(n)
	if err != nil {
		return nil, err
	}
	// Most tables are in the last block; how long one is shows only where it is longer.
	from, _ := blocks(size-format.TrailerSealed, size, size)
	end := make([]byte, size-from)
	if err := eng.readAt(ctx, format.KindPack.Path(n), end, from); err != nil {
		return nil, err
	}
	tail, err := c.OpenTrailer(end[len(end)-format.TrailerSealed:])
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", n, err)
	}
	end = end[:len(end)-format.TrailerSealed]
	at := size - format.TrailerSealed - int64(tail.Table)
	if at < 0 {
		return nil, damaged("is shorter than its table")
	}
	if at < from {
		start, _ := blocks(at, from, size)
		before := make([]byte, from-start)
		if err := eng.readAt(ctx, format.KindPack.Path(n), before, start); err != nil {
			return nil, err
		}
		end = append(before, end...)
	}
	table := end[len(end)-tail.Table:]
	entries, err := c.OpenTable(table, tail, size)
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", n, err)
	}
	return entries, nil
}
