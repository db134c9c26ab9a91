package repo

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-backup/holdfast/core/repo/internal/engine"

	"github.com/holdfast-backup/holdfast/core/repo/internal/sealed"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/store"
)

// A change of protection follows docs/format.md, chapter 11: BeginTurnOn or BeginTurnOff
// (steps 1 and 2), a fresh backup and its proof by the caller (3), CommitChange
// (4), DropOldEpochs (5). Each may be called again after an interruption. Until 4 GiveUpChange takes it back.

// BeginTurnOn starts turning encryption on and returns the repository reopened: what is written from now on
// is under the new epoch. card is that of the vault that holds the key to come, nil for none.
// If the same change is under way already, it only reopens.
// Errors: ErrExists when it is encrypted, ErrWrongKey when another key's change is under way.
func (r *Repository) BeginTurnOn(ctx context.Context, key *backupkey.Key, card []byte) (*Repository, error) {
	if err := format.CheckCard(card); err != nil {
		return nil, err
	}
	h := *r.e.Header
	switch {
	case h.Protection == ProtectionKey:
		return nil, fmt.Errorf("%w: it is encrypted", ErrExists)
	case h.Next != nil && h.Next.KeyID != key.ID().String():
		return nil, fmt.Errorf("%w: a change with another key is under way", ErrWrongKey)
	case h.Next != nil:
		return r.openMoving(ctx, key)
	}
	fresh := format.NewEpoch(r.e.ID, format.NewSecret(), time.Now().Unix())
	h.Next, h.VaultCard = &format.Guard{Protection: ProtectionKey, KeyID: key.ID().String()}, card
	ring := &format.Keyring{Version: 2, Epochs: []*Epoch{r.e.Writes.As(format.EpochPublic), fresh}}
	if _, err := r.e.ReplaceKeyring(ctx, &h, h.Next, key, ring, r.e.Key); err != nil {
		return nil, err
	}
	return r.openMoving(ctx, key)
}

// BeginTurnOff starts turning encryption off, as BeginTurnOn turns it on. Everything that is written from now on can be
// read, and forged, by anybody who sees the destination.
// Errors: ErrNotEncrypted.
func (r *Repository) BeginTurnOff(ctx context.Context) (*Repository, error) {
	h := *r.e.Header
	switch {
	case h.Protection == ProtectionNone:
		return nil, ErrNotEncrypted
	case h.Next != nil:
		return r.openMoving(ctx, nil)
	}
	secret := format.NewSecret()
	h.Next = &format.Guard{Protection: ProtectionNone, Epoch: hex.EncodeToString(secret[:])}
	if err := r.e.ReplaceHeader(ctx, &h, r.e.Key); err != nil {
		return nil, err
	}
	return r.openMoving(ctx, nil)
}

// openMoving opens the repository to write under the epoch to come.
func (r *Repository) openMoving(ctx context.Context, key *backupkey.Key) (*Repository, error) {
	moving, err := Open(ctx, r.e.Store, By(firstKey(key, r.e.Key)))
	if errors.Is(err, ErrNotEncrypted) {
		err = errors.Join(ErrChanged, err)
	}
	if err != nil {
		return nil, err
	}
	if moving.e.Header.Next == nil {
		return nil, fmt.Errorf("%w: another computer has finished this change, or given it up", ErrChanged)
	}
	moving.e.Writes = moving.e.Newest()
	return moving, nil
}

// Reopen opens the destination anew, to read what a change under way has stored. Without a change it is Open.
func (r *Repository) Reopen(ctx context.Context) (*Repository, error) {
	if r.e.Header.Next != nil || r.e.Header.Protection == ProtectionNone && r.e.Key != nil {
		return r.openMoving(ctx, r.e.Key)
	}
	return Open(ctx, r.e.Store, By(r.e.Key))
}

func firstKey(keys ...*backupkey.Key) *backupkey.Key {
	for _, k := range keys {
		if k != nil {
			return k
		}
	}
	return nil
}

// CommitChange makes the protection to come the only one. The caller has
// proved that the new epoch's snapshot restores. Errors: ErrGivenUp, and the header is as it was.
func (r *Repository) CommitChange(ctx context.Context) error {
	before := r.e.Header
	if before.Next == nil {
		return nil // done before an interruption
	}
	h := *before
	h.Guard, h.Next = *h.Next, nil
	if h.Protection == ProtectionNone {
		h.VaultCard = nil // there is no key for it to hold any more
	}
	if err := r.e.ReplaceHeader(ctx, &h, r.e.Key); err != nil {
		return err
	}
	// Who gives it up says so before it reads the header: of the two, one sees the other.
	switch up, err := r.givenUp(ctx, r.e.Newest()); {
	case err != nil:
		return err
	case up:
		return errors.Join(ErrGivenUp, r.e.ReplaceHeader(ctx, before, r.e.Key))
	}
	return nil
}

