// Package sources asks what is backed up and what is left out.
package sources

import (
	"context"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/shell"
)

// Core is what sources need of core.App.
type Core interface {
	Status() core.Status
	SetSources(ctx context.Context, sources, excludes []string) error
	Estimate(ctx context.Context, sources, excludes []string, progress func(files, bytes int64)) (files, bytes int64, err error)
}

// Params are what the feature needs.
type Params struct {
	Window *shell.Window
	Core   Core
	SetUp  func() // sets a backup up, where there is none
}

// Feature asks what is backed up.
type Feature struct {
	w     *shell.Window
	core  Core
	setUp func()

	FindApps func() []core.FoundApp // the message programs of this computer
	Shown    *Editor                // of the page that was shown last with one: what is dropped on the window goes there
}

// New makes the feature of a window.
func New(p Params) *Feature {
	return &Feature{w: p.Window, core: p.Core, setUp: p.SetUp, FindApps: core.FindApps}
}
