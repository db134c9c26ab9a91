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
	ctx, cancel := context.WithCancel(ctx)
	var ahead []*fetch
	defer func() {
		cancel()
		for _, f := range ahead { // they write into the caller's memory
			<-f.done //nolint:errcheck // Load has ended otherwise
		}
	}()
	most := 1
	if p := eng.Store.Properties(); p.Far {
		most = min(loadAhead, max(1, p.Connections))
	}
	for len(list) > 0 || len(ahead) > 0 {
		for len(list) > 0 && len(ahead) < most {
			n := neighbours(list)
			ahead = append(ahead, eng.fetch(ctx, list[:n], alloc))
			list = list[n:]
		}
		err := <-ahead[0].done
		f := ahead[0]
		ahead = ahead[1:]
		if err := eng.openFetched(ctx, f, err, alloc, fn); err != nil {
			return err
		}
	}
	return nil
}

// loadAhead is how many ranges one Load reads at once from a place far away, which takes as long for many as for one.
const loadAhead = 4

// neighbours is how many chunks from the first on are read with one request.
func neighbours(list []wanted) int {
	n, end := 1, list[0].end()
	for n < len(list) && list[n].at.Pack == list[0].at.Pack && list[n].at.Offset <= end+LoadGap &&
		list[n].end()-list[0].at.Offset <= LoadSpan {
		end = max(end, list[n].end())
		n++
	}
	return n
}

// fetch is a range of a pack that is being read.
type fetch struct {
	list   []wanted
	cipher format.PackCipher
	start  int64
	sealed []byte
	done   chan error // gives one error, and may do so at once
}

// fetch begins to read neighbouring chunks of one pack with one request.
func (eng *Engine) fetch(ctx context.Context, list []wanted, alloc func(n int) []byte) *fetch {
	f := &fetch{list: list, done: make(chan error, 1)}
	first, end := list[0].at, uint32(0)
	for _, w := range list {
		end = max(end, w.end())
	}
	name, packBytes := eng.Index.PackOf(first.Pack)
	var err error
	if f.cipher, err = eng.PackCipher(name); err != nil {
		f.done <- err
		return f
	}
	from, to := blocks(int64(first.Offset), int64(end), packBytes)
	f.start, f.sealed = from, alloc(int(to-from))
	go func() { f.done <- eng.readAt(ctx, format.KindPack.Path(name), f.sealed, from) }()
	return f
}

func (w wanted) end() uint32 { return w.at.Offset + w.at.Record + format.GCMTag }

// openFetched opens what a fetch has read, or says with err why it has not.
func (eng *Engine) openFetched(ctx context.Context, f *fetch, err error, alloc func(n int) []byte,
	fn func(format.ID, []byte, error) error) error {
	if errors.Is(err, format.ErrDamaged) && len(f.list) > 1 {
		// One that lies beyond a cut must not take the others with it.
		for i := range f.list {
			one := eng.fetch(ctx, f.list[i:i+1], alloc)
			if err := eng.openFetched(ctx, one, <-one.done, alloc, fn); err != nil {
				return err
			}
		}
		return nil
	}
	if err != nil && !errors.Is(err, format.ErrDamaged) {
		return err
	}
	for _, w := range f.list {
		var content []byte
		cerr := err
		if cerr == nil {
			from := int(int64(w.at.Offset) - f.start)
			content, cerr = f.cipher.OpenRecord(w.id, w.at.Ordinal, f.sealed[from:from+int(w.at.Record)+format.GCMTag], int(w.at.Content),
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
