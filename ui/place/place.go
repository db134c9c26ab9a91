// Package place asks where a backup is kept: a field for a folder with the
// room there is, and the page that changes the place.
package place

import (
	"context"
	"net/url"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/ui/shell"
)

// Core is what places need of core.App.
type Core interface {
	Status() core.Status
	Elsewhere() core.Elsewhere
	SetDestination(ctx context.Context, destination string, fresh bool) error
}

// Feature asks for places, and changes that of the backup.
type Feature struct {
	w    *shell.Window
	core Core

	Free  func(ctx context.Context, place string) (bytes int64, known bool) // how much room a place has
	State func(ctx context.Context, place string) places.State              // how it is

	Browse func(page *url.URL) error                 // opens a page in the person's browser
	Nearby func(ctx context.Context) []places.Nearby // which disks, shares and synced folders are there
}

// New makes the feature of a window.
func New(w *shell.Window, c Core) *Feature {
	at := c.Elsewhere().Places
	return &Feature{w: w, core: c, Free: at.Free, State: at.State, Browse: w.App.OpenURL, Nearby: at.Nearby}
}
