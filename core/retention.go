package core

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-backup/holdfast/core/profile"
)

// Retention says which backups a prune keeps. Each number keeps the newest backup of each
// of that many hours, days, weeks (from Monday), months or years in which there are any. A
// backup stays if any rule keeps it. The newest of each computer's always stays, so do pinned ones.
type Retention struct {
	Last    int `json:"last,omitempty"` // the newest, whatever their age
	Hourly  int `json:"hourly,omitempty"`
	Daily   int `json:"daily,omitempty"`
	Weekly  int `json:"weekly,omitempty"`
	Monthly int `json:"monthly,omitempty"`
	Yearly  int `json:"yearly,omitempty"`
	// Within keeps everything that is at most this old.
	Within time.Duration `json:"within,omitempty"`
}

// DefaultRetention keeps everything of two days, one a day for a month, one a
// week for a quarter, one a month for two years, and one a year.
func DefaultRetention() Retention {
	return Retention{Last: 3, Daily: 30, Weekly: 13, Monthly: 24, Yearly: 100, Within: 48 * time.Hour}
}

// check refuses what keeps nothing, or less.
func (r Retention) check() error {
	for _, n := range []int{r.Last, r.Hourly, r.Daily, r.Weekly, r.Monthly, r.Yearly} {
		if n < 0 {
			return fmt.Errorf("%w: %d backups cannot be kept", ErrInvalid, n)
		}
	}
	if r.Within < 0 {
		return fmt.Errorf("%w: backups of the last %v cannot be kept", ErrInvalid, r.Within)
	}
	if r == (Retention{}) {
		return fmt.Errorf("%w: a rule that keeps nothing", ErrInvalid)
	}
	return nil
}

// Retention returns the rules in use.
func (a *App) Retention() Retention {
	if r := a.profile.Settings().Retention; r != nil {
		return Retention(*r)
	}
	return DefaultRetention()
}

// SetRetention changes the rules for the next prune. Errors: ErrInvalid.
func (a *App) SetRetention(r Retention) error {
	if err := r.check(); err != nil {
		return err
	}
	kept := profile.Retention(r)
	return a.profile.Update(func(s *profile.Settings) { s.Retention = &kept })
}

// KeepReason is a rule that keeps a backup.
type KeepReason string

// The rules that keep backups.
const (
	KeepLast    KeepReason = "last"
	KeepHourly  KeepReason = "hourly"
	KeepDaily   KeepReason = "daily"
	KeepWeekly  KeepReason = "weekly"
	KeepMonthly KeepReason = "monthly"
	KeepYearly  KeepReason = "yearly"
	KeepWithin  KeepReason = "within"
	KeepPinned  KeepReason = "pinned"
	KeepNewest  KeepReason = "newest" // of its computer
	KeepFuture  KeepReason = "future" // its computer's clock was ahead: no rule fits
)

// clockSlack is how far ahead the clock of the computer that made a backup may be.
const clockSlack = 24 * time.Hour

// decide returns why each snapshot is kept, by id; one that is missing is not. all is newest first.
// Each computer's snapshots are judged among themselves.
func (r Retention) decide(all []Snapshot, now time.Time) map[string][]KeepReason {
	out := make(map[string][]KeepReason)
	computers := make(map[[2]string][]Snapshot)
	for _, s := range all {
		key := [2]string{s.Host, s.User}
		computers[key] = append(computers[key], s)
	}
	for _, list := range computers {
		slices.SortStableFunc(list, func(a, b Snapshot) int { return b.Time.Compare(a.Time) })
		r.decideOne(list, now, func(s Snapshot, why KeepReason) { out[s.ID] = append(out[s.ID], why) })
	}
	return out
}

// decideOne judges one computer's snapshots, newest first.
func (r Retention) decideOne(list []Snapshot, now time.Time, keep func(Snapshot, KeepReason)) {
	rules := []struct {
		n      int
		why    KeepReason
		period func(time.Time) string
		last   string
	}{
		{n: r.Hourly, why: KeepHourly, period: func(t time.Time) string { return t.Format("2006-01-02 15") }},
		{n: r.Daily, why: KeepDaily, period: func(t time.Time) string { return t.Format("2006-01-02") }},
		{n: r.Weekly, why: KeepWeekly, period: func(t time.Time) string { y, w := t.ISOWeek(); return fmt.Sprint(y, w) }},
		{n: r.Monthly, why: KeepMonthly, period: func(t time.Time) string { return t.Format("2006-01") }},
		{n: r.Yearly, why: KeepYearly, period: func(t time.Time) string { return t.Format("2006") }},
	}
	last, newest := r.Last, true
	for _, s := range list {
		if s.Pinned {
			keep(s, KeepPinned)
		}
		if s.Time.After(now.Add(clockSlack)) {
			keep(s, KeepFuture) // and takes nobody's place
			continue
		}
		if last > 0 {
			keep(s, KeepLast)
			last--
		} else if newest {
			keep(s, KeepNewest)
		}
		newest = false
		if now.Sub(s.Time) <= r.Within && r.Within > 0 {
			keep(s, KeepWithin)
		}
		for i := range rules {
			rule := &rules[i]
			if p := rule.period(s.Time.Local()); rule.n > 0 && p != rule.last {
				keep(s, rule.why)
				rule.last = p
				rule.n--
			}
		}
	}
}

// newestFirst orders snapshots for lists.
func newestFirst(a, b Snapshot) int {
	return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(a.ID, b.ID))
}
