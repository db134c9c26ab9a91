package engine

import (
	"errors"
	"fmt"
	"sync"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
)

// ErrVanished: chunks that a snapshot was to use were deleted, or marked for
// it, while it was made. Nothing was written; store them again.
var ErrVanished = errors.New("chunks of the backup were removed while it was made")

// WriteSnapshot makes a snapshot visible (docs/format.md, chapter 12). Everything
// it refers to must have been flushed. It returns the snapshot with its name set.
// Errors: ErrVanished when a prune got ahead: the index has forgotten what is
// lost, so a caller that stores everything again may go on with the same Writer.
// ErrChanged; those of store.
func (w *Writer) WriteSnapshot(s format.Snapshot) (*format.Snapshot, error) {
	s.Begin, s.End = s.Begin.Add(w.eng.Ahead), s.End.Add(w.eng.Ahead)
	return w.WriteDated(s)
}

// WriteDated is WriteSnapshot for one that has its dates.
func (w *Writer) WriteDated(s format.Snapshot) (*format.Snapshot, error) {
	if err := w.Checkpoint(&s); err != nil {
		return nil, err
	}
	pending := format.KindPending.Path(w.pending[len(w.pending)-1])
	if err := w.settle(pending); err != nil {
		return nil, err
	}
	s.Name = w.epoch.NewName(format.KindSnapshot)
	path := format.KindSnapshot.Path(s.Name)
	sealed := w.epoch.SealObject(w.eng.ID, format.KindSnapshot, s.Name, format.EncodeSnapshot(&s))
	if err := w.eng.Put(w.ctx, path, sealed); err != nil {
		return nil, err
	}
	w.stored.Add(int64(len(sealed)))
	// A computer that slept for a year between the two finds its pending object
	// deleted, and one that slept for a minute may find another epoch in force.
	var headerErr error
	var header sync.WaitGroup
	header.Go(func() { headerErr = w.eng.CheckHeader(w.ctx) })
	waits, err := w.eng.AreThere(w.ctx, path, len(sealed), pending)
	header.Wait()
	if err != nil {
		return nil, err
	}
	err = headerErr
	if err == nil && !waits {
		err = w.Settle()
	}
	if err != nil {
		return nil, errors.Join(err, w.takeBack(s.Name))
	}
	w.eng.lists.end()
	// What stays of these only makes prune wait.
	if w.eng.DeleteAll(w.ctx, format.KindPending, w.pending) == nil {
		w.pending = nil
	}
	return &s, nil
}

// takeBack deletes the snapshot that was just made visible. Others may have seen it meanwhile, and would miss it: so it is noted as
// deleted on purpose, which also lets a prune finish what is cut off here.
func (w *Writer) takeBack(n format.Name) error {
	_, err := w.eng.PutRecord(w.ctx, format.KindRemoval, format.EncodeRemoval([]format.Name{n}))
	return errors.Join(err, w.eng.Store.Delete(w.ctx, format.KindSnapshot.Path(n)))
}

// Settle compares what the run relied on with what is there now. A pending
// object must be there: then a prune sees it, or is seen here.
func (w *Writer) Settle() error { return w.settle("") }

// settle is Settle just after an object was put, whose path put is.
func (w *Writer) settle(put string) error {
	eng := w.eng
	defer eng.Doubt()()
	if put != "" {
		if err := eng.Glimpse(w.ctx, put); err != nil {
			return err
		}
		defer eng.Unsee()
	}
	marked, err := eng.MarkedPacks(w.ctx) // first: a mark goes after its packs
	if err != nil {
		return err
	}
	if _, err := eng.LoadIndex(w.ctx); err != nil {
		return err
	}
	present, err := eng.List(w.ctx, format.KindPack)
	if err != nil {
		return err
	}
	leaveOut(present, marked)
	if err := eng.CheckHeader(w.ctx); err != nil {
		return err
	}
	if lost := eng.Index.KeepOnly(present); lost > 0 {
		return fmt.Errorf("%w: %d chunks", ErrVanished, lost)
	}
	return nil
}
