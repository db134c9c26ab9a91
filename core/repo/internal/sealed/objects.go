package sealed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/store"
)

// Objects are the sealed objects of a repository at its destination. Only a change of protection replaces its fields.
type Objects struct {
	Store  store.Store
	Header *format.Header
	ID     format.RepositoryID
	Key    *backupkey.Key  // nil without encryption
	Epochs []*format.Epoch // all that can be read, the newest last
	Writes *format.Epoch   // the one that is written
	Trust  Trust           // what counts of closed epochs
	Seen   Seen            // of the keyring that was opened
	doubts *atomic.Int32   // how many want lists to be fresh
	seen   *glimpses
}

// New returns the objects of some epochs. The newest is the one that is written.
func New(s store.Store, h *format.Header, key *backupkey.Key, epochs []*format.Epoch) *Objects {
	return &Objects{Store: s, Header: h, ID: h.ID(), Key: key, Epochs: epochs, Writes: epochs[len(epochs)-1],
		doubts: new(atomic.Int32), seen: new(glimpses)}
}

// Newest is the epoch that began last; while encryption is turned off it is the one to come.
func (o *Objects) Newest() *format.Epoch { return o.Epochs[len(o.Epochs)-1] }

// Owner returns the epoch that made a name, nil if none of ours did.
func (o *Objects) Owner(kind format.ObjectKind, n format.Name) *format.Epoch {
	for _, e := range slices.Backward(o.Epochs) {
		if e.Owns(kind, n) {
			return e
		}
	}
	return nil
}

// List returns the names of one kind with their sizes. Objects that do not count
// (closing.go) are left out; verify reports them.
func (o *Objects) List(ctx context.Context, kind format.ObjectKind) (map[format.Name]int64, error) {
	return o.listOf(ctx, kind, func(n format.Name) bool { return o.Counts(kind, n) })
}

// listOf is List of the names that believed picks.
func (o *Objects) listOf(ctx context.Context, kind format.ObjectKind, believed func(format.Name) bool) (map[format.Name]int64, error) {
	names := make(map[format.Name]int64)
	err := o.Names(ctx, kind, func(there store.Object) error {
		if n, ok := kind.ParsePath(there.Name); ok && believed(n) {
			names[n] = there.Size
		}
		return nil
	})
	return names, err
}

// Read fetches and opens any object but a pack. One that does not count is ErrDamaged.
func (o *Objects) Read(ctx context.Context, kind format.ObjectKind, n format.Name) ([]byte, error) {
	if !o.Counts(kind, n) {
		return nil, fmt.Errorf("%w: %s %s is not of this backup", format.ErrDamaged, kind, n)
	}
	return o.readUnder(ctx, o.Owner(kind, n), kind, n)
}

// readUnder is Read for a caller that knows the epoch and believes it.
func (o *Objects) readUnder(ctx context.Context, e *format.Epoch, kind format.ObjectKind, n format.Name) ([]byte, error) {
	sealed, err := store.ReadAll(ctx, o.Store, kind.Path(n), format.MaxSealed)
	switch {
	case errors.Is(err, store.ErrNotExist):
		return nil, fmt.Errorf("%w: %s %s is %w", format.ErrDamaged, kind, n, ErrGone)
	case errors.Is(err, store.ErrTooLarge):
		return nil, fmt.Errorf("%w: %w", format.ErrDamaged, err)
	}
	if err != nil {
		return nil, err
	}
	if err := o.vouched(e, kind, n, sealed); err != nil {
		return nil, err
	}
	return e.OpenObject(o.ID, kind, n, sealed)
}

// PutRecord seals a small object under a new name and makes sure that it is there.
func (o *Objects) PutRecord(ctx context.Context, kind format.ObjectKind, payload []byte) (format.Name, error) {
	n := o.Writes.NewName(kind)
	return n, o.PutSure(ctx, kind.Path(n), o.Writes.SealObject(o.ID, kind, n, payload))
}

// PutRecordUnseen is PutRecord for a caller that looks itself whether it is there.
func (o *Objects) PutRecordUnseen(ctx context.Context, kind format.ObjectKind, payload []byte) (format.Name, error) {
	n := o.Writes.NewName(kind)
	return n, o.Put(ctx, kind.Path(n), o.Writes.SealObject(o.ID, kind, n, payload))
}

// DeleteAll deletes objects of one kind. Those that are gone already do no harm.
func (o *Objects) DeleteAll(ctx context.Context, kind format.ObjectKind, names []format.Name) error {
	for _, n := range names {
		if err := o.Store.Delete(ctx, kind.Path(n)); err != nil {
			return err
		}
	}
	return nil
}
