package retention

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// at is a moment here.
func at(s string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04", s, time.Local)
	if err != nil {
		panic(err)
	}
	return t
}

// dated makes snapshots of an earlier version, which did not say what profile it was.
func dated(host string, times ...string) (out []*repo.Snapshot) {
	for _, s := range times {
		out = append(out, &repo.Snapshot{Name: sha256.Sum256([]byte(host + s)), Begin: at(s), Host: host})
	}
	return out
}

// kept are the snapshots that stay, in a case's own words.
func kept(rules Rules, all []*repo.Snapshot, pinned map[repo.Name]bool, now time.Time) (out []string) {
	why := rules.Decide(all, pinned, now)
	for _, s := range all {
		if len(why[s.Name]) > 0 {
			out = append(out, s.Host+s.Begin.Format("2006-01-02 15:04"))
		}
	}
	return out
}

func TestRules(t *testing.T) {
	now := at("2026-11-24 12:00")
	laptop := dated("a",
		"2026-11-24 11:00", "2026-11-24 10:30", "2026-11-24 10:10", "2026-11-23 09:00", "2026-11-22 09:00", // a Tuesday, a Monday, a Sunday
		"2026-11-15 09:00", "2026-10-31 09:00", "2026-10-01 09:00", "2025-12-31 09:00")
	for _, c := range []struct {
		rules Rules
		all   []*repo.Snapshot
		want  []string
	}{
		{Rules{Last: 2}, laptop, []string{"a2026-11-24 11:00", "a2026-11-24 10:30"}},
		{Rules{Hourly: 2}, laptop, []string{"a2026-11-24 11:00", "a2026-11-24 10:30"}},
		{Rules{Daily: 2}, laptop, []string{"a2026-11-24 11:00", "a2026-11-23 09:00"}},
		{Rules{Weekly: 3}, laptop, []string{"a2026-11-24 11:00", "a2026-11-22 09:00", "a2026-11-15 09:00"}},
		{Rules{Monthly: 2}, laptop, []string{"a2026-11-24 11:00", "a2026-10-31 09:00"}},
		{Rules{Yearly: 5}, laptop, []string{"a2026-11-24 11:00", "a2025-12-31 09:00"}},
		{Rules{Within: 27 * time.Hour}, laptop, []string{"a2026-11-24 11:00", "a2026-11-24 10:30", "a2026-11-24 10:10", "a2026-11-23 09:00"}},
		// Days without a backup take no place.
		{Rules{Daily: 4}, laptop, []string{"a2026-11-24 11:00", "a2026-11-23 09:00", "a2026-11-22 09:00", "a2026-11-15 09:00"}},
		// Each computer for itself; the newest of each stays whatever the rule.
		{Rules{Within: time.Hour}, append(dated("b", "2020-01-01 00:00", "2019-01-01 00:00"), laptop[0]),
			[]string{"a2026-11-24 11:00", "b2020-01-01 00:00"}},
		// A computer whose clock was years ahead evicts nothing, and loses nothing.
		{Rules{Last: 1}, append(dated("a", "2040-01-01 00:00", "2039-01-01 00:00"), laptop...),
			[]string{"a2040-01-01 00:00", "a2039-01-01 00:00", "a2026-11-24 11:00"}},
	} {
		t.Run(fmt.Sprintf("%+v", c.rules), func(t *testing.T) {
			got := kept(c.rules, c.all, nil, now)
			slices.Sort(got)
			slices.Sort(c.want)
			if !slices.Equal(got, c.want) {
				t.Errorf("kept %q\nwant %q", got, c.want)
			}
		})
	}
	if why := (Rules{Last: 1}).Decide(laptop, map[repo.Name]bool{laptop[8].Name: true}, now)[laptop[8].Name]; !slices.Equal(why,
		[]Reason{Pinned}) {
		t.Errorf("a pinned one: %v", why)
	}
	for _, bad := range []Rules{{}, {Last: -1}, {Daily: 1, Within: -1}} {
		if !errors.Is(bad.Check(), ErrInvalid) {
			t.Errorf("%+v was accepted", bad)
		}
	}
}

// Of each period the newest backup that holds a source stays, whatever else was made in it.
func TestEachSourceIsJudged(t *testing.T) {
	now := at("2026-11-24 12:00")
	all := dated("a", "2026-11-24 11:00", "2026-11-24 10:00", "2026-11-24 09:00", "2026-11-23 11:00", "2026-11-23 10:00")
	both, docs := []repo.Source{{Path: "/docs"}, {Path: "/disk"}}, []repo.Source{{Path: "/docs"}}
	for i, sources := range [][]repo.Source{docs, docs, both, docs, both} {
		all[i].Sources = sources
	}
	for _, rules := range []Rules{{Daily: 2}, {Daily: 30, Last: 1}} {
		why := rules.Decide(all, nil, now)
		if want := []bool{true, false, true, true, true}; !slices.EqualFunc(all, want,
			func(s *repo.Snapshot, kept bool) bool { return len(why[s.Name]) > 0 == kept }) {
			t.Errorf("%+v kept %v", rules, why)
		}
	}
}

// Two profiles of one person on one computer are judged by themselves.
func TestEachProfileIsJudged(t *testing.T) {
	now := at("2026-11-24 12:00")
	all := dated("a", "2026-11-24 11:00", "2026-11-24 10:00", "2026-11-24 09:00")
	for i, s := range all {
		s.Sources = []repo.Source{{Path: "/docs"}}
		if i < 2 { // the third is of a version that did not say
			s.Writer, s.Sequence = repo.Profile{byte(i + 1)}, 1
		}
	}
	if why := (Rules{Daily: 1}).Decide(all, nil, now); len(why) != 3 {
		t.Errorf("kept %v", why)
	}
}