// public are the epochs whose secrets were once in the clear.
func (r *Repository) public() (out []*Epoch) {
	for _, e := range r.e.Epochs {
		if e != r.e.Writes && e.State == format.EpochPublic {
			out = append(out, e)
		}
	}
	return out
}

// DropOldEpochs deletes every object of the protection before, and then its secrets: where encryption was turned on, what
// was ever public, where it was turned off, all that the old key sealed. key is the old key when encryption was turned
// off, nil otherwise. It may be called again until it succeeds.
// progress, if not nil, gets the number of packs deleted and to delete.
// Errors: ErrNothingNew, ErrGivenUp, and nothing was deleted; those of store.
func (r *Repository) DropOldEpochs(ctx context.Context, key *backupkey.Key, progress func(done, total int)) error {
	if r.e.Header.Next != nil {
		return errors.New("the change of protection is not committed")
	}
	var old []*Epoch
	last, sealedBy := uint32(0), key
	if r.e.Header.Protection == ProtectionKey {
		old, sealedBy = r.public(), r.e.Key // also what an interrupted run of this has left
	}
	if sealedBy != nil {
		rings, err := sealed.KeyringsOf(ctx, r.e.Store, r.e.ID, sealedBy)
		if err != nil {
			return err
		}
		for n, ring := range rings {
			last = max(last, n)
			if r.e.Header.Protection == ProtectionNone {
				old = append(old, ring.Epochs...)
			}
		}
	}
	if slices.ContainsFunc(old, r.e.Newest().Equal) {
		return fmt.Errorf("%w: the epoch in use is an old one too", ErrDamaged)
	}
	if err := r.replaced(ctx, old); err != nil {
		return err
	}
	// What is half gone must not look like a backup: a kind is deleted when a listing shows that those
	// before it are gone. Meanwhile another computer may have been at the end of a backup: all is listed again.
	for again := true; again; {
		again = false
		for _, kind := range format.Kinds {
			found, err := r.dropKind(ctx, kind, old, progress)
			if err != nil {
				return err
			}
			again = again || found
		}
	}
	return r.forgetOldSecrets(ctx, last)
}

// replaced makes sure that, where some epochs have snapshots, the newest has one too, with all that it needs: between its
// proof and the commit another computer may have given the change up.
func (r *Repository) replaced(ctx context.Context, epochs []*Epoch) error {
	var old bool
	var now []Name
	err := r.e.Store.List(ctx, format.KindSnapshot.Prefix(), func(o store.Object) error {
		if n, ok := format.KindSnapshot.ParsePath(o.Name); ok {
			old = old || slices.ContainsFunc(epochs, func(e *Epoch) bool { return e.Owns(format.KindSnapshot, n) })
			if r.e.Newest().Owns(format.KindSnapshot, n) {
				now = append(now, n)
			}
		}
		return nil
	})
	if err != nil || !old {
		return err
	}
	switch up, err := r.givenUp(ctx, r.e.Newest()); {
	case err != nil:
		return err
	case up:
		return ErrGivenUp
	}
	for _, n := range now {
		both := engine.New(sealed.New(r.e.Store, r.e.Header, r.e.Key, append(slices.Clone(epochs), r.e.Newest())))
		both.Trust.Legacy = true // what goes is not judged
		v, err := Of(both).Verify(ctx, VerifyOptions{CurrentOnly: true, Only: &n})
		if err != nil {
			return err
		}
		if v.Lost == 0 && len(v.Damage) == 0 {
			return nil
		}
	}
	return cmp.Or(r.e.StillHeader(ctx), ErrNothingNew)
}

// GiveUpChange takes a change that is not committed back: what it has stored is deleted, and
// the header is as it was before. key is the key to come when encryption was being turned on,
// nil otherwise. It may be called again until it succeeds, and once it was called the change cannot be gone on with.
// progress, if not nil, gets the number of packs deleted and to delete.
// Errors: ErrChanged when another computer has made the change meanwhile; those of store.
func (r *Repository) GiveUpChange(ctx context.Context, key *backupkey.Key, progress func(done, total int)) error {
	if r.e.Header.Next == nil {
		return r.forgetGivenUp(ctx) // the rest was done before an interruption
	}
	moving, err := r.openMoving(ctx, key)
	if err != nil {
		return err
	}
	fresh := moving.e.Newest()
	id := fresh.GivenUpID(r.e.ID)
	said, err := r.e.PutRecord(ctx, format.KindRemoval, format.EncodeGivenUp(id))
	if err != nil {
		return err
	}
	if err := r.e.StillHeader(ctx); err != nil {
		if errors.Is(err, ErrChanged) {
			err = errors.Join(err, r.e.Store.Delete(ctx, format.KindRemoval.Path(said)))
		}
		return err
	}
	for _, kind := range format.Kinds {
		if _, err := r.dropKind(ctx, kind, []*Epoch{fresh}, progress); err != nil {
			return err
		}
	}
	// Its keyring, if it has one, stays: a computer that was late to commit may still put a header there that names it.
	h := *r.e.Header
	h.Next = nil
	if h.Protection == ProtectionNone {
		h.VaultCard = nil // it was that of the key to come
	}
	now, err := sealed.ReadHeader(ctx, r.e.Store)
	if err != nil {
		return err
	}
	if now.Guard == *r.e.Header.Next && now.Next == nil {
		r.e.Header = now // who committed after this was said is going to put the older header back, or has died
	}
	if err := r.e.ReplaceHeader(ctx, &h, r.e.Key); err != nil {
		return err
	}
	r.e.Epochs = slices.DeleteFunc(slices.Clone(r.e.Epochs), fresh.Equal)
	return r.forgetGivenUp(ctx)
}

