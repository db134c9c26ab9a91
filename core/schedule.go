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

// Hours are a part of each day.
type Hours = schedule.Hours

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
	case !slices.Contains([]schedule.Every{ByHand, Hourly, Daily, Weekly}, s.Every), s.At < 0, s.At >= 24*60, s.On < time.Sunday,
		s.On > time.Saturday:
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

// What Holdfast does by itself, and how late a backup is.
type (
	ScheduleState = schedule.State
	ScheduledWork = schedule.Work
	Lateness      = schedule.Lateness
)

// The works and the latenesses.
const (
	WorkBackup  = schedule.Backup
	WorkDrill   = schedule.Drill
	WorkThinOut = schedule.ThinOut
	WorkRemind  = schedule.Remind
	InTime      = schedule.InTime
	VeryLate    = schedule.VeryLate
)

// Scheduled is what decides about work that begins by itself. thinsOut: the person wants older dates to be thinned out;
// reminded is when they were last told that the backup is overdue.
func (st *Status) Scheduled(thinsOut bool, reminded time.Time) ScheduleState {
	ended := func(r *Run) time.Time {
		if r == nil {
			return time.Time{}
		}
		return r.Ended
	}
	return ScheduleState{
		Schedule: st.Schedule, NextBackup: st.NextBackup, LastGood: ended(st.LastGood), LastBackup: ended(st.LastBackup),
		BackupFailed: st.LastBackup != nil && st.LastBackup.Outcome == OutcomeFailed, Changing: st.Change != ChangeNone,
		LastDrill: ended(st.LastDrill), DrillFound: st.LastDrill != nil && st.LastDrill.Outcome == OutcomePartly,
		LastThinOut: ended(st.LastPrune), ThinsOut: thinsOut, Reminded: reminded,
	}
}
