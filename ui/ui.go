package ui

import (
	"context"
	"time"

	"fyne.io/fyne/v2"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/activity"
	"github.com/holdfast-backup/holdfast/ui/home"
	"github.com/holdfast-backup/holdfast/ui/newer"
	"github.com/holdfast-backup/holdfast/ui/place"
	"github.com/holdfast-backup/holdfast/ui/restore"
	"github.com/holdfast-backup/holdfast/ui/schedule"
	"github.com/holdfast-backup/holdfast/ui/secret"
	"github.com/holdfast-backup/holdfast/ui/settings"
	"github.com/holdfast-backup/holdfast/ui/setup"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/sources"
)

// Params are what the window needs.
type Params struct {
	Fyne    fyne.App
	Core    Core
	Profile string // shown in Settings

	// optional

	// Do runs a function on the toolkit's goroutine, later; nil is fyne.Do.
	Do func(func())
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// KeepCopied is how long a copied key stays in the clipboard; 0 is a minute.
	KeepCopied time.Duration
	// Hidden starts without a window, as at login.
	Hidden bool
	// Login can be nil: then there is no choice about it.
	Login shell.Login
	// PINs, if not nil, is told how to ask for those of tokens.
	PINs interface {
		Ask(func(ctx context.Context, token string) (pin []byte, err error))
	}
	// Newer is where newer versions are told.
	Newer newer.Source
	// KnownVaults are addresses of vaults that are offered for a password.
	KnownVaults []string
	// Print prints a PDF; nil where nothing prints.
	Print func(ctx context.Context, title string, pdf []byte) error
	// Notify shows a notification of the system; nil is the desk's.
	Notify func(title, text string)
	// Desk is what the desktop offers beyond the toolkit.
	Desk shell.Desk
	// Leave ends the program, from any goroutine, when all work has ended: the
	// toolkit's own end may wait for others for ever. Nil closes the window.
	Leave func()
}

// UI is the window with all that is in it.
type UI struct {
	w    *shell.Window
	core Core

	place    *place.Feature
	sources  *sources.Feature
	schedule *schedule.Feature
	secret   *secret.Feature
	setup    *setup.Feature
	restore  *restore.Feature
	home     *home.Feature
	settings *settings.Feature
	activity *activity.Feature
}

// New makes the window; Run shows it.
func New(p Params) *UI {
	switch {
	case p.Fyne == nil:
		panic("ui.New: Fyne is missing")
	case p.Core.App == nil:
		panic("ui.New: Core is missing")
	}
	u := &UI{core: p.Core}
	u.w = shell.New(shell.Params{
		Fyne: p.Fyne, Core: p.Core, Profile: p.Profile, Do: p.Do, Now: p.Now, KeepCopied: p.KeepCopied, Hidden: p.Hidden,
		Login: p.Login, Notify: p.Notify, Desk: p.Desk, Leave: p.Leave,
	})
	u.secret = secret.New(secret.Params{Window: u.w,
		Core: secret.Core{App: p.Core, Passwords: p.Core.Passwords, Encryption: p.Core.Encryption}, Print: p.Print, KnownVaults: p.KnownVaults})
	if p.PINs != nil {
		p.PINs.Ask(u.secret.AskPIN)
	}
	u.place = place.New(u.w, p.Core)
	u.schedule = schedule.New(schedule.Params{Window: u.w, Core: schedule.Core{App: p.Core, Upkeep: p.Core.Upkeep},
		Prune: func() { u.home.Prune() }})
	u.sources = sources.New(sources.Params{Window: u.w, Core: p.Core, SetUp: func() { u.setup.Begin() }})
	versions := newer.New(u.w, p.Newer)
	u.home = home.New(home.Params{
		Window: u.w, Core: home.Core{App: p.Core, Upkeep: p.Core.Upkeep}, Sources: u.sources, Place: u.place, Schedule: u.schedule,
		Secret: u.secret, Newer: versions,
	})
	u.activity = activity.New(activity.Params{Window: u.w, Core: p.Core, Again: func(kind core.RunKind) func() { return u.home.Again(kind) }})
	u.settings = settings.New(settings.Params{
		Window: u.w, Core: settings.Core{App: p.Core, Passwords: p.Core.Passwords}, Profile: p.Profile, Sources: u.sources, Schedule: u.schedule,
		Secret: u.secret, Newer: versions,
	})
	u.setup = setup.New(setup.Params{
		Window: u.w, Core: setup.Core{App: p.Core, Passwords: p.Core.Passwords, Encryption: p.Core.Encryption},
		Sources: u.sources, Place: u.place, Schedule: u.schedule, Secret: u.secret, BackUp: func() { u.home.BackUp() },
		Restore: func() { u.restore.FromElsewhere() },
	})
	u.restore = restore.New(restore.Params{
		Window: u.w, Core: restore.Core{App: p.Core, Passwords: p.Core.Passwords, Upkeep: p.Core.Upkeep}, Place: u.place, Secret: u.secret,
		SetUp: u.setup.BeginAt,
	})
	u.w.Furnish(shell.Features{
		Screens: []*shell.Screen{u.home.Screen, u.restore.Screen, u.activity.Screen, u.settings.Screen},
		First:   u.setup.Welcome, Standing: u.home.Standing, Everywhere: u.remediesEverywhere, Dropped: u.sources.Dropped,
	})
	return u
}

// Run shows the window and returns when it is closed and all its work has ended.
func (u *UI) Run() {
	u.home.Scheduler.Begin()
	u.w.Run()
}

// remediesEverywhere are what can be done wherever trouble is shown, once a backup is set up.
func (u *UI) remediesEverywhere() shell.Remedies {
	st := u.core.Status()
	switch {
	case !st.SetUp:
		return shell.Remedies{shell.WaySetUp: u.setup.Begin}
	case st.Change != core.ChangeNone:
		return shell.Remedies{shell.WayGoOn: u.secret.GoOn}
	}
	h := shell.Remedies{shell.WayPlace: u.place.Edit, shell.WayThinOut: u.schedule.EditRetention, shell.WaySources: u.sources.Edit}
	if place.SignsIn(st.Destination) {
		h[shell.WaySignIn] = u.place.SignIn
	}
	if st.Password && u.core.Passwords.Possible() {
		h[shell.WayVault], h[shell.WayPassword] = u.secret.ShowPassword, u.secret.SetPassword
	}
	return h
}

// Raise brings the window to the front, from any goroutine: it is what a
// second start asks of the first. It returns when that is done, and reports
// whether it was: not, when Holdfast is about to end.
func (u *UI) Raise() bool { return u.w.Raise() }

// End ends all work and then Holdfast, from any goroutine: it is what a signal
// asks. It does without the toolkit's loop, which may hang or have ended.
func (u *UI) End() { u.w.End() }
