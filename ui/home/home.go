// Package home is the Backup screen: how the backup is and what it is, and
// the work that it offers. It begins backups when they are due, too.
package home

import (
	"context"
	"time"

	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/newer"
	"github.com/holdfast-backup/holdfast/ui/place"
	"github.com/holdfast-backup/holdfast/ui/schedule"
	"github.com/holdfast-backup/holdfast/ui/secret"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/sources"
)

// Core is what the Backup screen needs of core.App.
type Core struct {
	App
	Upkeep Upkeep
}

// App is a part of core.App.
type App interface {
	Status() core.Status
	Backup(ctx context.Context, progress func(core.Progress)) (core.BackupReport, error)
	AcceptEmpty(sources ...string) error
	PauseSchedule(until time.Time) error
}

// Upkeep is a part of core.Upkeep.
type Upkeep interface {
	Drill(ctx context.Context, req core.DrillRequest, progress func(core.Progress)) (core.DrillReport, error)
	Prune(ctx context.Context, req core.PruneRequest, progress func(core.Progress)) (core.PruneReport, error)
	Verify(ctx context.Context, req core.VerifyRequest, progress func(core.Progress)) (core.VerifyReport, error)
}

// Params are what the feature needs.
type Params struct {
	Window   *shell.Window
	Core     Core
	Sources  *sources.Feature
	Place    *place.Feature
	Schedule *schedule.Feature
	Secret   *secret.Feature
	Newer    *newer.Feature
}

// Feature is the Backup screen and its work.
type Feature struct {
	w        *shell.Window
	core     Core
	sources  *sources.Feature
	place    *place.Feature
	schedule *schedule.Feature
	secret   *secret.Feature
	newer    *newer.Feature

	Screen    *shell.Screen
	Scheduler *Scheduler
}

// New makes the feature of a window.
func New(p Params) *Feature {
	f := &Feature{w: p.Window, core: p.Core, sources: p.Sources, place: p.Place, schedule: p.Schedule, secret: p.Secret, newer: p.Newer}
	f.Scheduler = &Scheduler{Feature: f}
	f.Screen = &shell.Screen{
		Icon: "backup", Title: func() string { return lang.L("Backup") },
		Show: func() { f.w.Fill(f.w.Side, f.show()) },
	}
	return f
}
