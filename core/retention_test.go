package core

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// Snapshots are named after their times, so that a case reads as dates.
func dated(host string, times ...string) (out []Snapshot) {
	for _, s := range times {
		t, err := time.ParseInLocation("2006-01-02 15:04", s, time.Local)
		if err != nil {
			panic(err)
		}
		out = append(out, Snapshot{ID: host + s, Time: t, Host: host})
	}
	return out
}

func TestRetention(t *testing.T) {
	now := dated("", "2026-11-24 12:00")[0].Time
	laptop := dated("a",
		"2026-11-24 11:00", "2026-11-24 10:30", "2026-11-24 10:10", "2026-11-23 09:00", "2026-11-22 09:00", // a Tuesday, a Monday, a Sunday
		"2026-11-15 09:00", "2026-10-31 09:00", "2026-10-01 09:00", "2025-12-31 09:00")
	for _, c := range []struct {
		rules Retention
		all   []Snapshot
		want  []string
	}{
		{Retention{Last: 2}, laptop, []string{"a2026-11-24 11:00", "a2026-11-24 10:30"}},
		{Retention{Hourly: 2}, laptop, []string{"a2026-11-24 11:00", "a2026-11-24 10:30"}},
		{Retention{Daily: 2}, laptop, []string{"a2026-11-24 11:00", "a2026-11-23 09:00"}},
		{Retention{Weekly: 3}, laptop, []string{"a2026-11-24 11:00", "a2026-11-22 09:00", "a2026-11-15 09:00"}},
		{Retention{Monthly: 2}, laptop, []string{"a2026-11-24 11:00", "a2026-10-31 09:00"}},
		{Retention{Yearly: 5}, laptop, []string{"a2026-11-24 11:00", "a2025-12-31 09:00"}},
		{Retention{Within: 27 * time.Hour}, laptop, []string{"a2026-11-24 11:00", "a2026-11-24 10:30", "a2026-11-24 10:10", "a2026-11-23 09:00"}},
		// Days without a backup take no place.
		{Retention{Daily: 4}, laptop, []string{"a2026-11-24 11:00", "a2026-11-23 09:00", "a2026-11-22 09:00", "a2026-11-15 09:00"}},
		// Each computer for itself; the newest of each stays whatever the rule.
		{Retention{Within: time.Hour}, append(dated("b", "2020-01-01 00:00", "2019-01-01 00:00"), laptop[0]), []string{"a2026-11-24 11:00", "b2020-01-01 00:00"}},
		// A computer whose clock was years ahead evicts nothing, and loses nothing.
		{Retention{Last: 1}, append(dated("a", "2040-01-01 00:00", "2039-01-01 00:00"), laptop...), []string{"a2040-01-01 00:00", "a2039-01-01 00:00", "a2026-11-24 11:00"}},
	} {
		t.Run(fmt.Sprintf("%+v", c.rules), func(t *testing.T) {
			var got []string
			for id := range c.rules.decide(c.all, now) {
				got = append(got, id)
			}
			slices.Sort(got)
			slices.Sort(c.want)
			if !slices.Equal(got, c.want) {
				t.Errorf("kept %q\nwant %q", got, c.want)
			}
		})
	}
	pinned := slices.Clone(laptop)
	pinned[8].Pinned = true
	if why := (Retention{Last: 1}).decide(pinned, now)[pinned[8].ID]; !slices.Equal(why, []KeepReason{KeepPinned}) {
		t.Errorf("a pinned one: %v", why)
	}
	for _, bad := range []Retention{{}, {Last: -1}, {Daily: 1, Within: -1}} {
		if bad.check() == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}

// Of each period the newest backup that holds a source stays, whatever else was made in it.
func TestRetentionJudgesEachSource(t *testing.T) {
	now := dated("", "2026-11-24 12:00")[0].Time
	all := dated("a", "2026-11-24 11:00", "2026-11-24 10:00", "2026-11-24 09:00", "2026-11-23 11:00", "2026-11-23 10:00")
	both, docs := []string{"/docs", "/disk"}, []string{"/docs"}
	for i, sources := range [][]string{docs, docs, both, docs, both} {
		all[i].Sources = sources
	}
	for _, rules := range []Retention{{Daily: 2}, {Daily: 30, Last: 1}} {
		why := rules.decide(all, now)
		if want := []bool{true, false, true, true, true}; !slices.EqualFunc(all, want, func(s Snapshot, kept bool) bool { return len(why[s.ID]) > 0 == kept }) {
			t.Errorf("%+v kept %v", rules, why)
		}
	}
}

// Two profiles of one person on one computer are judged by themselves.
func TestRetentionJudgesEachProfile(t *testing.T) {
	now := dated("", "2026-11-24 12:00")[0].Time
	all := dated("a", "2026-11-24 11:00", "2026-11-24 10:00", "2026-11-24 09:00")
	for i, w := range []string{"one", "two", ""} {
		all[i].Writer, all[i].Sources = w, []string{"/docs"}
	}
	if why := (Retention{Daily: 1}).decide(all, now); len(why) != 3 {
		t.Errorf("kept %v", why)
	}
}

// The two hours of one name on the day when clocks go back are two.
func TestRetentionOnTheDayClocksGoBack(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	local := time.Local
	time.Local = berlin
	t.Cleanup(func() { time.Local = local })
	first := time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC) // 02:30 summer time
	var all []Snapshot
	for i := range 4 {
		at := first.Add(time.Duration(i-1) * time.Hour)
		all = append(all, Snapshot{ID: at.String(), Time: at, Host: "a"})
	}
	slices.SortFunc(all, newestFirst)
	if why := (Retention{Hourly: 4}).decide(all, first.Add(24*time.Hour)); len(why) != 4 {
		t.Errorf("kept %v", why)
	}
}
