package home

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

// Standing is what the icon in the panel shows.
func (f *Feature) Standing() shell.Standing {
	st := f.core.Status()
	return shell.Standing{Line: f.statusLine(st), Icon: f.trayState(st), Also: f.schedule.WhenLine(st), Items: f.trayItems(st)}
}

// trayItems are what is wanted most.
func (f *Feature) trayItems(st core.Status) []shell.MenuItem {
	var items []shell.MenuItem
	if st.SetUp {
		items = append(items, shell.MenuItem{Text: lang.L("Back up now"), Enabled: f.w.Job == nil && st.Change == core.ChangeNone, Do: func() {
			if f.w.Job == nil {
				f.BackUp()
			}
		}})
	}
	switch scheduled := st.Schedule.Every != core.ByHand; {
	case scheduled && st.Schedule.PausedUntil.After(f.w.Now()):
		items = append(items, shell.MenuItem{Text: lang.L("Go on backing up"), Enabled: true, Do: func() { f.pauseSchedule(time.Time{}) }})
	case scheduled:
		items = append(items,
			shell.MenuItem{Text: lang.L("Pause for an hour"), Enabled: true, Do: func() { f.pauseSchedule(f.w.Now().Add(time.Hour)) }},
			shell.MenuItem{Text: lang.L("Pause until tomorrow"), Enabled: true, Do: func() { f.pauseSchedule(tomorrow(f.w.Now())) }})
	}
	return items
}

// trayState is how the icon looks, a name of assets.TrayIcon.
func (f *Feature) trayState(st core.Status) string {
	if !st.SetUp {
		return "well"
	}
	h := f.heroState(st)
	switch {
	case f.w.Job != nil && f.w.Job.Last.Paused, f.w.Job == nil && st.Schedule.Every != core.ByHand && st.Schedule.PausedUntil.After(f.w.Now()):
		return "paused"
	case f.w.Job != nil:
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
func (f *Feature) pauseSchedule(until time.Time) {
	if f.w.Job != nil && f.w.Job.Kind == core.RunBackup && !until.IsZero() {
		f.w.Job.Stop()
	}
	f.w.Work.Run(func(context.Context) func() {
		err := f.core.PauseSchedule(until)
		return func() {
			if err != nil {
				f.w.ToFront()
				f.w.InformError(err)
			}
			f.w.Tray.Update()
			f.w.Refresh()
		}
	})
}

// statusLine says in one line how the backup is.
func (f *Feature) statusLine(st core.Status) string {
	if !st.SetUp {
		return lang.L("No backup is set up yet")
	}
	h := f.heroState(st)
	if h.tray != "" {
		return h.tray
	}
	return h.line
}
