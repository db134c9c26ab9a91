// Package schedule asks when backups run by themselves, and how long their
// dates are kept.
package schedule

import (
	"context"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/shell"
)

// Core is what schedules need of core.App.
type Core struct {
	App
	Upkeep Upkeep
}

// App is a part of core.App.
type App interface {
	Status() core.Status
	SetSchedule(s core.Schedule) error
}

// Upkeep is a part of core.Upkeep.
type Upkeep interface {
	Retention() core.Retention
	Prune(ctx context.Context, req core.PruneRequest, progress func(core.Progress)) (core.PruneReport, error)
}

// Params are what the feature needs.
type Params struct {
	Window *shell.Window
	Core   Core
	Prune  func() // thins out older dates
}

// Feature asks when backups run, and how long they are kept.
type Feature struct {
	w     *shell.Window
	core  Core
	prune func()
}

// New makes the feature of a window.
func New(p Params) *Feature { return &Feature{w: p.Window, core: p.Core, prune: p.Prune} }
