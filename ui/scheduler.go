package ui

import (
	"context"
	"errors"
	"time"

	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// scheduler begins backups when they are due, as long as Holdfast runs, and
// tells when there has been none for too long.
type scheduler struct {
	u     *UI
	watch core.ScheduleWatch
	signs string // what the Backup screen was last seen to say
}

func (s *scheduler) begin() { s.u.w.Work.Every(core.ScheduleTick, s.tick) }

// tick looks at the clock on the wall: a timer would sleep with the computer.
func (s *scheduler) tick() {
	u, now := s.u, s.u.w.Now()
	settled := s.watch.Settled(now)
	st := u.core.Status()
	if settled && st.SetUp && u.w.Job == nil && st.Running == "" && !u.w.Closing && !u.w.Quitting {
		if s.do(st.Scheduled(u.w.Prefs.ThinOut(), u.w.Prefs.Reminded()).Due(now), st) {
			return
		}
	}
	if signs := u.statusLine(st) + u.schedule.WhenLine(st); signs != s.signs {
		s.signs = signs
		u.w.Tray.Update()
		if u.w.Job == nil {
			u.w.Refresh()
		}
	}
}

// do begins work that is due, and reports whether it did.
func (s *scheduler) do(work core.ScheduledWork, st core.Status) bool {
	u := s.u
	switch work {
	case core.WorkBackup:
		u.startBackup(true)
	case core.WorkDrill:
		u.drill(true)
	case core.WorkThinOut:
		u.prune()
	case core.WorkRemind:
		u.w.Prefs.SetReminded(u.w.Now())
		u.w.Notify(lang.L("Your backup is overdue"), u.lastGoodLine(st))
		return false
	default:
		return false
	}
	return true
}

// late says by the schedule whether it has been too long.
func (u *UI) late(st core.Status) core.Lateness {
	return st.Scheduled(false, time.Time{}).Late(u.w.Now())
}

// startBackup starts a backup; bySchedule nobody may be looking, so what goes
// wrong is told by a notification, once and not at every try.
func (u *UI) startBackup(bySchedule bool) *shell.Job {
	before := u.core.Status().LastBackup
	again := before != nil && before.Outcome == core.OutcomeFailed
	return u.w.Start(core.RunBackup, func(ctx context.Context, progress func(core.Progress)) func() {
		report, err := u.core.Backup(ctx, progress)
		return func() {
			u.w.Outdated(false)
			u.w.Refresh()
			unseen := bySchedule || u.w.Hidden
			switch {
			case err != nil && !errors.Is(err, context.Canceled) && unseen && !again:
				s := u.w.Words.For(err)
				u.w.Notify(lang.L("The backup did not work"), s.What+" "+s.Safe)
			case err == nil && report.OlderState:
				s := u.w.Words.For(core.ErrOlderState)
				u.tell(unseen, s.What, s.Safe+" "+s.Do)
			}
			if err == nil && report.WrongGuesses > 0 {
				u.tell(unseen, lang.L("Somebody tried passwords"), lang.L("The vault counted {{.Guesses}} since the last backup. If it was not you, change the password.",
					words.Values{"Guesses": u.secret.WrongWords(report.WrongGuesses)}))
			}
		}
	})
}

// tell says something that must not be missed: over the window, and where
// nobody may be looking as a notification too.
func (u *UI) tell(unseen bool, title, text string) {
	if unseen {
		u.w.Notify(title, text)
	}
	u.w.Inform(title, text)
}
