package core

import (
	"context"

	"github.com/holdfast-backup/holdfast/core/store"
)

// SetOpenPlace opens destinations without a profile another way, for tests, and returns how to undo that.
func SetOpenPlace(fn func(context.Context, string, bool) (store.Store, error)) (undo func()) {
	before := openPlace
	openPlace = fn
	return func() { openPlace = before }
}
