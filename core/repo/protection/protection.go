package protection

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/check"
	"github.com/holdfast-backup/holdfast/core/repo/internal/engine"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/sealed"
	"github.com/holdfast-backup/holdfast/core/store"
)

// BeginTurnOn starts turning encryption on and returns the repository reopened: what is written from now on
// is under the new epoch. card is that of the vault that holds the key to come, nil for none.
// If the same change is under way already, it only reopens.
// Errors: ErrExists when it is encrypted, ErrWrongKey when another key's change is under way.
func BeginTurnOn(ctx context.Context, r *repo.Repository, key *backupkey.Key, card []byte) (*repo.Repository, error) {
	eng := r.Engine()
	if err := format.CheckCard(card); err != nil {
		return nil, err
	}
	h := *eng.Header
	switch {
	case h.Protection == repo.ProtectionKey:
		return nil, fmt.Errorf("%w: it is encrypted", repo.ErrExists)
	case h.Next != nil && h.Next.KeyID != key.ID().String():
		return nil, fmt.Errorf("%w: a change with another key is under way", repo.ErrWrongKey)
	case h.Next != nil:
		return openMoving(ctx, eng, key)
	}
	fresh := format.NewEpoch(eng.ID, format.NewSecret(), time.Now().Unix())
	h.Next, h.VaultCard = &format.Guard{Protection: repo.ProtectionKey, KeyID: key.ID().String()}, card
	ring := &format.Keyring{Version: 2, Epochs: []*repo.Epoch{eng.Writes.As(format.EpochPublic), fresh}}
	if _, err := eng.ReplaceKeyring(ctx, &h, h.Next, key, ring, eng.Key); err != nil {
		return nil, err
	}
	return openMoving(ctx, eng, key)
}

// BeginTurnOff starts turning encryption off, as BeginTurnOn turns it on. Everything that is written from now on can be
// read, and forged, by anybody who sees the destination.
// Errors: ErrNotEncrypted.
func BeginTurnOff(ctx context.Context, r *repo.Repository) (*repo.Repository, error) {
	eng := r.Engine()
	h := *eng.Header
	switch {
	case h.Protection == repo.ProtectionNone:
		return nil, repo.ErrNotEncrypted
	case h.Next != nil:
		return openMoving(ctx, eng, nil)
	}
	secret := format.NewSecret()
	h.Next = &format.Guard{Protection: repo.ProtectionNone, Epoch: hex.EncodeToString(secret[:])}
	if err := eng.ReplaceHeader(ctx, &h, eng.Key); err != nil {
		return nil, err
	}
	return openMoving(ctx, eng, nil)
}

// openMoving opens the repository to write under the epoch to come.
func openMoving(ctx context.Context, eng *engine.Engine, key *backupkey.Key) (*repo.Repository, error) {
	moving, err := repo.Open(ctx, eng.Store, repo.By(firstKey(key, eng.Key)))
	if errors.Is(err, repo.ErrNotEncrypted) {
		err = errors.Join(repo.ErrChanged, err)
	}
	if err != nil {
		return nil, err
	}
	if moving.Engine().Header.Next == nil {
		return nil, fmt.Errorf("%w: another computer has finished this change, or given it up", repo.ErrChanged)
	}
	moving.Engine().Writes = moving.Engine().Newest()
	return moving, nil
}

// Reopen opens the destination anew, to read what a change under way has stored. Without a change it is Open.
func Reopen(ctx context.Context, r *repo.Repository) (*repo.Repository, error) {
	eng := r.Engine()
	if eng.Header.Next != nil || eng.Header.Protection == repo.ProtectionNone && eng.Key != nil {
		return openMoving(ctx, eng, eng.Key)
	}
	return repo.Open(ctx, eng.Store, repo.By(eng.Key))
}

func firstKey(keys ...*backupkey.Key) *backupkey.Key {
	for _, k := range keys {
		if k != nil {
			return k
		}
	}
	return nil
}

