package ui

import (
	"context"
	"time"

	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// morning is the hour at which a pause "until tomorrow" ends.
const morning = 6

// howThingsAre is what the icon in the panel shows.
func (u *UI) howThingsAre() shell.Standing {
	st := u.core.Status()
	return shell.Standing{Line: u.statusLine(st), Icon: u.trayState(st), Also: u.schedule.WhenLine(st), Items: u.trayItems(st)}
}

// trayItems are what is wanted most.
func (u *UI) trayItems(st core.Status) []shell.MenuItem {
	var items []shell.MenuItem
	if st.SetUp {
		items = append(items, shell.MenuItem{Text: lang.L("Back up now"), Enabled: u.w.Job == nil && st.Change == core.ChangeNone, Do: func() {
			if u.w.Job == nil {
				u.backUp()
			}
		}})
	}
	switch scheduled := st.Schedule.Every != core.ByHand; {
	case scheduled && st.Schedule.PausedUntil.After(u.w.Now()):
		items = append(items, shell.MenuItem{Text: lang.L("Go on backing up"), Enabled: true, Do: func() { u.pauseSchedule(time.Time{}) }})
	case scheduled:
		items = append(items,
			shell.MenuItem{Text: lang.L("Pause for an hour"), Enabled: true, Do: func() { u.pauseSchedule(u.w.Now().Add(time.Hour)) }},
			shell.MenuItem{Text: lang.L("Pause until tomorrow"), Enabled: true, Do: func() { u.pauseSchedule(tomorrow(u.w.Now())) }})
	}
	return items
}

// trayState is how the icon looks, a name of assets.TrayIcon.
func (u *UI) trayState(st core.Status) string {
	if !st.SetUp {
		return "well"
	}
	h := u.heroState(st)
	switch {
	case u.w.Job != nil && u.w.Job.Last.Paused, u.w.Job == nil && st.Schedule.Every != core.ByHand && st.Schedule.PausedUntil.After(u.w.Now()):
		return "paused"
	case u.w.Job != nil:
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
	if u.w.Job != nil && u.w.Job.Kind == core.RunBackup && !until.IsZero() {
		u.w.StopJob()
	}
	u.w.Work.Run(func(context.Context) func() {
		err := u.core.PauseSchedule(until)
		return func() {
			if err != nil {
				u.w.ToFront()
				u.w.InformError(err)
			}
			u.w.Tray.Update()
			u.w.Refresh()
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
