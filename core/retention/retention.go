package retention

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// ErrInvalid: rules that keep nothing, or less.
var ErrInvalid = errors.New("these rules keep nothing")

// Rules say which backups a prune keeps. Each number keeps the newest backup of each of that many hours, days, weeks
// (from Monday), months or years in which there are any. A backup stays if any rule keeps it. Rules count for each
// profile and each source by itself. The newest of each always stays, so do pinned ones.
type Rules struct {
	Last    int `json:"last,omitempty"` // the newest, whatever their age
	Hourly  int `json:"hourly,omitempty"`
	Daily   int `json:"daily,omitempty"`
	Weekly  int `json:"weekly,omitempty"`
	Monthly int `json:"monthly,omitempty"`
	Yearly  int `json:"yearly,omitempty"`
	// Within keeps everything that is at most this old.
	Within time.Duration `json:"within,omitempty"`
}

// Default keeps everything of two days, one a day for a month, one a
// week for a quarter, one a month for two years, and one a year.
func Default() Rules {
	return Rules{Last: 3, Daily: 30, Weekly: 13, Monthly: 24, Yearly: 100, Within: 48 * time.Hour}
}

// Check refuses what keeps nothing, or less. Errors: ErrInvalid.
func (r Rules) Check() error {
	for _, n := range []int{r.Last, r.Hourly, r.Daily, r.Weekly, r.Monthly, r.Yearly} {
		if n < 0 {
			return fmt.Errorf("%w: %d backups cannot be kept", ErrInvalid, n)
		}
	}
	if r.Within < 0 {
		return fmt.Errorf("%w: backups of the last %v cannot be kept", ErrInvalid, r.Within)
	}
	if r == (Rules{}) {
		return ErrInvalid
	}
	return nil
}

// Reason is a rule that keeps a backup.
type Reason string

// The rules that keep backups.
const (
	Last    Reason = "last"
	Hourly  Reason = "hourly"
	Daily   Reason = "daily"
	Weekly  Reason = "weekly"
	Monthly Reason = "monthly"
	Yearly  Reason = "yearly"
	Within  Reason = "within"
	Pinned  Reason = "pinned"
	Newest  Reason = "newest" // of its profile that holds some source, by its date or by its number
	Future  Reason = "future" // its computer's clock was ahead: no rule fits
)

// reasons are all of them, in the order in which they are shown.
var reasons = []Reason{Pinned, Future, Last, Newest, Within, Hourly, Daily, Weekly, Monthly, Yearly}

// Decide returns why each snapshot is kept; one that is missing is not.
func (r Rules) Decide(all []*repo.Snapshot, pinned map[repo.Name]bool, now time.Time) map[repo.Name][]Reason {
	out := make(map[repo.Name][]Reason)
	type judged struct {
		writer             repo.Profile
		host, user, source string
	}
	lists := make(map[judged][]*repo.Snapshot)
	for _, s := range all {
		by := judged{writer: s.Writer}
		if s.Sequence == 0 { // a version that did not say
			by.host, by.user = s.Host, s.User
		}
		if len(s.Sources) == 0 {
			lists[by] = append(lists[by], s)
		}
		for i, src := range s.Sources {
			by.source = src.Path
			if !slices.ContainsFunc(s.Sources[:i], func(before repo.Source) bool { return before.Path == src.Path }) {
				lists[by] = append(lists[by], s)
			}
		}
	}
	for _, list := range lists {
		slices.SortFunc(list, func(a, b *repo.Snapshot) int {
			return cmp.Or(date(b).Compare(date(a)), cmp.Compare(a.ID(), b.ID()))
		})
		keep := func(s *repo.Snapshot, why Reason) {
			if !slices.Contains(out[s.Name], why) {
				out[s.Name] = append(out[s.Name], why)
			}
		}
		r.decideOne(list, pinned, now, keep)
		// While a clock was behind, what was made last looks old.
		if last := slices.MaxFunc(list, func(a, b *repo.Snapshot) int { return cmp.Compare(a.Sequence, b.Sequence) }); last.Sequence > 0 {
			if why := out[last.Name]; !slices.Contains(why, Last) && !slices.Contains(why, Future) {
				keep(last, Newest)
			}
		}
	}
	for _, why := range out {
		slices.SortFunc(why, func(a, b Reason) int { return slices.Index(reasons, a) - slices.Index(reasons, b) })
	}
	return out
}

// decideOne judges one profile's snapshots that hold one source, newest first.
func (r Rules) decideOne(list []*repo.Snapshot, pinned map[repo.Name]bool, now time.Time, keep func(*repo.Snapshot, Reason)) {
	rules := []struct {
		n      int
		why    Reason
		period func(time.Time) string
		last   string
	}{
		// two hours have one name when clocks go back
		{n: r.Hourly, why: Hourly, period: func(t time.Time) string { return t.Format("2006-01-02 15 -0700") }},
		{n: r.Daily, why: Daily, period: func(t time.Time) string { return t.Format("2006-01-02") }},
		{n: r.Weekly, why: Weekly, period: func(t time.Time) string { y, w := t.ISOWeek(); return fmt.Sprint(y, w) }},
		{n: r.Monthly, why: Monthly, period: func(t time.Time) string { return t.Format("2006-01") }},
		{n: r.Yearly, why: Yearly, period: func(t time.Time) string { return t.Format("2006") }},
	}
	last, newest := r.Last, true
	for _, s := range list {
		if pinned[s.Name] {
			keep(s, Pinned)
		}
		at := date(s)
		if at.After(now.Add(repo.ClockSlack)) {
			keep(s, Future) // and takes nobody's place
			continue
		}
		if last > 0 {
			keep(s, Last)
			last--
		} else if newest {
			keep(s, Newest)
		}
		newest = false
		if now.Sub(at) <= r.Within && r.Within > 0 {
			keep(s, Within)
		}
		for i := range rules {
			rule := &rules[i]
			if p := rule.period(at.Local()); rule.n > 0 && p != rule.last {
				keep(s, rule.why)
				rule.last = p
				rule.n--
			}
		}
	}
}

// farthest is a date that nothing is made at.
var farthest = time.Date(9999, 12, 30, 0, 0, 0, 0, time.UTC)

// date is when a snapshot was begun. time.Time wraps around far from now, and a date that is forged, or of a broken clock, must not
// become one of the past.
func date(s *repo.Snapshot) time.Time {
	if s.Begin.Unix() > farthest.Unix() {
		return farthest
	}
	return s.Begin
}
