package home

import (
	"context"
	"errors"
	"time"

	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// Scheduler begins backups when they are due, as long as Holdfast runs, and
// tells when there has been none for too long.
type Scheduler struct {
	*Feature
	watch core.ScheduleWatch
	signs string // what the Backup screen was last seen to say
}

// Begin looks at the clock from now on.
func (s *Scheduler) Begin() { s.w.Work.Every(core.ScheduleTick, s.Tick) }

// Tick looks at the clock on the wall: a timer would sleep with the computer.
func (s *Scheduler) Tick() {
	now := s.w.Now()
	settled := s.watch.Settled(now)
	st := s.core.Status()
	if settled && st.SetUp && s.w.Job == nil && st.Running == "" && !s.w.Ending() {
		if s.do(st.Scheduled(s.w.Prefs.ThinOut(), s.w.Prefs.Reminded()).Due(now), st) {
			return
		}
	}
	if signs := s.statusLine(st) + s.schedule.WhenLine(st); signs != s.signs {
		s.signs = signs
		s.w.Tray.Update()
		if s.w.Job == nil {
			s.w.Refresh()
		}
	}
}

// do begins work that is due, and reports whether it did.
func (s *Scheduler) do(work core.ScheduledWork, st core.Status) bool {
	switch work {
	case core.WorkBackup:
		s.startBackup(true)
	case core.WorkDrill:
		s.drill(true)
	case core.WorkThinOut:
		s.Prune()
	case core.WorkRemind:
		s.w.Prefs.SetReminded(s.w.Now())
		s.w.Notify(lang.L("Your backup is overdue"), s.lastGoodLine(st))
		return false
	default:
		return false
	}
	return true
}

// late says by the schedule whether it has been too long.
func (f *Feature) late(st core.Status) core.Lateness {
	return st.Scheduled(false, time.Time{}).Late(f.w.Now())
}

// startBackup starts a backup; bySchedule nobody may be looking, so what goes
// wrong is told by a notification, once and not at every try.
func (f *Feature) startBackup(bySchedule bool) *shell.Job {
	before := f.core.Status().LastBackup
	again := before != nil && before.Outcome == core.OutcomeFailed
	return f.w.Start(core.RunBackup, func(ctx context.Context, progress func(core.Progress)) func() {
		report, err := f.core.Backup(ctx, progress)
		return func() {
			f.w.Outdated(false)
			f.w.Refresh()
			unseen := bySchedule || f.w.Hidden
			switch {
			case err != nil && !errors.Is(err, context.Canceled) && unseen && !again:
				s := f.w.Words.For(err)
				f.w.Notify(lang.L("The backup did not work"), s.What+" "+s.Safe)
			case err == nil && report.OlderState:
				s := f.w.Words.For(core.ErrOlderState)
				f.tell(unseen, s.What, s.Safe+" "+s.Do)
			}
			if err == nil && report.WrongGuesses > 0 {
				f.tell(unseen, lang.L("Somebody tried passwords"),
					lang.L("The vault counted {{.Guesses}} since the last backup. If it was not you, change the password.",
						words.Values{"Guesses": f.secret.WrongWords(report.WrongGuesses)}))
			}
		}
	})
}

// tell says something that must not be missed: over the window, and where
// nobody may be looking as a notification too.
func (f *Feature) tell(unseen bool, title, text string) {
	if unseen {
		f.w.Notify(title, text)
	}
	f.w.Inform(title, text)
}
