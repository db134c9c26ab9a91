package schedule

import "time"

// Settle is how long after a start, a sleep or a jump of the clock nothing
// begins: disks and networks come back, and so does the person.
const Settle = time.Minute

// Tick is how often Watch is to be asked.
const Tick = 20 * time.Second

// Watch notices that a computer slept or that its clock was set, from when it is asked.
type Watch struct {
	last, quiet time.Time
}

// Settled reports whether something may begin now: the computer has been awake
// for a while, and its clock goes steadily.
func (w *Watch) Settled(now time.Time) bool {
	now = now.Round(0)
	passed := now.Sub(w.last)
	if w.last.IsZero() || passed < -Tick || passed > 3*Tick {
		w.quiet = now.Add(Settle)
	}
	w.last = now
	return !now.Before(w.quiet)
}
