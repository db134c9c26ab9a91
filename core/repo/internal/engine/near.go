package engine

import (
	"context"
	"slices"
	"sync"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
)

// What is read around a chunk of a place far away: the blocks of folders lie beside those of their neighbours, and come one by one.
const (
	nearSpan = 512 << 10
	nearKept = 4
)

// near keeps the spans that were read last.
type near struct {
	mu    sync.Mutex
	spans []span // the last used first
}

type span struct {
	pack format.Name
	from int64
	b    []byte
}

// read returns n bytes from offset of a pack of this size, as they are sealed. They may be kept.
func (c *near) read(ctx context.Context, eng *Engine, pack format.Name, size, offset, n int64) ([]byte, error) {
	if b := c.find(pack, offset, n); b != nil {
		return b, nil
	}
	from := offset / nearSpan * nearSpan
	to := max(offset+n, min(size, (offset+n+nearSpan-1)/nearSpan*nearSpan))
	b := make([]byte, to-from)
	if err := eng.readAt(ctx, format.KindPack.Path(pack), b, from); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spans = slices.Insert(c.spans, 0, span{pack, from, b})
	c.spans = c.spans[:min(len(c.spans), nearKept)]
	return slices.Clone(b[offset-from:][:n]), nil
}

// find returns a copy of what a span holds, nil if none does: it is decrypted in place.
func (c *near) find(pack format.Name, offset, n int64) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, s := range c.spans {
		if s.pack == pack && s.from <= offset && offset+n <= s.from+int64(len(s.b)) {
			copy(c.spans[1:i+1], c.spans[:i])
			c.spans[0] = s
			return slices.Clone(s.b[offset-s.from:][:n])
		}
	}
	return nil
}
