package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/index"
)

// How Load joins ranges of one pack: a gap this small costs less to read than
// another request.
const (
	LoadGap  = 64 << 10
	LoadSpan = 4 << 20
)

// wanted is one chunk that Load fetches.
type wanted struct {
	id format.ID
	at index.Location
}

// Load reads many chunks with few requests: pack by pack, neighbouring ranges
// in one. fn gets each chunk once, in no order, with its content or its
// damage; content may be kept as long as what alloc returned. alloc returns
// memory of n bytes. Errors of the destination, and of fn, end it.
func (eng *Engine) Load(ctx context.Context, ids []format.ID, alloc func(n int) []byte,
	fn func(id format.ID, content []byte, err error) error) error {
	list := make([]wanted, 0, len(ids))
	for _, id := range ids {
		at, ok := eng.Index.Find(id)
		if !ok {
			if err := fn(id, nil, fmt.Errorf("%w: chunk %s is in no index", format.ErrDamaged, id)); err != nil {
				return err
			}
			continue
		}
		list = append(list, wanted{id, at})
	}
	slices.SortFunc(list, func(a, b wanted) int {
		return cmp.Or(cmp.Compare(a.at.Pack, b.at.Pack), cmp.Compare(a.at.Offset, b.at.Offset))
	})
	for len(list) > 0 {
		n, end := 1, list[0].end()
		for n < len(list) && list[n].at.Pack == list[0].at.Pack && list[n].at.Offset <= end+LoadGap &&
			list[n].end()-list[0].at.Offset <= LoadSpan {
			end = max(end, list[n].end())
			n++
		}
		if err := eng.loadRange(ctx, list[:n], int(end-list[0].at.Offset), alloc, fn); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

func (w wanted) end() uint32 { return w.at.Offset + w.at.Record + format.GCMTag }

// loadRange reads neighbouring chunks of one pack with one request.
func (eng *Engine) loadRange(ctx context.Context, list []wanted, size int, alloc func(n int) []byte,
	fn func(format.ID, []byte, error) error) error {
	first := list[0].at
	name, packBytes := eng.Index.PackOf(first.Pack)
	c, err := eng.PackCipher(name)
	var sealed []byte
	start, end := blocks(int64(first.Offset), int64(first.Offset)+int64(size), packBytes)
	if err == nil {
		sealed = alloc(int(end - start))
		err = eng.readAt(ctx, format.KindPack.Path(name), sealed, start)
	}
	if errors.Is(err, format.ErrDamaged) && len(list) > 1 {
		// One that lies beyond a cut must not take the others with it.
		for i := range list {
			if err := eng.loadRange(ctx, list[i:i+1], int(list[i].at.Record)+format.GCMTag, alloc, fn); err != nil {
				return err
			}
		}
		return nil
	}
	if err != nil && !errors.Is(err, format.ErrDamaged) {
		return err
	}
	for _, w := range list {
		var content []byte
		cerr := err
		if cerr == nil {
			from := int(int64(w.at.Offset) - start)
			content, cerr = c.OpenRecord(w.id, w.at.Ordinal, sealed[from:from+int(w.at.Record)+format.GCMTag], int(w.at.Content),
				alloc(int(w.at.Content)))
		}
		if cerr != nil {
			if content, cerr = eng.chunkElsewhere(ctx, w.id, cerr); cerr != nil && !errors.Is(cerr, format.ErrDamaged) {
				return cerr
			}
		}
		if err := fn(w.id, content, cerr); err != nil {
			return err
		}
	}
	return nil
}

// Length returns the length of a chunk's content; false if it is in no index.
func (eng *Engine) Length(id format.ID) (int64, bool) {
	at, ok := eng.Index.Find(id)
	return int64(at.Content), ok
}
