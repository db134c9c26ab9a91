// Package restore is the Restore screen: which backup, a date, files, where
// to, and what came of it.
package restore

import (
	"context"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/found"
	"github.com/holdfast-backup/holdfast/ui/place"
	"github.com/holdfast-backup/holdfast/ui/secret"
	"github.com/holdfast-backup/holdfast/ui/shell"
)

// Core is what restoring needs of core.App.
type Core struct {
	App
	Passwords Passwords
	Upkeep    Upkeep
}

// App is a part of core.App.
type App interface {
	Status() core.Status
	Elsewhere() core.Elsewhere
	Reader(ctx context.Context) (*core.Reader, error)
}

// Passwords is a part of core.Passwords.
type Passwords interface {
	Possible() bool
	Ask(ctx context.Context, card []byte, typed core.TypedVault, trust core.VaultTrust) (core.VaultState, error)
}

// Upkeep is a part of core.Upkeep.
type Upkeep interface {
	Pin(ctx context.Context, ids []string, pinned bool) error
	Delete(ctx context.Context, ids []string) error
}

// Params are what the feature needs.
type Params struct {
	Window *shell.Window
	Core   Core
	Place  *place.Feature
	Secret *secret.Feature
	// SetUp sets a backup up at a place that is known; nil sources are the usual ones.
	SetUp func(destination string, sources []string)
}

// Feature is the Restore screen.
type Feature struct {
	w      *shell.Window
	core   Core
	place  *place.Feature
	secret *secret.Feature
	setUp  func(destination string, sources []string)

	Screen *shell.Screen
	Flow   *Flow // survives looking at another screen

	Near func(ctx context.Context) []found.Backup // on disks, shares and synced folders that are there
}

// New makes the feature of a window.
func New(p Params) *Feature {
	f := &Feature{w: p.Window, core: p.Core, place: p.Place, secret: p.Secret, setUp: p.SetUp}
	f.Near = func(ctx context.Context) []found.Backup {
		return found.Near(ctx, f.core.Elsewhere().Places, f.place.Nearby(ctx))
	}
	f.Screen = f.screen()
	f.Flow = newFlow(f, nil)
	return f
}
