package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/sealed"
)

// What writers aim at; readers need not know (docs/format.md, chapter 6).
const (
	DataPackTarget = 16 << 20
	MetaPackTarget = 4 << 20
	// dataBuffers packs of file data are in memory at most: one is filled
	// while the others are uploaded.
	dataBuffers = 3
	metaBuffers = 2
	// indexEvery packs an index is written, so that what a dead run left is
	// found again without reading the packs' tables.
	indexEvery = 64
)

// Writer adds chunks, indexes and snapshots to a repository. Packs are
// uploaded in the background while more are filled. Its Savers do the work;
// each is for one goroutine.
//
// A Writer must be closed. After a fault every call returns that fault.
type Writer struct {
	eng    *Engine
	epoch  *format.Epoch
	ctx    context.Context
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	claimed map[format.ID]struct{} // chunks in packs that are not uploaded yet

	data, meta *packClass
	uploads    errgroup.Group

	indexMu   sync.Mutex
	unindexed []format.PackList
	indexes   []format.Name // that this run has written

	pendingMu sync.Mutex
	pending   []format.Name // the run's pending objects at the destination, the newest last

	stored    atomic.Int64 // bytes put at the destination
	added     atomic.Int64 // bytes of content of new chunks
	newChunks atomic.Int64
}

// Stats tells what a Writer has done so far.
type Stats struct {
	Stored    int64 // bytes put at the destination
	Added     int64 // bytes of content that were new
	NewChunks int64
}

// NewWriter prepares for writing: it loads the indexes, takes up packs that
// an interrupted run left without an index, and forgets packs that are gone
// from the destination or marked for deletion, so that their chunks are stored again. packBytes is
// how large packs of file data may be, at most 16 MiB; 0 is 16 MiB.
func (eng *Engine) NewWriter(ctx context.Context, packBytes int) (*Writer, error) {
	defer eng.Unsee() // what was seen before is not believed while something is written
	if _, err := eng.LoadIndex(ctx); err != nil {
		return nil, err
	}
	marked, err := eng.MarkedPacks(ctx) // before the packs are listed: see Settle
	if err != nil {
		return nil, err
	}
	orphans, err := eng.adopt(ctx, marked)
	if err != nil {
		return nil, err
	}
	w := eng.NewWriterUnder(ctx, eng.Writes, packBytes)
	w.unindexed = orphans
	return w, nil
}

// NewWriterUnder returns a writer under an epoch that has looked at nothing that is there: for copies of what is.
func (eng *Engine) NewWriterUnder(ctx context.Context, e *format.Epoch, packBytes int) *Writer {
	if packBytes <= 0 || packBytes > DataPackTarget {
		packBytes = DataPackTarget
	}
	ctx, cancel := context.WithCancelCause(ctx)
	w := &Writer{eng: eng, epoch: e, ctx: ctx, cancel: cancel, claimed: make(map[format.ID]struct{})}
	w.data = newPackClass(w, packBytes, dataBuffers)
	w.meta = newPackClass(w, min(packBytes, MetaPackTarget), metaBuffers)
	return w
}

// adopt compares the packs at the destination with those the indexes name,
// and makes the index forget those that are gone or marked.
func (eng *Engine) adopt(ctx context.Context, marked map[format.Name]bool) (orphans []format.PackList, err error) {
	present, err := eng.List(ctx, format.KindPack)
	if err != nil {
		return nil, err
	}
	eng.mu.Lock()
	defer eng.mu.Unlock()
	leaveOut(present, marked)
	eng.Index.KeepOnly(present)
	for n, size := range present {
		// A pack of a closed epoch that no index names is of no use: its ids are those of another key, and somebody who has the old
		// key may have planted it.
		if eng.listed[n] || eng.Owner(format.KindPack, n) != eng.Writes {
			continue
		}
		entries, err := eng.ReadTable(ctx, n, size)
		if errors.Is(err, format.ErrDamaged) {
			continue // verify names it, or it was deleted just now; its chunks are simply stored again
		}
		if err != nil {
			return nil, err
		}
		p := format.PackList{Name: n, Size: size, Entries: entries}
		orphans = append(orphans, p)
		eng.listed[n] = true
		eng.Index.Add(p)
	}
	return orphans, nil
}

// leaveOut takes packs that are marked out of what is there.
func leaveOut(present map[format.Name]int64, marked map[format.Name]bool) {
	for n := range present {
		if marked[n] {
			delete(present, n)
		}
	}
}

