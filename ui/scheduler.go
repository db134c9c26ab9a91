package ui

import (
	"context"
	"errors"
	"time"

	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
)

// scheduler begins backups when they are due, as long as Holdfast runs, and
// tells when there has been none for too long.
type scheduler struct {
	u     *UI
	watch core.ScheduleWatch
	signs string // what the Backup screen was last seen to say
}

func (s *scheduler) begin() { s.u.work.every(core.ScheduleTick, s.tick) }

// tick looks at the clock on the wall: a timer would sleep with the computer.
func (s *scheduler) tick() {
	u, now := s.u, s.u.now()
	settled := s.watch.Settled(now)
	st := u.core.Status()
	if settled && st.SetUp && u.job == nil && st.Running == "" && !u.closing && !u.quitting {
		if s.do(st.Scheduled(u.prefs.thinOut(), u.prefs.reminded()).Due(now), st) {
			return
		}
	}
	if signs := u.statusLine(st) + u.whenLine(st); signs != s.signs {
		s.signs = signs
		u.tray.update()
		if u.job == nil {
			u.refresh()
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
		u.prefs.setReminded(u.now())
		u.notify(lang.L("Your backup is overdue"), u.lastGoodLine(st))
		return false
	default:
		return false
	}
	return true
}

// late says by the schedule whether it has been too long.
func (u *UI) late(st core.Status) core.Lateness {
	return st.Scheduled(false, time.Time{}).Late(u.now())
}

// startBackup starts a backup; bySchedule nobody may be looking, so what goes
// wrong is told by a notification, once and not at every try.
func (u *UI) startBackup(bySchedule bool) *job {
	before := u.core.Status().LastBackup
	again := before != nil && before.Outcome == core.OutcomeFailed
	return u.start(core.RunBackup, func(ctx context.Context, progress func(core.Progress)) func() {
		report, err := u.core.Backup(ctx, progress)
		return func() {
			u.restore.outdated(false)
			u.refresh()
			unseen := bySchedule || u.hidden
			switch {
			case err != nil && !errors.Is(err, context.Canceled) && unseen && !again:
				s := u.words.For(err)
				u.notify(lang.L("The backup did not work"), s.What+" "+s.Safe)
			case err == nil && report.OlderState:
				s := u.words.For(core.ErrOlderState)
				u.tell(unseen, s.What, s.Safe+" "+s.Do)
			}
			if err == nil && report.WrongGuesses > 0 {
				u.tell(unseen, lang.L("Somebody tried passwords"), lang.L("The vault counted {{.Guesses}} since the last backup. If it was not you, change the password.",
					vals{"Guesses": u.wrongWords(report.WrongGuesses)}))
			}
		}
	})
}

// tell says something that must not be missed: over the window, and where
// nobody may be looking as a notification too.
func (u *UI) tell(unseen bool, title, text string) {
	if unseen {
		u.notify(title, text)
	}
	u.inform(title, text)
}
