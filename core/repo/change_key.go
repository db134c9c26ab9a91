package repo

import (
	"context"
	"slices"
	"time"

	"github.com/holdfast-backup/holdfast/core/repo/internal/sealed"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/store"
)

// ChangeKey seals the epochs, and a new one for what is written from now on,
// under another key, and closes over what is there (docs/format.md, chapter 4). Data is not encrypted again: what the old key could open
// before, a copy of the old keyring and the old key still open.
// card is that of the vault that holds the new key, nil for none.
// Errors: ErrNotEncrypted; ErrChanged when another computer was first; ErrChanging; ErrTooManyKeys; ErrDamaged when
// it cannot be told what counts now.
func (r *Repository) ChangeKey(ctx context.Context, key *backupkey.Key, card []byte) error {
	if err := format.CheckCard(card); err != nil {
		return err
	}
	fresh := format.NewEpoch(r.e.ID, format.NewSecret(), time.Now().Unix())
	return r.closeEpochs(ctx, key, fresh, func(h *format.Header) { h.KeyID, h.VaultCard = key.ID().String(), card })
}

// Upgrade writes what a version before closing lists has left in the form of this one, under the same key.
// It does nothing where that is done. Errors: as ChangeKey.
func (r *Repository) Upgrade(ctx context.Context) error {
	if r.e.Header.Version >= format.HeaderVersion || r.e.Header.Protection != ProtectionKey || r.e.Header.Next != nil {
		return nil
	}
	return r.closeEpochs(ctx, r.e.Key, nil, func(*format.Header) {})
}

// closeEpochs writes a keyring under key, with a new epoch if fresh is not nil, that closes over what counts now.
// The order is that of docs/format.md, chapter 4: list, keyring, header, and a second list of what came between.
func (r *Repository) closeEpochs(ctx context.Context, key *backupkey.Key, fresh *Epoch, change func(*format.Header)) error {
	switch {
	case r.e.Header.Protection != ProtectionKey:
		return ErrNotEncrypted
	case r.e.Header.Next != nil:
		return ErrChanging
	}
	first, err := r.e.CloseOver(ctx, nil)
	if err != nil {
		return err
	}
	ring, err := r.nextRing(ctx, fresh)
	if err != nil {
		return err
	}
	current := ring.Epochs[len(ring.Epochs)-1]
	if slices.ContainsFunc(ring.Epochs, func(e *Epoch) bool { return e.State == format.EpochClosed }) {
		name, err := r.e.PutClosing(ctx, current, first)
		if err != nil {
			return err
		}
		ring.Closing = &name
	}
	h, last := *r.e.Header, r.e.Header.Keyring
	change(&h)
	before := r.Fresh()
	seen, err := r.e.ReplaceKeyring(ctx, &h, &h.Guard, key, ring, key)
	if err != nil {
		return err
	}
	if ring.Closing != nil {
		if err := r.closeBetween(ctx, before, current, first); err != nil {
			return err
		}
	}
	r.e.Key, r.e.Epochs, r.e.Writes, r.e.Seen = key, ring.Epochs, current, seen
	if err := r.e.LoadTrust(ctx, ring); err != nil {
		return err
	}
	if err := r.deleteKeyrings(ctx, last); err != nil {
		return err
	}
	return r.dropClosings(ctx)
}

// closeBetween closes over what came between the first list and the header: whoever looked at the header after its last write, and found
// it as it was, wrote before now. It tries again after faults that may pass, since it is the only moment at which this can be
// done: later, somebody with the old key may have written.
func (r *Repository) closeBetween(ctx context.Context, before *Repository, current *Epoch, first format.ClosedOver) (err error) {
	for range sealed.Tries {
		var more format.ClosedOver
		if more, err = before.e.CloseOver(ctx, first); err == nil && len(more) > 0 {
			_, err = r.e.PutClosing(ctx, current, more)
		}
		if err == nil || ctx.Err() != nil || store.IsPermanent(err) {
			return err
		}
	}
	return err
}

// nextRing is the keyring after the present one: with a new epoch, if there is one, and without closed epochs of which
// nothing is left.
func (r *Repository) nextRing(ctx context.Context, fresh *Epoch) (*format.Keyring, error) {
	used := make(map[*Epoch]bool)
	for _, kind := range format.Kinds {
		if kind == format.KindClosing {
			continue
		}
		err := r.e.Store.List(ctx, kind.Prefix(), func(o store.Object) error {
			if n, ok := kind.ParsePath(o.Name); ok {
				if e := r.e.Owner(kind, n); e != nil {
					used[e] = true
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	ring := &format.Keyring{Version: 2}
	for _, e := range r.e.Epochs {
		switch {
		case e == r.e.Writes && fresh == nil:
			ring.Epochs = append(ring.Epochs, e.As(format.EpochCurrent))
		case e.State == format.EpochPublic:
			ring.Epochs = append(ring.Epochs, e)
		case e == r.e.Writes, used[e]: // somebody may be writing under the one that ends now
			ring.Epochs = append(ring.Epochs, e.As(format.EpochClosed))
		}
	}
	if fresh != nil {
		ring.Epochs = append(ring.Epochs, fresh)
	}
	return ring, ring.CheckCount()
}

// dropClosings deletes the lists of epochs that are not current any more: the current one's name all that counts.
func (r *Repository) dropClosings(ctx context.Context) error {
	var old []*Epoch
	for _, e := range r.e.Epochs {
		if e != r.e.Writes {
			old = append(old, e)
		}
	}
	_, err := r.dropKind(ctx, format.KindClosing, old, nil)
	return err
}
