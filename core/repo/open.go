package repo

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/repo/internal/engine"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/sealed"
	"github.com/holdfast-backup/holdfast/core/store"
)

// Required is what a caller requires of a repository. A header needs no secret to forge as long as it claims to be
// unencrypted, so what it says never decides: the caller does.
type Required struct {
	key   *backupkey.Key
	plain bool
	seen  Seen
	mend  bool
	first *format.Header // as it was inspected just before
}

// Encrypted requires a repository that is encrypted under key.
func Encrypted(key *backupkey.Key) Required { return Required{key: key} }

// Unencrypted requires a repository without encryption. It is for a person who has said that theirs has none.
func Unencrypted() Required { return Required{plain: true} }

// By is Encrypted, or Unencrypted for a nil key.
func By(key *backupkey.Key) Required { return Required{key: key, plain: key == nil} }

// Since refuses a destination that shows an older state of the key than seen.
func (q Required) Since(seen Seen) Required {
	q.seen = seen
	return q
}

// Of takes the header that was inspected just before, in place of asking for it again.
func (q Required) Of(f Inspected) Required {
	q.first = f.header
	return q
}

// Mending lets Open put a stale header right (docs/format.md, chapter 11). It is for verbs that write.
func (q Required) Mending() Required {
	q.mend = true
	return q
}

// Seen returns what to remember of the key's state, so that Required.Since finds an older one. It is zero without encryption.
func (r *Repository) Seen() Seen { return r.e.Seen }

// Open opens a repository as the caller requires it. While encryption is being turned on, the key to come opens what was stored under
// it so far. Errors: ErrNotRepository, ErrNewerFormat, ErrKeyNeeded (it is encrypted), ErrNotEncrypted (the header claims that it is
// not), ErrWrongKey, ErrOlder, ErrDamaged, those of store.
func Open(ctx context.Context, s store.Store, q Required) (*Repository, error) {
	for try := 1; ; try++ {
		r, err := openNow(ctx, s, q)
		q.first = nil
		if err != nil || r.e.Trust.Lost == nil || try == sealed.Tries {
			return r, err
		}
		// What vouches for closed epochs is gone as well where the key is changed at this moment.
		switch err := r.e.CheckHeader(ctx); {
		case err == nil:
			return r, nil
		case !errors.Is(err, ErrChanged):
			return nil, err
		}
	}
}

// openNow opens what the header says now.
func openNow(ctx context.Context, s store.Store, q Required) (*Repository, error) {
	h, err := q.first, error(nil)
	if h == nil {
		h, err = sealed.ReadHeader(ctx, s)
	}
	if err != nil {
		return nil, err
	}
	switch {
	case q.key == nil && h.Protection == ProtectionKey:
		return nil, ErrKeyNeeded
	case q.key == nil && q.plain:
		return openPlain(s, h)
	case q.key == nil:
		return nil, ErrNotEncrypted
	case h.Protection == ProtectionNone:
		return openComing(ctx, s, h, q)
	}
	named := q.key.ID().String() == h.KeyID
	if named {
		if err := h.CheckSeal(q.key); err != nil {
			return nil, err
		}
	}
	var r *Repository
	if named {
		r, err = openSealed(ctx, s, h, q)
	} else if _, err = s.Stat(ctx, format.KeyringPath(h.Keyring)); err == nil {
		err = ErrWrongKey
	}
	if errors.Is(err, sealed.ErrNoKeyring) || !named && errors.Is(err, store.ErrNotExist) {
		return openStale(ctx, s, h, q)
	}
	return r, err
}

// openSealed opens with the key that a genuine header names.
func openSealed(ctx context.Context, s store.Store, h *format.Header, q Required) (*Repository, error) {
	r, err := openKeyringOf(ctx, s, h, h.Keyring, q)
	if err != nil {
		return nil, err
	}
	if h.Next != nil && h.Next.Protection == ProtectionNone {
		// Its secret is in the clear: nothing of it counts but for the computer that makes the change (openMoving).
		secret, _ := format.ParseHex32(h.Next.Epoch)
		r.e.Epochs = append(r.e.Epochs, format.NewEpoch(h.ID(), secret, 0).As(format.EpochPublic))
	}
	return r, nil
}

func openKeyringOf(ctx context.Context, s store.Store, h *format.Header, n uint32, q Required) (*Repository, error) {
	ring, seen, err := sealed.ReadKeyring(ctx, s, q.key, h.ID(), n)
	if err != nil {
		return nil, err
	}
	if err := q.seen.Check(h.ID(), ring, seen); err != nil {
		return nil, err
	}
	e := engine.New(sealed.New(s, h, q.key, ring.Epochs))
	e.Seen = seen
	return Of(e), e.LoadTrust(ctx, ring)
}

// openStale opens a repository whose header names a keyring that is gone: of two computers that
// changed it at the same moment, the one that was late has put an older header
// back (docs/format.md, chapter 11). The last keyring that the key opens counts, and the header is put right by who writes.
func openStale(ctx context.Context, s store.Store, h *format.Header, q Required) (*Repository, error) {
	gone := fmt.Errorf("%w: %s is missing", ErrDamaged, format.KeyringPath(h.Keyring))
	rings, err := sealed.KeyringsOf(ctx, s, h.ID(), q.key)
	if err != nil {
		return nil, err
	}
	last := uint32(0)
	for n := range rings {
		last = max(last, n)
	}
	if last == 0 {
		return nil, gone
	}
	mended := *h
	mended.Guard, mended.Next = format.Guard{Protection: ProtectionKey, KeyID: q.key.ID().String(), Keyring: last}, nil
	mended.Version = max(h.Version, rings[last].Version)
	if mended.KeyID != h.KeyID {
		mended.VaultCard = nil // it tells of a vault that holds another key
	}
	r, err := openSealed(ctx, s, &mended, q) // never below what was seen
	if err != nil || !q.mend {
		return r, err
	}
	r.e.Header = h
	if err := r.e.ReplaceHeader(ctx, &mended, q.key); err != nil && !errors.Is(err, store.ErrPermission) {
		return nil, errors.Join(gone, err)
	}
	return r, nil
}

func openPlain(s store.Store, h *format.Header) (*Repository, error) {
	if err := h.CheckSeal(nil); err != nil {
		return nil, err
	}
	secret, _ := format.ParseHex32(h.Epoch)
	return Of(engine.New(sealed.New(s, h, nil, []*Epoch{format.NewEpoch(h.ID(), secret, 0)}))), nil
}

// openComing opens a repository in which encryption is being turned on, with the key to come: what the keyring
// of that key vouches for, which is nothing of the time before. The header vouches for nothing.
func openComing(ctx context.Context, s store.Store, h *format.Header, q Required) (*Repository, error) {
	switch {
	case h.Next == nil || h.Next.Protection != ProtectionKey:
		return nil, ErrUnprotected
	case q.key.ID().String() != h.Next.KeyID:
		return nil, ErrWrongKey
	}
	if err := h.CheckSeal(nil); err != nil {
		return nil, err
	}
	return openKeyringOf(ctx, s, h, h.Next.Keyring, q)
}