// What a profile made last stays, also when its clock had fallen back by years.
func TestWhatWasMadeLastStays(t *testing.T) {
	now := at("2026-11-24 12:00")
	all := dated("a", "2026-11-23 11:00", "2026-11-23 12:00", "1970-01-01 00:01", "1970-01-01 00:02")
	for i, s := range all {
		s.Sources, s.Writer, s.Sequence = []repo.Source{{Path: "/docs"}}, repo.Profile{1}, uint64(i+1)
	}
	all[2].Sources = append(all[2].Sources, repo.Source{Path: "/disk"}) // away, the time after
	if got, want := kept(Rules{Last: 1}, all, nil, now),
		[]string{"a2026-11-23 12:00", "a1970-01-01 00:01", "a1970-01-01 00:02"}; !slices.Equal(got, want) {
		t.Errorf("kept %q\nwant %q", got, want)
	}
	if why := (Rules{Daily: 9}).Decide(all, nil, now)[all[3].Name]; !slices.Equal(why, []Reason{Newest, Daily}) {
		t.Errorf("%v", why)
	}
}

// inZone makes a time zone the local one.
func inZone(t *testing.T, name string) {
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	local := time.Local
	time.Local = zone
	t.Cleanup(func() { time.Local = local })
}

// every makes snapshots at equal distances.
func every(step time.Duration, n int, from time.Time) (out []*repo.Snapshot) {
	for i := range n {
		out = append(out, &repo.Snapshot{Name: repo.Name{byte(i), byte(i >> 8)}, Begin: from.Add(time.Duration(i) * step), Host: "a"})
	}
	return out
}

// Hours are told apart as instants: the two of one name on the day when clocks go back are two, also where they go back by half an
// hour, and none is missing or double on the day when they go forward.
func TestHoursOnTheDayClocksChange(t *testing.T) {
	for _, c := range []struct {
		zone string
		from time.Time // an hour before the change
	}{
		{"Europe/Berlin", time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC)}, // 03:00 is 02:00 again at 01:00 UTC
		{"Europe/Berlin", time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC)},  // 02:00 is 03:00
		{"America/New_York", time.Date(2026, 11, 1, 5, 0, 0, 0, time.UTC)},
		{"America/New_York", time.Date(2026, 3, 8, 6, 0, 0, 0, time.UTC)},
	} {
		t.Run(fmt.Sprint(c.zone, c.from), func(t *testing.T) {
			inZone(t, c.zone)
			// One every quarter of an hour for four hours: of each hour the last stays.
			all := every(15*time.Minute, 16, c.from)
			why := Rules{Hourly: 24}.Decide(all, nil, c.from.Add(24*time.Hour))
			for i, s := range all {
				if want := i%4 == 3; len(why[s.Name]) > 0 != want {
					t.Errorf("%v: %v", s.Begin.Local(), why[s.Name])
				}
			}
		})
	}
	inZone(t, "Australia/Lord_Howe") // clocks go back from 02:00 to 01:30, at 15:00 UTC
	all := every(15*time.Minute, 12, time.Date(2026, 4, 4, 14, 0, 0, 0, time.UTC))
	why := Rules{Hourly: 24}.Decide(all, nil, all[0].Begin.Add(24*time.Hour))
	for i, s := range all {
		// 01:00 to 02:00, again 01:30 to 02:00, and 02:00 to 03:00
		if want := i == 3 || i == 5 || i == 9 || i == 11; len(why[s.Name]) > 0 != want {
			t.Errorf("%v: %v", s.Begin.Local(), why[s.Name])
		}
	}
}

// A day has 23 or 25 hours when clocks change, and stays one day.
func TestDaysOnWhichClocksChange(t *testing.T) {
	inZone(t, "Europe/Berlin")
	for _, day := range []string{"2026-10-25", "2026-03-29"} {
		all := every(30*time.Minute, 4*48, at(day+" 00:00").Add(-24*time.Hour))
		why := Rules{Daily: 100}.Decide(all, nil, at(day+" 00:00").AddDate(0, 0, 9))
		of := make(map[string]int)
		for _, s := range all {
			if len(why[s.Name]) > 0 {
				of[s.Begin.Local().Format("2006-01-02")]++
				if next := s.Begin.Add(30 * time.Minute).Local(); s != all[len(all)-1] && next.Format("15:04") != "00:00" {
					t.Errorf("%v is not the last of its day", s.Begin.Local())
				}
			}
		}
		for d, n := range of {
			if n != 1 {
				t.Errorf("%d of %s stay", n, d)
			}
		}
		if of[day] != 1 || len(of) < 4 {
			t.Errorf("stay: %v", of)
		}
	}
}

// A snapshot whose date is so far that time.Time wraps around is one of the future.
func TestADateFarBeyondAllYears(t *testing.T) {
	now := at("2026-11-24 12:00")
	far := &repo.Snapshot{Name: repo.Name{1}, Begin: time.Unix(math.MaxInt64, 0), Host: "a"}
	near := &repo.Snapshot{Name: repo.Name{2}, Begin: now.Add(-time.Hour), Host: "a"}
	why := Rules{Last: 1}.Decide([]*repo.Snapshot{far, near}, nil, now)
	if !slices.Equal(why[far.Name], []Reason{Future}) || !slices.Equal(why[near.Name], []Reason{Last}) {
		t.Errorf("%v", why)
	}
}
