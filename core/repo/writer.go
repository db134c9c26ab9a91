package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/holdfast-backup/holdfast/core/repo/internal/sealed"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/store"
)

// What writers aim at; readers need not know (docs/format.md, chapter 6).
const (
	dataPackTarget = 16 << 20
	metaPackTarget = 4 << 20
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
	repo   *Engine
	epoch  *Epoch
	ctx    context.Context
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	claimed map[ID]struct{} // chunks in packs that are not uploaded yet

	data, meta *packClass
	uploads    errgroup.Group

	indexMu   sync.Mutex
	unindexed []format.PackList
	indexes   []Name // that this run has written

	pendingMu sync.Mutex
	pending   []Name // the run's pending objects at the destination, the newest last

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
	if packBytes <= 0 || packBytes > dataPackTarget {
		packBytes = dataPackTarget
	}
	if _, err := eng.LoadIndex(ctx); err != nil {
		return nil, err
	}
	marked, err := eng.MarkedPacks(ctx) // before the packs are listed: see settle
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

func (eng *Engine) NewWriterUnder(ctx context.Context, e *Epoch, packBytes int) *Writer {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &Writer{repo: eng, epoch: e, ctx: ctx, cancel: cancel, claimed: make(map[ID]struct{})}
	w.data = newPackClass(w, packBytes, dataBuffers)
	w.meta = newPackClass(w, min(packBytes, metaPackTarget), metaBuffers)
	return w
}

// adopt compares the packs at the destination with those the indexes name,
// and makes the index forget those that are gone or marked.
func (eng *Engine) adopt(ctx context.Context, marked map[Name]bool) (orphans []format.PackList, err error) {
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
		if errors.Is(err, ErrDamaged) {
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
func leaveOut(present map[Name]int64, marked map[Name]bool) {
	for n := range present {
		if marked[n] {
			delete(present, n)
		}
	}
}

// ReadTable reads the table at the end of a pack.
func (eng *Engine) ReadTable(ctx context.Context, n Name, size int64) ([]format.PackEntry, error) {
	damaged := func(what string) error { return fmt.Errorf("%w: pack %s %s", ErrDamaged, n, what) }
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

// Stats returns the counts so far.
func (w *Writer) Stats() Stats {
	return Stats{Stored: w.stored.Load(), Added: w.added.Load(), NewChunks: w.newChunks.Load()}
}

// claim reports whether the caller must store this chunk: nobody has, and
// nobody else is about to.
func (w *Writer) claim(id ID) bool {
	if _, found := w.repo.Index.Find(id); found {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, taken := w.claimed[id]; taken {
		return false
	}
	if _, found := w.repo.Index.Find(id); found { // uploaded since the first look
		return false
	}
	w.claimed[id] = struct{}{}
	return true
}

func (w *Writer) fail(err error) { w.cancel(err) }

// put stores an object and counts it.
func (w *Writer) put(path string, b []byte) error {
	err := w.repo.Put(w.ctx, path, b)
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
	name, err := w.repo.PutIndex(w.ctx, nil, packs)
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
func (eng *Engine) PutIndex(ctx context.Context, supersedes []Name, packs []format.PackList) (Name, error) {
	var name Name
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

// checkpoint tells prunes that this run is alive and what it has
// stored. The object before stays until the next one, so that no listing misses both.
func (w *Writer) checkpoint(s *Snapshot) error {
	w.pendingMu.Lock()
	defer w.pendingMu.Unlock()
	w.indexMu.Lock()
	indexes := slices.Clone(w.indexes)
	w.indexMu.Unlock()
	name, err := w.repo.PutRecord(w.ctx, format.KindPending, format.EncodePending(format.Pending{Indexes: indexes, Snapshot: s}))
	if err != nil {
		return err
	}
	if n := len(w.pending); n > 1 {
		if err := w.repo.DeleteAll(w.ctx, format.KindPending, w.pending[:n-1]); err != nil {
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

// WriteSnapshot makes a snapshot visible (docs/format.md, chapter 12). Everything
// it refers to must have been flushed. It returns the snapshot with its name set.
// Errors: ErrVanished when a prune got ahead: the index has forgotten what is
// lost, so a caller that stores everything again may go on with the same Writer.
// ErrChanged; those of store.
func (w *Writer) WriteSnapshot(s Snapshot) (*Snapshot, error) {
	s.Begin, s.End = s.Begin.Add(w.repo.Ahead), s.End.Add(w.repo.Ahead)
	return w.writeSnapshot(s)
}

// writeSnapshot is WriteSnapshot for one that has its dates.
func (w *Writer) writeSnapshot(s Snapshot) (*Snapshot, error) {
	if err := w.checkpoint(&s); err != nil {
		return nil, err
	}
	if err := w.settle(); err != nil {
		return nil, err
	}
	s.Name = w.epoch.NewName(format.KindSnapshot)
	path := format.KindSnapshot.Path(s.Name)
	sealed := w.epoch.SealObject(w.repo.ID, format.KindSnapshot, s.Name, format.EncodeSnapshot(&s))
	if err := w.repo.PutSure(w.ctx, path, sealed); err != nil {
		return nil, err
	}
	w.stored.Add(int64(len(sealed)))
	// A computer that slept for a year between the two finds its pending object
	// deleted, and one that slept for a minute may find another epoch in force.
	_, err := w.repo.Store.Stat(w.ctx, format.KindPending.Path(w.pending[len(w.pending)-1]))
	if errors.Is(err, store.ErrNotExist) {
		err = w.settle()
	} else if err == nil {
		err = w.repo.CheckHeader(w.ctx)
	}
	if err != nil {
		return nil, errors.Join(err, w.takeBack(s.Name))
	}
	// What stays of these only makes prune wait.
	if w.repo.DeleteAll(w.ctx, format.KindPending, w.pending) == nil {
		w.pending = nil
	}
	return &s, nil
}

// takeBack deletes the snapshot that was just made visible. Others may have seen it meanwhile, and would miss it: so it is noted as
// deleted on purpose, which also lets a prune finish what is cut off here.
func (w *Writer) takeBack(n Name) error {
	_, err := w.repo.PutRecord(w.ctx, format.KindRemoval, format.EncodeRemoval([]Name{n}))
	return errors.Join(err, w.repo.Store.Delete(w.ctx, format.KindSnapshot.Path(n)))
}

// settle compares what the run relied on with what is there now. A pending
// object must be there: then a prune sees it, or is seen here.
func (w *Writer) settle() error {
	r := w.repo
	marked, err := r.MarkedPacks(w.ctx) // first: a mark goes after its packs
	if err != nil {
		return err
	}
	if _, err := r.LoadIndex(w.ctx); err != nil {
		return err
	}
	present, err := r.List(w.ctx, format.KindPack)
	if err != nil {
		return err
	}
	leaveOut(present, marked)
	if err := r.CheckHeader(w.ctx); err != nil {
		return err
	}
	if lost := r.Index.KeepOnly(present); lost > 0 {
		return fmt.Errorf("%w: %d chunks", ErrVanished, lost)
	}
	return nil
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
