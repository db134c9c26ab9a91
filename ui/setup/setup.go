// Package setup sets a backup up, or joins one that is there.
package setup

import (
	"context"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/place"
	"github.com/holdfast-backup/holdfast/ui/schedule"
	"github.com/holdfast-backup/holdfast/ui/secret"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/sources"
)

// Core is what setting up needs of core.App.
type Core struct {
	App
	Passwords  Passwords
	Encryption Encryption
}

// App is a part of core.App.
type App interface {
	Status() core.Status
	Setup(ctx context.Context, req core.SetupRequest) error
	SetSchedule(s core.Schedule) error
	Elsewhere() core.Elsewhere
}

// Passwords is a part of core.Passwords.
type Passwords interface {
	Possible() bool
	Ask(ctx context.Context, card []byte, typed core.TypedVault, trust core.VaultTrust) (core.VaultState, error)
}

// Encryption is a part of core.Encryption.
type Encryption interface{ ConfirmKey() error }

// Params are what the feature needs.
type Params struct {
	Window   *shell.Window
	Core     Core
	Sources  *sources.Feature
	Place    *place.Feature
	Schedule *schedule.Feature
	Secret   *secret.Feature
	BackUp   func() // starts a backup
	Restore  func() // restores from a backup somewhere else
}

// Feature sets a backup up.
type Feature struct {
	w        *shell.Window
	core     Core
	sources  *sources.Feature
	place    *place.Feature
	schedule *schedule.Feature
	secret   *secret.Feature
	backUp   func()
	restore  func()
}

// New makes the feature of a window.
func New(p Params) *Feature {
	return &Feature{
		w: p.Window, core: p.Core, sources: p.Sources, place: p.Place, schedule: p.Schedule, secret: p.Secret,
		backUp: p.BackUp, restore: p.Restore,
	}
}