// Commit makes the protection to come the only one. The caller has
// proved that the new epoch's snapshot restores. Errors: ErrGivenUp, and the header is as it was.
func Commit(ctx context.Context, r *repo.Repository) error {
	eng := r.Engine()
	before := eng.Header
	if before.Next == nil {
		return nil // done before an interruption
	}
	h := *before
	h.Guard, h.Next = *h.Next, nil
	if h.Protection == repo.ProtectionNone {
		h.VaultCard = nil // there is no key for it to hold any more
	}
	if err := eng.ReplaceHeader(ctx, &h, eng.Key); err != nil {
		return err
	}
	// Who gives it up says so before it reads the header: of the two, one sees the other.
	switch up, err := givenUp(ctx, eng, eng.Newest()); {
	case err != nil:
		return err
	case up:
		return errors.Join(repo.ErrGivenUp, eng.ReplaceHeader(ctx, before, eng.Key))
	}
	return nil
}

// public are the epochs whose secrets were once in the clear.
func public(eng *engine.Engine) (out []*repo.Epoch) {
	for _, e := range eng.Epochs {
		if e != eng.Writes && e.State == format.EpochPublic {
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
func DropOldEpochs(ctx context.Context, r *repo.Repository, key *backupkey.Key, progress func(done, total int)) error {
	eng := r.Engine()
	if eng.Header.Next != nil {
		return errors.New("the change of protection is not committed")
	}
	defer eng.Doubt()()
	var old []*repo.Epoch
	last, sealedBy := uint32(0), key
	if eng.Header.Protection == repo.ProtectionKey {
		old, sealedBy = public(eng), eng.Key // also what an interrupted run of this has left
	}
	if sealedBy != nil {
		rings, err := sealed.KeyringsOf(ctx, eng.Store, eng.ID, sealedBy)
		if err != nil {
			return err
		}
		for n, ring := range rings {
			last = max(last, n)
			if eng.Header.Protection == repo.ProtectionNone {
				old = append(old, ring.Epochs...)
			}
		}
	}
	if slices.ContainsFunc(old, eng.Newest().Equal) {
		return fmt.Errorf("%w: the epoch in use is an old one too", repo.ErrDamaged)
	}
	if err := replaced(ctx, eng, old); err != nil {
		return err
	}
	// What is half gone must not look like a backup: a kind is deleted when a listing shows that those
	// before it are gone. Meanwhile another computer may have been at the end of a backup: all is listed again.
	for again := true; again; {
		again = false
		for _, kind := range format.Kinds {
			found, err := dropKind(ctx, eng, kind, old, progress)
			if err != nil {
				return err
			}
			again = again || found
		}
	}
	return forgetOldSecrets(ctx, eng, last)
}

// replaced makes sure that, where some epochs have snapshots, the newest has one too, with all that it needs: between its
// proof and the commit another computer may have given the change up.
func replaced(ctx context.Context, eng *engine.Engine, epochs []*repo.Epoch) error {
	var old bool
	var now []repo.Name
	err := eng.Names(ctx, format.KindSnapshot, func(o store.Object) error {
		if n, ok := format.KindSnapshot.ParsePath(o.Name); ok {
			old = old || slices.ContainsFunc(epochs, func(e *repo.Epoch) bool { return e.Owns(format.KindSnapshot, n) })
			if eng.Newest().Owns(format.KindSnapshot, n) {
				now = append(now, n)
			}
		}
		return nil
	})
	if err != nil || !old {
		return err
	}
	switch up, err := givenUp(ctx, eng, eng.Newest()); {
	case err != nil:
		return err
	case up:
		return repo.ErrGivenUp
	}
	for _, n := range now {
		both := engine.New(sealed.New(eng.Store, eng.Header, eng.Key, append(slices.Clone(epochs), eng.Newest())))
		both.Trust.Legacy = true // what goes is not judged
		v, err := check.Verify(ctx, repo.Of(both), check.VerifyOptions{CurrentOnly: true, Only: &n})
		if err != nil {
			return err
		}
		if v.Lost == 0 && len(v.Damage) == 0 {
			return nil
		}
	}
	return cmp.Or(eng.StillHeader(ctx), repo.ErrNothingNew)
}

// forgetOldSecrets leaves no keyring that holds an epoch which is deleted. last is the number of
// the last one that may.
func forgetOldSecrets(ctx context.Context, eng *engine.Engine, last uint32) error {
	if eng.Header.Protection == repo.ProtectionKey && len(public(eng)) > 0 {
		ring := &format.Keyring{Version: 2, Epochs: slices.DeleteFunc(slices.Clone(eng.Epochs),
			func(e *repo.Epoch) bool { return e.State == format.EpochPublic })}
		if eng.LegacyClosed() {
			return fmt.Errorf("%w: epochs without a closing list", repo.ErrDamaged) // Upgrade comes first
		}
		ring.Closing = eng.Trust.Name
		h := *eng.Header
		seen, err := eng.ReplaceKeyring(ctx, &h, &h.Guard, eng.Key, ring, eng.Key)
		if err != nil {
			return err
		}
		eng.Seen, eng.Epochs = seen, ring.Epochs
	}
	eng.Epochs, eng.Writes = slices.DeleteFunc(slices.Clone(eng.Epochs), func(e *repo.Epoch) bool { return e.State == format.EpochPublic }),
		eng.Newest()
	return deleteKeyrings(ctx, eng, last)
}

// deleteKeyrings deletes the keyrings up to number last, but never the one in use. Those with
// higher numbers may be of another computer, which is about to make the header name one.
func deleteKeyrings(ctx context.Context, eng *engine.Engine, last uint32) error {
	numbers, err := sealed.KeyringNumbers(ctx, eng.Store)
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if n > last || n == eng.Header.Keyring || eng.Header.Next != nil && n == eng.Header.Next.Keyring {
			continue
		}
		if err := eng.Store.Delete(ctx, format.KeyringPath(n)); err != nil {
			return err
		}
	}
	return nil
}

// SetVaultCard puts another vault card, or none, into the header. The header
// is read again first: another computer may have replaced it.
// Errors: ErrNotEncrypted, ErrWrongKey when the key was changed meanwhile, ErrDamaged.
func SetVaultCard(ctx context.Context, r *repo.Repository, card []byte) error {
	return setVaultCard(ctx, r, card, func([]byte) error { return nil })
}

// ReplaceVaultCard is SetVaultCard where the header still has the card before, nil: none. It reads the header back.
// Errors: also repo.ErrChanged, where another card is there.
func ReplaceVaultCard(ctx context.Context, r *repo.Repository, before, card []byte) error {
	there := func(want []byte) func([]byte) error {
		return func(got []byte) error {
			if !bytes.Equal(compact(got), compact(want)) {
				return fmt.Errorf("%w: another computer has changed the password", repo.ErrChanged)
			}
			return nil
		}
	}
	if err := setVaultCard(ctx, r, card, there(before)); err != nil {
		return err
	}
	h, err := sealed.ReadHeader(ctx, r.Engine().Store)
	if err != nil {
		return err
	}
	return there(card)(h.VaultCard)
}

// compact is a JSON text without blanks: a header may have others.
func compact(text []byte) []byte {
	var b bytes.Buffer
	if json.Compact(&b, text) != nil {
		return text
	}
	return b.Bytes()
}

func setVaultCard(ctx context.Context, r *repo.Repository, card []byte, may func(there []byte) error) error {
	eng := r.Engine()
	if err := format.CheckCard(card); err != nil {
		return err
	}
	h, err := sealed.ReadHeader(ctx, eng.Store)
	if err != nil {
		return err
	}
	switch {
	case h.Protection != repo.ProtectionKey || eng.Key == nil:
		return repo.ErrNotEncrypted
	case h.KeyID != eng.Key.ID().String():
		return repo.ErrWrongKey
	}
	if err := h.CheckSeal(eng.Key); err != nil {
		return err
	}
	if h.Guard != eng.Header.Guard {
		return fmt.Errorf("%w: the header names keyring %d, not %d", repo.ErrChanged, h.Keyring, eng.Header.Keyring)
	}
	if err := may(h.VaultCard); err != nil {
		return err
	}
	now := *h
	eng.Header, h.VaultCard = &now, card
	return eng.ReplaceHeader(ctx, h, eng.Key)
}
