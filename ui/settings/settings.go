// Package settings is the Settings screen: the choices that are not part of a
// flow, and what Holdfast is made with.
package settings

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/newer"
	"github.com/holdfast-backup/holdfast/ui/schedule"
	"github.com/holdfast-backup/holdfast/ui/secret"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/sources"
)

// Core is what the Settings screen needs of core.App.
type Core struct {
	App
	Passwords Passwords
}

// App is a part of core.App.
type App interface {
	Status() core.Status
	SetSources(ctx context.Context, sources, excludes []string) error
	SetUploadLimit(bytesPerSecond int64, at core.Hours) error
}

// Passwords is a part of core.Passwords.
type Passwords interface{ Possible() bool }

// Params are what the feature needs.
type Params struct {
	Window   *shell.Window
	Core     Core
	Profile  string // to be shown
	Sources  *sources.Feature
	Schedule *schedule.Feature
	Secret   *secret.Feature
	Newer    *newer.Feature
}

// Feature is the Settings screen.
type Feature struct {
	w        *shell.Window
	core     Core
	profile  string
	sources  *sources.Feature
	schedule *schedule.Feature
	secret   *secret.Feature
	newer    *newer.Feature

	Screen *shell.Screen

	draft []string // presets and patterns that are shown and not saved yet; nil: none
}

// New makes the feature of a window.
func New(p Params) *Feature {
	f := &Feature{w: p.Window, core: p.Core, profile: p.Profile, sources: p.Sources, schedule: p.Schedule, secret: p.Secret, newer: p.Newer}
	f.Screen = &shell.Screen{
		Icon: "settings", Title: func() string { return lang.L("Settings") }, Key: fyne.KeyComma,
		Show: func() { f.w.Fill(f.w.Side, f.show()) },
	}
	return f
}
