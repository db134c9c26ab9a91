package sealed

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/store"
)

// ReadHeader reads the header. Errors: ErrNotRepository, ErrNewerFormat, ErrDamaged, those of store.
func ReadHeader(ctx context.Context, s store.Store) (*format.Header, error) {
	b, err := store.ReadAll(ctx, s, format.HeaderPath, format.MaxHeader)
	if errors.Is(err, store.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s has no %s", format.ErrNotRepository, s.Properties().Location, format.HeaderPath)
	}
	if err != nil {
		return nil, err
	}
	return format.ParseHeader(b)
}

// ReplaceHeader replaces the header that was opened, if it still is the one that is there,
// and reads it back: what follows deletes what only the older one needs.
// Errors: ErrChanged when another computer was first.
// A header that requires a key is written only once its keyring opened with that key.
func (o *Objects) ReplaceHeader(ctx context.Context, h *format.Header, key *backupkey.Key) error {
	if err := o.StillHeader(ctx); err != nil {
		return err
	}
	if h.Protection == format.ProtectionKey {
		if _, _, err := readKeyring(ctx, o.Store, key, o.ID, h.Keyring); err != nil {
			return err
		}
	}
	h.SetSeal(key)
	if err := o.Store.Replace(ctx, format.HeaderPath, h.Encode()); err != nil {
		return err
	}
	now, err := ReadHeader(ctx, o.Store)
	if err != nil {
		return err
	}
	if !bytes.Equal(now.Encode(), h.Encode()) {
		return fmt.Errorf("%w: %s is not what was just stored", ErrChanged, format.HeaderPath)
	}
	o.Header = h
	return nil
}

// StillHeader makes sure that the header that was opened is the one that is there.
func (o *Objects) StillHeader(ctx context.Context) error {
	now, err := ReadHeader(ctx, o.Store)
	if err == nil && !bytes.Equal(now.Encode(), o.Header.Encode()) {
		err = fmt.Errorf("%w: another computer has replaced %s", ErrChanged, format.HeaderPath)
	}
	return err
}

// CheckHeader reports whether protection and epochs are still those that were
// opened; otherwise it is ErrChanged.
func (o *Objects) CheckHeader(ctx context.Context) error {
	h, err := ReadHeader(ctx, o.Store)
	if err == nil && !h.SameEpochs(o.Header) {
		err = ErrChanged
	}
	return err
}
