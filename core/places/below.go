package places

import (
	"context"
	"path/filepath"

	"github.com/holdfast-backup/holdfast/core/places/address"
)

// Join returns the place that a folder in a place is. Errors: address.ErrInvalid.
func Join(place, folder string) (string, error) {
	if IsPath(place) {
		return filepath.Join(place, folder), nil
	}
	a, err := address.Parse(place)
	if err == nil {
		a, err = a.Join(folder)
	}
	return a.String(), err
}

// KnowAs tells that what opens a place opens another one at the same server or cloud too. A folder needs nothing.
// Errors: those of address.Parse and the keeper.
func (p Places) KnowAs(ctx context.Context, place, other string) error {
	if IsPath(place) || place == other {
		return nil
	}
	s, err := p.Secret(ctx, place)
	if err != nil || s == nil {
		return err
	}
	return p.Know(other, s)
}
