package backup

import (
	"context"
	"errors"
	"io"

	chunkers "github.com/PlakarKorp/go-cdc-chunkers"

	"github.com/holdfast-backup/holdfast/core/database"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/source"
)

// openFile is a large file; the blocks read it at the same time.
type openFile struct {
	*source.Handle
	entry source.Entry // as it was when it was opened
}

// large opens a file and hands its blocks to the workers. The item goes first,
// so that the assembler takes the blocks as they come.
func (w *walker) large(ctx context.Context, ref *dirRef, p *pending, it item) error {
	f, opened, err := openStable(ref.Dir, p.entry)
	if err != nil {
		w.links.forget(p)
		return w.gone(ctx, p.path, err)
	}
	var head [database.HeadBytes]byte
	if n, err := f.ReadAt(head[:], 0); err == nil && busy(head[:n], &opened) {
		_ = f.Close() // only read from
		return w.storeDatabase(ctx, ref, nil, p, it)
	}
	p.readXattrs(f)
	p.dir = ref.hold()
	p.file = &openFile{Handle: f, entry: opened}
	return w.blocksOf(ctx, p, it)
}

// blocksOf hands the blocks of an open file to the workers.
func (w *walker) blocksOf(ctx context.Context, p *pending, it item) error {
	f, opened := p.file.Handle, p.file.entry
	p.blocks = make(chan *block, 64)
	defer close(p.blocks)
	byPosition := isMedia(p.entry.Name) || opened.Size <= cdcMin
	if !byPosition && opened.Size >= pagedMin {
		if page := pageOf(f); page > 0 && whole(f, opened.Size) {
			p.paged = w.openPaged(p.path, page)
		}
	}
	if err := w.send(ctx, it); err != nil {
		return err
	}
	// The last file of a bundle may be what the assembler waits for.
	if err := w.submitBundle(ctx); err != nil {
		return err
	}
	if p.paged != nil {
		return w.byPages(ctx, p, opened.Size)
	}
	return eachData(f, opened.Size, func(start, end int64) error {
		if byPosition {
			return w.byPosition(ctx, p, start, end)
		}
		return w.byContent(ctx, p, start, end)
	}, func(hole int64) error {
		b := &block{done: make(chan struct{}), extent: repo.Extent{Hole: true, Length: hole}}
		close(b.done)
		return w.sendBlock(ctx, p, b)
	})
}

func (w *walker) sendBlock(ctx context.Context, p *pending, b *block) error {
	if err := w.o.Gate.wait(ctx); err != nil {
		return err
	}
	return put(ctx, p.blocks, b)
}

// byPosition lets workers read blocks of blockMax by themselves.
func (w *walker) byPosition(ctx context.Context, p *pending, start, end int64) error {
	for at := start; at < end; at += blockMax {
		b := &block{done: make(chan struct{})}
		if err := w.sendBlock(ctx, p, b); err != nil {
			return err
		}
		if err := w.submit(ctx, &readBlock{block: b, file: p.file.Handle, offset: at, length: int(min(blockMax, end-at))}); err != nil {
			return err
		}
	}
	return nil
}

// byContent finds FastCDC's boundaries here and lets workers do the rest.
func (w *walker) byContent(ctx context.Context, p *pending, start, end int64) error {
	if w.scan == nil {
		w.scan = make([]byte, 2*blockMax)
	}
	c, err := chunkers.NewChunkerBuffer(cdcName, io.NewSectionReader(p.file, start, end-start), cdcOptions(w.writer.ChunkerKey()), w.scan)
	if err != nil {
		return err
	}
	for {
		piece, err := c.Next()
		if len(piece) > 0 {
			var buf []byte
			select {
			case buf = <-w.buffers:
			case <-ctx.Done():
				return ctx.Err()
			}
			if buf == nil {
				buf = repo.ChunkBuffer(blockMax)
			}
			copy(buf[1:], piece)
			b := &block{done: make(chan struct{})}
			if err := w.sendBlock(ctx, p, b); err != nil {
				return err
			}
			if err := w.submit(ctx, &saveBlock{block: b, buf: buf, length: len(piece)}); err != nil {
				return err
			}
		}
		if err == nil {
			continue
		}
		if errors.Is(err, source.ErrNoAnswer) {
			w.scan = nil // it may still be written to
		}
		if !errors.Is(err, io.EOF) {
			b := &block{done: make(chan struct{}), err: err}
			close(b.done)
			return w.sendBlock(ctx, p, b)
		}
		return nil
	}
}

// whole reports whether a file has no holes.
func whole(f *source.Handle, size int64) bool {
	start, end, err := f.NextData(0)
	return err == nil && start == 0 && end >= size
}

// eachData calls data and hole for the runs of a file, in order.
func eachData(f *source.Handle, size int64, data func(start, end int64) error, hole func(length int64) error) error {
	for at := int64(0); at < size; {
		start, end, err := f.NextData(at)
		if errors.Is(err, io.EOF) {
			start, end = size, size
		} else if err != nil {
			start, end = at, size // not told: all of it is data
		}
		start, end = min(start, size), min(end, size)
		if start > at {
			if err := hole(start - at); err != nil {
				return err
			}
		}
		if end > start {
			if err := data(start, end); err != nil {
				return err
			}
		}
		at = max(end, start)
		if at == start && end <= start && start < size {
			return data(start, size) // a file system that makes no progress
		}
	}
	return nil
}
