package ui

import (
	"context"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/assets"
	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// morning is the hour at which a pause "until tomorrow" ends.
const morning = 6

// Panel is the place for icons in the system's panel.
type Panel interface {
	SetSystemTrayMenu(*fyne.Menu)
	SetSystemTrayIcon(fyne.Resource)
}

// tray is the icon in the system's panel, with how things are and what is
// wanted most. Not every system shows one, so nothing is to be had here alone.
type tray struct {
	u     *UI
	panel Panel  // nil: there is none
	shows string // what the menu says; it is made anew only when that changes
}

func newTray(u *UI) *tray {
	t := &tray{u: u, panel: u.desk.Panel}
	if t.panel == nil {
		if d, ok := u.app.(desktop.App); ok { // not on every system
			t.panel = d
		}
	}
	if p, ok := t.panel.(interface{ SetOnTapped(func()) }); ok {
		p.SetOnTapped(func() { u.work.do(u.raise) })
	}
	return t
}

// update makes the tray say how things are.
func (t *tray) update() {
	if t.panel == nil {
		return
	}
	u, st := t.u, t.u.core.Status()
	line := u.statusLine(st)
	paused := st.Schedule.PausedUntil.After(u.now())
	state := u.trayState(st)
	key := line + "|" + u.whenLine(st) + "|" + state
	if key == t.shows {
		return
	}
	t.shows = key
	item := func(text string, enabled bool, do func()) *fyne.MenuItem {
		i := fyne.NewMenuItem(text, nil)
		if do != nil {
			i.Action = func() { u.work.do(do) } // the panel may call from anywhere
		}
		i.Disabled = !enabled
		return i
	}
	items := []*fyne.MenuItem{item(line, false, nil), fyne.NewMenuItemSeparator()}
	if st.SetUp {
		items = append(items, item(lang.L("Back up now"), u.job == nil && st.Change == core.ChangeNone, func() {
			if u.job == nil {
				u.backUp()
			}
		}))
	}
	switch scheduled := st.Schedule.Every != core.ByHand; {
	case scheduled && paused:
		items = append(items, item(lang.L("Go on backing up"), true, func() { u.pauseSchedule(time.Time{}) }))
	case scheduled:
		items = append(items,
			item(lang.L("Pause for an hour"), true, func() { u.pauseSchedule(u.now().Add(time.Hour)) }),
			item(lang.L("Pause until tomorrow"), true, func() { u.pauseSchedule(tomorrow(u.now())) }))
	}
	quit := item(lang.L("Quit"), true, u.quitAsked)
	quit.IsQuit = true
	items = append(items, fyne.NewMenuItemSeparator(), item(lang.L("Open Holdfast"), true, u.raise), quit)
	t.panel.SetSystemTrayMenu(fyne.NewMenu("Holdfast", items...))
	t.panel.SetSystemTrayIcon(fyne.NewStaticResource("holdfast-"+state+".svg", assets.TrayIcon(state)))
	if p, ok := t.panel.(interface{ SetTooltip(text string) }); ok {
		p.SetTooltip(line)
	}
}

// trayState is how the icon looks, a name of assets.TrayIcon.
func (u *UI) trayState(st core.Status) string {
	if !st.SetUp {
		return "well"
	}
	h := u.heroState(st)
	switch {
	case u.job != nil && u.job.last.Paused, u.job == nil && st.Schedule.Every != core.ByHand && st.Schedule.PausedUntil.After(u.now()):
		return "paused"
	case u.job != nil:
		return "running"
	case h.tone == widgets.ToneBad:
		return "bad"
	case h.tone == widgets.ToneAttention:
		return "attention"
	}
	return "well"
}

func tomorrow(now time.Time) time.Time {
	now = now.Local()
	return time.Date(now.Year(), now.Month(), now.Day()+1, morning, 0, 0, 0, time.Local)
}

// pauseSchedule lets nothing run by itself before a time, and stops a backup
// that is running: what it stored counts, and the next one takes up there.
func (u *UI) pauseSchedule(until time.Time) {
	if j := u.job; j != nil && j.kind == core.RunBackup && !until.IsZero() {
		j.stopping = true
		u.core.Resume() // one that is held would not notice
		j.cancel()
	}
	u.work.run(func(context.Context) func() {
		err := u.core.PauseSchedule(until)
		return func() {
			if err != nil {
				u.raise()
				u.informError(err)
			}
			u.tray.update()
			u.refresh()
		}
	})
}

// statusLine says in one line how the backup is.
func (u *UI) statusLine(st core.Status) string {
	if !st.SetUp {
		return lang.L("No backup is set up yet")
	}
	h := u.heroState(st)
	if h.tray != "" {
		return h.tray
	}
	return h.line
}
