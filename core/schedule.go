package core

import (
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/schedule"
)

// Schedule says when backups run by themselves (package schedule).
type Schedule = schedule.Schedule

// How often backups can run.
const (
	ByHand = schedule.Manual
	Hourly = schedule.Hour
	Daily  = schedule.Day
	Weekly = schedule.Week
)

// SetSchedule changes when backups run by themselves. What would have been due
// before the change does not count. Errors: ErrNotSetUp, ErrInvalid.
func (a *App) SetSchedule(s Schedule) error {
	switch {
	case a.profile.Settings().Repository == "":
		return ErrNotSetUp
	case !slices.Contains([]schedule.Every{ByHand, Hourly, Daily, Weekly}, s.Every), s.At < 0, s.At >= 24*60, s.On < time.Sunday, s.On > time.Saturday:
		return fmt.Errorf("%w: no such schedule", ErrInvalid)
	}
	return a.profile.Update(func(set *profile.Settings) {
		s.Since = time.Now()
		set.Schedule = s
	})
}

// PauseSchedule lets nothing run by itself before a time; the zero time ends a pause.
func (a *App) PauseSchedule(until time.Time) error {
	return a.profile.Update(func(set *profile.Settings) { set.Schedule.PausedUntil = until })
}

// past is what a schedule must know of a history, oldest first.
func past(runs []Run) (p schedule.Past) {
	for _, r := range slices.Backward(runs) {
		switch {
		case r.Kind != RunBackup && (r.Snapshot == "" || r.Kind != RunTurnOn && r.Kind != RunTurnOff):
			continue
		case r.Outcome == OutcomeInterrupted: // it is made up for
			continue
		case r.Outcome == OutcomeFailed:
			p.Failures++
			if p.Tried.IsZero() {
				p.Tried = r.Ended
			}
			continue
		}
		return schedule.Past{Done: r.Started, Tried: p.Tried, Failures: p.Failures}
	}
	return p
}

// ScheduleWatch reports whether a backup may begin by itself now; ask it every ScheduleTick.
type ScheduleWatch = schedule.Watch

// ScheduleTick is how often to look whether a backup is due.
const ScheduleTick = schedule.Tick