// dropKind deletes the objects of one kind that some epochs wrote, and lists
// until there are none.
func (r *Repository) dropKind(ctx context.Context, kind format.ObjectKind, epochs []*Epoch, progress func(done, total int)) (found bool, err error) {
	for {
		var paths []string
		err := r.e.Store.List(ctx, kind.Prefix(), func(o store.Object) error {
			n, ok := kind.ParsePath(o.Name)
			if ok && slices.ContainsFunc(epochs, func(e *Epoch) bool { return e.Owns(kind, n) }) {
				paths = append(paths, o.Name)
			}
			return nil
		})
		if err != nil || len(paths) == 0 {
			return found, err
		}
		found = true
		for i, p := range paths {
			if err := r.e.Store.Delete(ctx, p); err != nil {
				return found, err
			}
			if progress != nil && kind == format.KindPack {
				progress(i+1, len(paths))
			}
		}
	}
}

// forgetOldSecrets leaves no keyring that holds an epoch which is deleted. last is the number of
// the last one that may.
func (r *Repository) forgetOldSecrets(ctx context.Context, last uint32) error {
	if r.e.Header.Protection == ProtectionKey && len(r.public()) > 0 {
		ring := &format.Keyring{Version: 2, Epochs: slices.DeleteFunc(slices.Clone(r.e.Epochs), func(e *Epoch) bool { return e.State == format.EpochPublic })}
		if r.e.LegacyClosed() {
			return fmt.Errorf("%w: epochs without a closing list", ErrDamaged) // Upgrade comes first
		}
		ring.Closing = r.e.Trust.Name
		h := *r.e.Header
		seen, err := r.e.ReplaceKeyring(ctx, &h, &h.Guard, r.e.Key, ring, r.e.Key)
		if err != nil {
			return err
		}
		r.e.Seen, r.e.Epochs = seen, ring.Epochs
	}
	r.e.Epochs, r.e.Writes = slices.DeleteFunc(slices.Clone(r.e.Epochs), func(e *Epoch) bool { return e.State == format.EpochPublic }), r.e.Newest()
	return r.deleteKeyrings(ctx, last)
}

// deleteKeyrings deletes the keyrings up to number last, but never the one in use. Those with
// higher numbers may be of another computer, which is about to make the header name one.
func (r *Repository) deleteKeyrings(ctx context.Context, last uint32) error {
	numbers, err := sealed.KeyringNumbers(ctx, r.e.Store)
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if n > last || n == r.e.Header.Keyring || r.e.Header.Next != nil && n == r.e.Header.Next.Keyring {
			continue
		}
		if err := r.e.Store.Delete(ctx, format.KeyringPath(n)); err != nil {
			return err
		}
	}
	return nil
}

// SetVaultCard puts another vault card, or none, into the header. The header
// is read again first: another computer may have replaced it.
// Errors: ErrNotEncrypted, ErrWrongKey when the key was changed meanwhile, ErrDamaged.
func (r *Repository) SetVaultCard(ctx context.Context, card []byte) error {
	if err := format.CheckCard(card); err != nil {
		return err
	}
	h, err := sealed.ReadHeader(ctx, r.e.Store)
	if err != nil {
		return err
	}
	switch {
	case h.Protection != ProtectionKey || r.e.Key == nil:
		return ErrNotEncrypted
	case h.KeyID != r.e.Key.ID().String():
		return ErrWrongKey
	}
	if err := h.CheckSeal(r.e.Key); err != nil {
		return err
	}
	if h.Guard != r.e.Header.Guard {
		return fmt.Errorf("%w: the header names keyring %d, not %d", ErrChanged, h.Keyring, r.e.Header.Keyring)
	}
	now := *h
	r.e.Header, h.VaultCard = &now, card
	return r.e.ReplaceHeader(ctx, h, r.e.Key)
}
