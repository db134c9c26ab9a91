package core

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/repo"
)

// Retention says which backups a prune keeps. Each number keeps the newest backup of each
// of that many hours, days, weeks (from Monday), months or years in which there are any. A
// backup stays if any rule keeps it. Rules count for each profile and each source by itself. The newest of each always stays, so do pinned ones.
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
	KeepNewest  KeepReason = "newest" // of its profile that holds some source
	KeepFuture  KeepReason = "future" // its computer's clock was ahead: no rule fits
)

// clockSlack is how far ahead the clock of the computer that made a backup may be.
const clockSlack = repo.ClockSlack

// decide returns why each snapshot is kept, by id; one that is missing is not. all is newest first.
// Each profile's snapshots are judged among themselves, and for each source those that hold it: so a backup in which a source was
// missing never takes the place of one that holds it.
func (r Retention) decide(all []Snapshot, now time.Time) map[string][]KeepReason {
	out := make(map[string][]KeepReason)
	type judged struct{ writer, host, user, source string }
	lists := make(map[judged][]Snapshot)
	for _, s := range all {
		by := judged{writer: s.Writer}
		if s.Writer == "" { // a version that did not say
			by.host, by.user = s.Host, s.User
		}
		if len(s.Sources) == 0 {
			lists[by] = append(lists[by], s)
		}
		for i, src := range s.Sources {
			if by.source = src; !slices.Contains(s.Sources[:i], src) {
				lists[by] = append(lists[by], s)
			}
		}
	}
	for _, list := range lists {
		slices.SortStableFunc(list, func(a, b Snapshot) int { return b.Time.Compare(a.Time) })
		r.decideOne(list, now, func(s Snapshot, why KeepReason) {
			if !slices.Contains(out[s.ID], why) {
				out[s.ID] = append(out[s.ID], why)
			}
		})
	}
	for _, why := range out {
		slices.SortFunc(why, func(a, b KeepReason) int { return slices.Index(keepReasons, a) - slices.Index(keepReasons, b) })
	}
	return out
}

// keepReasons are all reasons, in the order in which they are shown.
var keepReasons = []KeepReason{
	KeepPinned, KeepFuture, KeepLast, KeepNewest, KeepWithin, KeepHourly, KeepDaily, KeepWeekly, KeepMonthly, KeepYearly,
}

// decideOne judges one profile's snapshots that hold one source, newest first.
func (r Retention) decideOne(list []Snapshot, now time.Time, keep func(Snapshot, KeepReason)) {
	rules := []struct {
		n      int
		why    KeepReason
		period func(time.Time) string
		last   string
	}{
		{n: r.Hourly, why: KeepHourly, period: func(t time.Time) string { return t.Format("2006-01-02 15 -0700") }}, // two hours have one name when clocks go back
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
