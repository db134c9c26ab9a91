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