// Stats returns the counts so far.
func (w *Writer) Stats() Stats {
	return Stats{Stored: w.stored.Load(), Added: w.added.Load(), NewChunks: w.newChunks.Load()}
}

// claim reports whether the caller must store this chunk: nobody has, and
// nobody else is about to.
func (w *Writer) claim(id format.ID) bool {
	if _, found := w.eng.Index.Find(id); found {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, taken := w.claimed[id]; taken {
		return false
	}
	if _, found := w.eng.Index.Find(id); found { // uploaded since the first look
		return false
	}
	w.claimed[id] = struct{}{}
	return true
}

func (w *Writer) fail(err error) { w.cancel(err) }

// put stores an object and counts it.
func (w *Writer) put(path string, b []byte) error {
	err := w.eng.Put(w.ctx, path, b)
	if w.ctx.Err() != nil {
		return context.Cause(w.ctx)
	}
	if err == nil {
		w.stored.Add(int64(len(b)))
	}
	return err
}

// writeIndex writes an index of the packs that have none yet.
func (w *Writer) writeIndex() error {
	w.indexMu.Lock()
	packs := w.unindexed
	w.unindexed = nil
	w.indexMu.Unlock()
	if len(packs) == 0 {
		return nil
	}
	name, err := w.eng.PutIndex(w.ctx, nil, packs)
	if err != nil {
		w.fail(err)
		return err
	}
	w.indexMu.Lock()
	w.indexes = append(w.indexes, name)
	w.indexMu.Unlock()
	return nil
}

// PutIndex writes an index under the current epoch and counts it as loaded.
func (eng *Engine) PutIndex(ctx context.Context, supersedes []format.Name, packs []format.PackList) (format.Name, error) {
	var name format.Name
	for try := 1; ; try++ {
		var err error
		if name, err = eng.PutRecord(ctx, format.KindIndex, format.EncodeIndex(supersedes, packs)); err == nil {
			break
		}
		// A prune may have put it into another index by now. It is put again: two indexes may say the same.
		if lost := (*sealed.LostError)(nil); !errors.As(err, &lost) || try == sealed.Tries {
			return name, err
		}
	}
	eng.mu.Lock()
	eng.loaded[name] = true
	eng.mu.Unlock()
	return name, nil
}

// Checkpoint tells prunes that this run is alive and what it has
// stored. The object before stays until the next one, so that no listing misses both.
func (w *Writer) Checkpoint(s *format.Snapshot) error {
	w.pendingMu.Lock()
	defer w.pendingMu.Unlock()
	w.indexMu.Lock()
	indexes := slices.Clone(w.indexes)
	w.indexMu.Unlock()
	put := w.eng.PutRecord
	if s != nil && w.eng.Store.Properties().Flat { // Settle looks whether it is there
		put = w.eng.PutRecordUnseen
	}
	name, err := put(w.ctx, format.KindPending, format.EncodePending(format.Pending{Indexes: indexes, Snapshot: s}))
	if err != nil {
		return err
	}
	if n := len(w.pending); n > 1 {
		if err := w.eng.DeleteAll(w.ctx, format.KindPending, w.pending[:n-1]); err != nil {
			return err
		}
		w.pending = w.pending[n-1:]
	}
	w.pending = append(w.pending, name)
	return nil
}

// Flush uploads what is open and writes the index. Everything stored so far
// is then durable and can be found.
func (w *Writer) Flush() error {
	for _, c := range []*packClass{w.data, w.meta} {
		c.mu.Lock()
		if c.open != nil {
			c.closeLocked()
		}
		c.mu.Unlock()
	}
	if err := w.uploads.Wait(); err != nil {
		return err
	}
	w.uploads = errgroup.Group{}
	return w.writeIndex()
}

// Close stops uploads under way and frees the buffers. What was not flushed
// is not part of the repository; the next run finds finished packs again.
// No Saver may be at work.
func (w *Writer) Close() {
	w.cancel(errors.New("the writer is closed"))
	_ = w.uploads.Wait() // Flush has reported faults
	for _, c := range []*packClass{w.data, w.meta} {
		for _, b := range c.made {
			freeBuffer(b)
		}
		c.made = nil
	}
}

// ChunkerKey is the key of FastCDC's gear table.
func (w *Writer) ChunkerKey() []byte { return w.epoch.ChunkerKey() }

// CutAfter reports whether gathered files are cut after this one, so that a cut
// comes about every average bytes (docs/format.md, chapter 5).
func (w *Writer) CutAfter(name string, size, average int64) bool {
	return w.epoch.CutAfter(name, size, average)
}
