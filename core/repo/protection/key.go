package protection

import (
	"context"
	"slices"
	"time"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/internal/engine"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/sealed"
	"github.com/holdfast-backup/holdfast/core/store"
)

// ChangeKey seals the epochs, and a new one for what is written from now on,
// under another key, and closes over what is there (docs/format.md, chapter 4). Data is not encrypted again: what the old key could open
// before, a copy of the old keyring and the old key still open.
// card is that of the vault that holds the new key, nil for none.
// Errors: ErrNotEncrypted; ErrChanged when another computer was first; ErrChanging; ErrTooManyKeys; ErrDamaged when
// it cannot be told what counts now.
func ChangeKey(ctx context.Context, r *repo.Repository, key *backupkey.Key, card []byte) error {
	eng := r.Engine()
	if err := format.CheckCard(card); err != nil {
		return err
	}
	fresh := format.NewEpoch(eng.ID, format.NewSecret(), time.Now().Unix())
	return closeEpochs(ctx, eng, key, fresh, func(h *format.Header) { h.KeyID, h.VaultCard = key.ID().String(), card })
}

// Upgrade writes what a version before closing lists has left in the form of this one, under the same key.
// It does nothing where that is done. Errors: as ChangeKey.
func Upgrade(ctx context.Context, r *repo.Repository) error {
	eng := r.Engine()
	if eng.Header.Version >= format.HeaderVersion || eng.Header.Protection != repo.ProtectionKey || eng.Header.Next != nil {
		return nil
	}
	return closeEpochs(ctx, eng, eng.Key, nil, func(*format.Header) {})
}

// closeEpochs writes a keyring under key, with a new epoch if fresh is not nil, that closes over what counts now.
// The order is that of docs/format.md, chapter 4: list, keyring, header, and a second list of what came between.
func closeEpochs(ctx context.Context, eng *engine.Engine, key *backupkey.Key, fresh *repo.Epoch, change func(*format.Header)) error {
	switch {
	case eng.Header.Protection != repo.ProtectionKey:
		return repo.ErrNotEncrypted
	case eng.Header.Next != nil:
		return repo.ErrChanging
	}
	defer eng.Doubt()()
	if err := eng.ReloadTrust(ctx); err != nil {
		return err
	}
	first, err := eng.CloseOver(ctx, nil)
	if err != nil {
		return err
	}
	ring, err := nextRing(ctx, eng, fresh)
	if err != nil {
		return err
	}
	current := ring.Epochs[len(ring.Epochs)-1]
	if slices.ContainsFunc(ring.Epochs, func(e *repo.Epoch) bool { return e.State == format.EpochClosed }) {
		name, err := eng.PutClosing(ctx, current, first)
		if err != nil {
			return err
		}
		ring.Closing = &name
	}
	h, last := *eng.Header, eng.Header.Keyring
	change(&h)
	before := eng.Fresh()
	seen, err := eng.ReplaceKeyring(ctx, &h, &h.Guard, key, ring, key)
	if err != nil {
		return err
	}
	if ring.Closing != nil {
		if err := closeBetween(ctx, eng, before, current, first); err != nil {
			return err
		}
	}
	eng.Key, eng.Epochs, eng.Writes, eng.Seen = key, ring.Epochs, current, seen
	if err := eng.LoadTrust(ctx, ring); err != nil {
		return err
	}
	if err := deleteKeyrings(ctx, eng, last); err != nil {
		return err
	}
	return dropClosings(ctx, eng)
}

// closeBetween closes over what came between the first list and the header: whoever looked at the header after its last write, and found
// it as it was, wrote before now. It tries again after faults that may pass, since it is the only moment at which this can be
// done: later, somebody with the old key may have written.
func closeBetween(ctx context.Context, eng, before *engine.Engine, current *repo.Epoch, first format.ClosedOver) (err error) {
	for range sealed.Tries {
		var more format.ClosedOver
		if more, err = before.CloseOver(ctx, first); err == nil && len(more) > 0 {
			_, err = eng.PutClosing(ctx, current, more)
		}
		if err == nil || ctx.Err() != nil || store.IsPermanent(err) {
			return err
		}
	}
	return err
}

// nextRing is the keyring after the present one: with a new epoch, if there is one, and without closed epochs of which
// nothing is left.
func nextRing(ctx context.Context, eng *engine.Engine, fresh *repo.Epoch) (*format.Keyring, error) {
	used := make(map[*repo.Epoch]bool)
	for _, kind := range format.Kinds {
		if kind == format.KindClosing {
			continue
		}
		err := eng.Names(ctx, kind, func(o store.Object) error {
			if n, ok := kind.ParsePath(o.Name); ok {
				if e := eng.Owner(kind, n); e != nil {
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
	for _, e := range eng.Epochs {
		switch {
		case e == eng.Writes && fresh == nil:
			ring.Epochs = append(ring.Epochs, e.As(format.EpochCurrent))
		case e.State == format.EpochPublic:
			ring.Epochs = append(ring.Epochs, e)
		case e == eng.Writes, used[e]: // somebody may be writing under the one that ends now
			ring.Epochs = append(ring.Epochs, e.As(format.EpochClosed))
		}
	}
	if fresh != nil {
		ring.Epochs = append(ring.Epochs, fresh)
	}
	return ring, ring.CheckCount()
}

// dropClosings deletes the lists of epochs that are not current any more: the current one's name all that counts.
func dropClosings(ctx context.Context, eng *engine.Engine) error {
	var old []*repo.Epoch
	for _, e := range eng.Epochs {
		if e != eng.Writes {
			old = append(old, e)
		}
	}
	_, err := dropKind(ctx, eng, format.KindClosing, old, nil)
	return err
}
