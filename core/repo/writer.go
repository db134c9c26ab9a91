package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

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
	putTries   = 3
)

// Writer adds chunks, indexes and snapshots to a repository. Packs are
// uploaded in the background while more are filled. Its Savers do the work;
// each is for one goroutine.
//
// A Writer must be closed. After a fault every call returns that fault.
type Writer struct {
	repo   *Repository
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

// packClass is the packs of one sort: file data, or metadata.
type packClass struct {
	w      *Writer
	target int
	mu     sync.Mutex
	open   *openPack
	free   chan []byte // buffers; nil ones are made at their first use
	made   [][]byte
}

// openPack is a pack being filled. Records are sealed in place, by several
// goroutines at once, into ranges that were reserved one after the other.
type openPack struct {
	class   *packClass
	name    Name
	cipher  format.PackCipher
	buf     []byte
	used    int
	entries []format.PackEntry
	pending atomic.Int32 // reservations not sealed yet, and one while it is open
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
func (r *Repository) NewWriter(ctx context.Context, packBytes int) (*Writer, error) {
	if packBytes <= 0 || packBytes > dataPackTarget {
		packBytes = dataPackTarget
	}
	if _, err := r.LoadIndex(ctx); err != nil {
		return nil, err
	}
	marks, err := r.marks(ctx) // before the packs are listed: see settle
	if err != nil {
		return nil, err
	}
	orphans, err := r.adopt(ctx, markedPacks(marks))
	if err != nil {
		return nil, err
	}
	w := r.newWriter(ctx, r.current(), packBytes)
	w.unindexed = orphans
	return w, nil
}

func (r *Repository) newWriter(ctx context.Context, e *Epoch, packBytes int) *Writer {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &Writer{repo: r, epoch: e, ctx: ctx, cancel: cancel, claimed: make(map[ID]struct{})}
	w.data = newPackClass(w, packBytes, dataBuffers)
	w.meta = newPackClass(w, min(packBytes, metaPackTarget), metaBuffers)
	return w
}

func newPackClass(w *Writer, target, buffers int) *packClass {
	c := &packClass{w: w, target: target, free: make(chan []byte, buffers)}
	for range buffers {
		c.free <- nil
	}
	return c
}

// adopt compares the packs at the destination with those the indexes name,
// and makes the index forget those that are gone or marked.
func (r *Repository) adopt(ctx context.Context, marked map[Name]bool) (orphans []format.PackList, err error) {
	present, err := r.list(ctx, format.KindPack)
	if err != nil {
		return nil, err
	}
	r.loadMu.Lock()
	defer r.loadMu.Unlock()
	leaveOut(present, marked)
	r.index.KeepOnly(present)
	for n, size := range present {
		// A pack of a closed epoch that no index names is of no use: its ids are those of another key, and somebody who has the old
		// key may have planted it.
		if r.listed[n] || r.owner(format.KindPack, n) != r.writes {
			continue
		}
		entries, err := r.readTable(ctx, n, size)
		if errors.Is(err, ErrDamaged) {
			continue // verify names it, or it was deleted just now; its chunks are simply stored again
		}
		if err != nil {
			return nil, err
		}
		p := format.PackList{Name: n, Size: size, Entries: entries}
		orphans = append(orphans, p)
		r.listed[n] = true
		r.index.Add(p)
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

// readTable reads the table at the end of a pack.
func (r *Repository) readTable(ctx context.Context, n Name, size int64) ([]format.PackEntry, error) {
	damaged := func(what string) error { return fmt.Errorf("%w: pack %s %s", ErrDamaged, n, what) }
	if size < format.TrailerSealed || size > format.MaxPack {
		return nil, damaged("has an impossible size")
	}
	c, err := r.packCipherOf(n)
	if err != nil {
		return nil, err
	}
	// Most tables are in the last block; how long one is shows only where it is longer.
	from, _ := blocks(size-format.TrailerSealed, size, size)
	end := make([]byte, size-from)
	if err := r.readAt(ctx, format.KindPack.Path(n), end, from); err != nil {
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
		if err := r.readAt(ctx, format.KindPack.Path(n), before, start); err != nil {
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
	if _, found := w.repo.index.Find(id); found {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, taken := w.claimed[id]; taken {
		return false
	}
	if _, found := w.repo.index.Find(id); found { // uploaded since the first look
		return false
	}
	w.claimed[id] = struct{}{}
	return true
}

// reserve returns a place for a sealed record in a pack of the class.
func (c *packClass) reserve(e format.PackEntry) (p *openPack, ordinal uint32, place []byte, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.open; p != nil && (format.PackSize(p.used+e.Sealed(), len(p.entries)+1) > c.target || len(p.entries) == format.MaxPackChunks) {
		c.closeLocked()
	}
	if c.open == nil {
		var buf []byte
		select {
		case buf = <-c.free:
		case <-c.w.ctx.Done():
			return nil, 0, nil, context.Cause(c.w.ctx)
		}
		if buf == nil {
			// Room for one chunk of the greatest size over the target, its tail and its padding.
			if buf, err = newBuffer(format.Padme(c.target + MaxChunk + format.MaxPackChunks)); err != nil {
				return nil, 0, nil, err
			}
			c.made = append(c.made, buf)
		}
		name := c.w.epoch.NewName(format.KindPack)
		c.open = &openPack{class: c, name: name, cipher: c.w.epoch.PackCipher(name), buf: buf}
		c.open.pending.Store(1)
	}
	p = c.open
	ordinal, place = uint32(len(p.entries)), p.buf[p.used:p.used:p.used+e.Sealed()]
	p.used += e.Sealed()
	p.entries = append(p.entries, e)
	p.pending.Add(1)
	if wellFilled(p.used, len(p.entries), c.target) {
		c.closeLocked()
	}
	return p, ordinal, place, nil
}

// wellFilled reports whether a pack is so close under a length that it would be
// padded to that it should end here, from half of the target on. The more records may still
// come, the closer it must be: with k to come and the padding taken as uniform below w, waiting
// pays as long as there is more of it than about 2w/(k+4). Filled blindly, packs are a
// hundredth of padding.
func wellFilled(used, records, target int) bool {
	size := used + format.GCMTag + records*format.TableEntry + format.GCMTag + format.TrailerSealed
	if size < target/2 {
		return false
	}
	padding, w := format.Padme(size)-size, format.PadmeGrain(size)
	left := max(0, target-size) / (size / records)
	return padding*(left+4) <= 2*w
}

// closeLocked ends the open pack; the last one to seal a record uploads it.
func (c *packClass) closeLocked() {
	p := c.open
	c.open = nil
	p.done()
}

func (p *openPack) done() {
	if p.pending.Add(-1) == 0 {
		p.class.w.uploads.Go(p.upload)
	}
}

func (p *openPack) upload() error {
	w := p.class.w
	sealed := p.cipher.SealTail(p.buf[:p.used], p.entries)
	err := w.put(format.KindPack.Path(p.name), sealed)
	p.class.free <- p.buf
	if err != nil {
		w.fail(err)
		return err
	}
	list := format.PackList{Name: p.name, Size: int64(len(sealed)), Entries: p.entries}
	w.repo.loadMu.Lock()
	w.repo.listed[p.name] = true
	w.repo.loadMu.Unlock()
	w.repo.index.Add(list)
	w.mu.Lock()
	for _, e := range p.entries {
		delete(w.claimed, e.ID)
	}
	w.mu.Unlock()

	w.indexMu.Lock()
	w.unindexed = append(w.unindexed, list)
	full := len(w.unindexed) >= indexEvery
	w.indexMu.Unlock()
	if !full {
		return nil
	}
	if err := w.writeIndex(); err != nil {
		return err
	}
	if err := w.checkpoint(nil); err != nil {
		w.fail(err)
		return err
	}
	return nil
}

func (w *Writer) fail(err error) { w.cancel(err) }

// put stores an object and counts it.
func (w *Writer) put(path string, b []byte) error {
	err := w.repo.put(w.ctx, path, b)
	if w.ctx.Err() != nil {
		return context.Cause(w.ctx)
	}
	if err == nil {
		w.stored.Add(int64(len(b)))
	}
	return err
}

// put stores an object, trying again after faults that may pass. An answer
// may be lost after the object was stored, so a second try may find it there.
func (r *Repository) put(ctx context.Context, path string, b []byte) error {
	for try := 1; ; try++ {
		err := r.store.Put(ctx, path, b)
		if errors.Is(err, store.ErrExists) && try > 1 {
			if o, statErr := r.store.Stat(ctx, path); statErr == nil && o.Size == int64(len(b)) {
				err = nil
			}
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case try == putTries || store.IsPermanent(err):
			return err
		}
		wait := time.NewTimer(time.Duration(try*try) * 250 * time.Millisecond)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return context.Cause(ctx)
		}
	}
}

// putSure stores an object and looks whether it is there: for those on which
// the safety of others' data rests.
func (r *Repository) putSure(ctx context.Context, path string, b []byte) error {
	if err := r.put(ctx, path, b); err != nil {
		return err
	}
	o, err := r.store.Stat(ctx, path)
	if err == nil && o.Size != int64(len(b)) || errors.Is(err, store.ErrNotExist) {
		err = &lostError{path}
	}
	return err
}

// lostError is ErrDamaged: an object was stored and is not there.
type lostError struct{ path string }

func (e *lostError) Error() string {
	return ErrDamaged.Error() + ": " + e.path + " was stored and is not there"
}
func (e *lostError) Unwrap() error { return ErrDamaged }

// writeIndex writes an index of the packs that have none yet.
func (w *Writer) writeIndex() error {
	w.indexMu.Lock()
	packs := w.unindexed
	w.unindexed = nil
	w.indexMu.Unlock()
	if len(packs) == 0 {
		return nil
	}
	name, err := w.repo.putIndex(w.ctx, nil, packs)
	if err != nil {
		w.fail(err)
		return err
	}
	w.indexMu.Lock()
	w.indexes = append(w.indexes, name)
	w.indexMu.Unlock()
	return nil
}

// putIndex writes an index under the current epoch and counts it as loaded.
func (r *Repository) putIndex(ctx context.Context, supersedes []Name, packs []format.PackList) (Name, error) {
	var name Name
	for try := 1; ; try++ {
		var err error
		if name, err = r.putRecord(ctx, format.KindIndex, format.EncodeIndex(supersedes, packs)); err == nil {
			break
		}
		// A prune may have put it into another index by now. It is put again: two indexes may say the same.
		if lost := (*lostError)(nil); !errors.As(err, &lost) || try == putTries {
			return name, err
		}
	}
	r.loadMu.Lock()
	r.loaded[name] = true
	r.loadMu.Unlock()
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
	name, err := w.repo.putRecord(w.ctx, format.KindPending, format.EncodePending(format.Pending{Indexes: indexes, Snapshot: s}))
	if err != nil {
		return err
	}
	if n := len(w.pending); n > 1 {
		if err := w.repo.deleteAll(w.ctx, format.KindPending, w.pending[:n-1]); err != nil {
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
	s.Begin, s.End = s.Begin.Add(w.repo.ahead), s.End.Add(w.repo.ahead)
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
	sealed := w.epoch.SealObject(w.repo.id, format.KindSnapshot, s.Name, format.EncodeSnapshot(&s))
	if err := w.repo.putSure(w.ctx, path, sealed); err != nil {
		return nil, err
	}
	w.stored.Add(int64(len(sealed)))
	// A computer that slept for a year between the two finds its pending object
	// deleted, and one that slept for a minute may find another epoch in force.
	_, err := w.repo.store.Stat(w.ctx, format.KindPending.Path(w.pending[len(w.pending)-1]))
	if errors.Is(err, store.ErrNotExist) {
		err = w.settle()
	} else if err == nil {
		err = w.repo.checkHeader(w.ctx)
	}
	if err != nil {
		return nil, errors.Join(err, w.takeBack(s.Name))
	}
	// What stays of these only makes prune wait.
	if w.repo.deleteAll(w.ctx, format.KindPending, w.pending) == nil {
		w.pending = nil
	}
	return &s, nil
}

// takeBack deletes the snapshot that was just made visible. Others may have seen it meanwhile, and would miss it: so it is noted as
// deleted on purpose, which also lets a prune finish what is cut off here.
func (w *Writer) takeBack(n Name) error {
	_, err := w.repo.putRecord(w.ctx, format.KindRemoval, format.EncodeRemoval([]Name{n}))
	return errors.Join(err, w.repo.store.Delete(w.ctx, format.KindSnapshot.Path(n)))
}

// settle compares what the run relied on with what is there now. A pending
// object must be there: then a prune sees it, or is seen here.
func (w *Writer) settle() error {
	r := w.repo
	marks, err := r.marks(w.ctx) // first: a mark goes after its packs
	if err != nil {
		return err
	}
	if _, err := r.LoadIndex(w.ctx); err != nil {
		return err
	}
	present, err := r.list(w.ctx, format.KindPack)
	if err != nil {
		return err
	}
	leaveOut(present, markedPacks(marks))
	if err := r.checkHeader(w.ctx); err != nil {
		return err
	}
	if lost := r.index.KeepOnly(present); lost > 0 {
		return fmt.Errorf("%w: %d chunks", ErrVanished, lost)
	}
	return nil
}

// checkHeader reports whether protection and epochs are still those that were
// opened; otherwise it is ErrChanged.
func (r *Repository) checkHeader(ctx context.Context) error {
	h, err := readHeader(ctx, r.store)
	if err == nil && !h.SameEpochs(r.header) {
		err = ErrChanged
	}
	return err
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
