package browse

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// comparedBytes is how long a file may be to be read for a comparison. Larger ones are cut the same way
// when they are the same; small ones share chunks with their neighbours of the day.
const comparedBytes = 8 << 20

// sameFile reports whether two nodes that are no folders have the same content.
func (b *Browser) sameFile(ctx context.Context, x, y *repo.Node) (bool, error) {
	switch {
	case x.Kind != y.Kind || x.Size != y.Size || x.Target != y.Target || x.Rdev != y.Rdev:
		return false, nil
	case sameContent(x.Content, y.Content):
		return true, nil
	case x.Size > comparedBytes:
		return false, nil
	}
	before, err := b.content(ctx, x)
	if err != nil {
		return false, err
	}
	after, err := b.content(ctx, y)
	return bytes.Equal(before, after), err
}

// content reads a file that is not long.
func (b *Browser) content(ctx context.Context, n *repo.Node) ([]byte, error) {
	out := make([]byte, 0, n.Size)
	err := b.repo.Extents(ctx, n.Content, func(e repo.Extent) error {
		if int64(len(out))+e.Length > n.Size {
			return fmt.Errorf("%w: the extents do not add up to the file", repo.ErrDamaged)
		}
		if e.Hole {
			out = append(out, make([]byte, e.Length)...)
			return nil
		}
		chunk, err := b.repo.Chunk(ctx, e.Chunk)
		if err == nil && int64(len(chunk)) < int64(e.Offset)+e.Length {
			err = fmt.Errorf("%w: chunk %s is shorter than the file says", repo.ErrDamaged, e.Chunk)
		}
		if err != nil {
			return err
		}
		out = append(out, chunk[e.Offset:int64(e.Offset)+e.Length]...)
		return nil
	})
	return out, err
}

func sameContent(a, b repo.Content) bool {
	return a.Depth == b.Depth && slices.Equal(a.Extents, b.Extents)
}
