package schedule

import "time"

// Work is what Holdfast does by itself.
type Work string

// The works, and Nothing.
const (
	Nothing Work = ""
	Backup  Work = "backup"
	Drill   Work = "drill"  // try a restore of a part
	ThinOut Work = "prune"  // delete older dates by the rules
	Remind  Work = "remind" // tell that the backup is overdue
)

// How often these are done at most.
const (
	drillEvery   = 7 * 24 * time.Hour
	thinOutEvery = 7 * 24 * time.Hour
	remindEvery  = 24 * time.Hour
)

// State is what Due decides by. A zero time is: never.
type State struct {
	Schedule Schedule
	// NextBackup is when the next backup is due; zero: never by itself.
	NextBackup time.Time
	// LastGood is when the last complete backup ended, LastBackup when the last one did, whatever came of it.
	LastGood, LastBackup time.Time
	BackupFailed         bool // the last one
	// Changing: a change of protection is not finished.
	Changing bool
	// LastDrill is when the last drill ended. DrillFound: some files did not come back in it.
	LastDrill   time.Time
	DrillFound  bool
	LastThinOut time.Time
	// ThinsOut: the person wants older dates to be thinned out.
	ThinsOut bool
	// Reminded is when the person was last told that the backup is overdue.
	Reminded time.Time
}

// Due returns what is to be done now, if nothing is under way: a backup first, then what proves it, then what makes room.
func (s State) Due(now time.Time) Work {
	switch {
	case !s.NextBackup.IsZero() && !now.Before(s.NextBackup):
		return Backup
	case s.chores(now) && s.DrillFound && s.LastBackup.After(s.LastDrill):
		return Drill // the backup since then has stored again what was lost, as far as this computer has it
	case s.chores(now) && now.Sub(s.LastDrill) > drillEvery && now.Sub(s.LastBackup) < drillEvery:
		return Drill
	case s.chores(now) && s.ThinsOut && now.Sub(s.LastThinOut) > thinOutEvery:
		return ThinOut
	case s.Late(now) != InTime && now.Sub(s.Reminded) > remindEvery:
		return Remind
	}
	return Nothing
}

// chores reports whether work beside backups is sensible: backups run by themselves, and the last one worked.
func (s State) chores(now time.Time) bool {
	return s.Schedule.Every != Manual && !s.Schedule.PausedUntil.After(now) && !s.Changing && !s.LastGood.IsZero() && !s.BackupFailed
}

// Lateness is how long a complete backup has been missing.
type Lateness int

// The latenesses. VeryLate is twice as long as Late.
const (
	InTime Lateness = iota
	Late
	VeryLate
)

// Late says whether a complete backup has been missing for too long. Where there never was one it is InTime: nothing was promised.
func (s State) Late(now time.Time) Lateness {
	if s.LastGood.IsZero() {
		return InTime
	}
	switch age, most := now.Sub(s.LastGood), s.Schedule.OverdueAfter(); {
	case age > 2*most:
		return VeryLate
	case age > most:
		return Late
	}
	return InTime
}
