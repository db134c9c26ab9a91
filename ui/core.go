package ui

import (
	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/activity"
	"github.com/holdfast-backup/holdfast/ui/home"
	"github.com/holdfast-backup/holdfast/ui/place"
	"github.com/holdfast-backup/holdfast/ui/restore"
	"github.com/holdfast-backup/holdfast/ui/schedule"
	"github.com/holdfast-backup/holdfast/ui/secret"
	"github.com/holdfast-backup/holdfast/ui/settings"
	"github.com/holdfast-backup/holdfast/ui/setup"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/sources"
)

// Core is what the features of the window use of core.App. Each of them says itself what it needs.
type Core struct {
	App
	Passwords  secret.Passwords
	Encryption secret.Encryption
	Upkeep     Upkeep
}

// CoreOf returns the parts of an App.
func CoreOf(a *core.App) Core { return Core{a, a.Passwords(), a.Encryption(), a.Upkeep()} }

// App is what they need of core.App itself.
type App interface {
	shell.Core
	place.Core
	sources.Core
	schedule.App
	secret.App
	setup.App
	home.App
	restore.App
	activity.Core
	settings.App
}

// Upkeep is what they need of core.Upkeep.
type Upkeep interface {
	schedule.Upkeep
	home.Upkeep
	restore.Upkeep
}
