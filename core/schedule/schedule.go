package schedule

import "time"

// Every is how often backups run by themselves.
type Every string

// How often backups can run.
const (
	Manual Every = "" // only when the person asks
	Hour   Every = "hour"
	Day    Every = "day"
	Week   Every = "week"
)

// Schedule is a person's choice. The zero value is Manual.
type Schedule struct {
	Every Every `json:"every,omitempty"`
	// At is the time of day, in minutes after midnight by the local clock, of Day and Week.
	At int `json:"at,omitempty"`
	// On is the day of Week.
	On time.Weekday `json:"on,omitempty"`
	// Since is when this was chosen: what would have been due before does not count.
	Since time.Time `json:"since,omitzero"`
	// PausedUntil is before when nothing runs by itself.
	PausedUntil time.Time `json:"paused_until,omitzero"`
}

// Past is what came of earlier backups.
type Past struct {
	// Done is when the last one began that was complete, or that the person
	// stopped: the next is not due at once then.
	Done time.Time
	// Tried is when the last one ended, and Failures how many have failed in a row.
	Tried    time.Time
	Failures int
}

// Next returns when the next backup is due, which may be long ago; zero means
// never by itself. Times that are still to come are taken for a clock that was
// wrong then.
func (s Schedule) Next(now time.Time, past Past) time.Time {
	if s.Every == Manual {
		return time.Time{}
	}
	now, base := now.Round(0), past.Done.Round(0) // without the monotonic clock, which sleeps with the computer
	if base.After(now) {
		base = time.Time{}
	}
	if since := s.Since.Round(0); since.After(base) && !since.After(now) {
		base = since
	}
	next := s.after(base.Local())
	if past.Failures > 0 && !past.Tried.After(now) {
		next = latest(next, past.Tried.Round(0).Add(s.patience(past.Failures)))
	}
	return latest(next, s.PausedUntil)
}

// after returns the first time of the schedule after base.
func (s Schedule) after(base time.Time) time.Time {
	if s.Every == Hour {
		return base.Add(time.Hour)
	}
	for day := 0; ; day++ {
		slot := time.Date(base.Year(), base.Month(), base.Day()+day, 0, s.At, 0, 0, base.Location())
		if slot.After(base) && (s.Every != Week || slot.Weekday() == s.On) {
			return slot
		}
	}
}

// patience is how long after failures in a row the next try is: soon at first,
// for a network that comes back, then ever less often, for a disk that lies in a drawer.
func (s Schedule) patience(failures int) time.Duration {
	return min(15*time.Minute<<min(failures-1, 10), 6*time.Hour)
}

// OverdueAfter is how long after the last complete backup a person should look
// why there is no newer one.
func (s Schedule) OverdueAfter() time.Duration {
	const day = 24 * time.Hour
	switch s.Every {
	case Hour:
		return day
	case Day:
		return 3 * day
	case Week:
		return 14 * day
	}
	return 14 * day // backups by hand
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
