package simtest

import (
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/retention"
)

// Which snapshots may go is said here a second time, and otherwise: by what must be left of each period.

// inFuture reports whether a snapshot is dated so that a clock must have been wrong.
func inFuture(s *repo.Snapshot, now time.Time) bool { return s.Begin.Sub(now) > 24*time.Hour }

// judge returns what is wrong with a decision to keep some of all snapshots; "": nothing.
func judge(rules retention.Rules, all []*repo.Snapshot, kept func(*repo.Snapshot) bool, now time.Time) string {
	for _, gone := range all {
		if kept(gone) {
			continue
		}
		for _, src := range gone.Sources {
			// Those of its profile that hold this source.
			var peers []*repo.Snapshot
			for _, s := range all {
				if s.Writer == gone.Writer && slices.ContainsFunc(s.Sources, func(o repo.Source) bool { return o.Path == src.Path }) {
					peers = append(peers, s)
				}
			}
			if why := mustStay(rules, gone, peers, kept, now); why != "" {
				return fmt.Sprintf("%.8s of %v, number %d, goes, and of %s it is %s", gone.Name, gone.Begin, gone.Sequence, src.Path, why)
			}
		}
	}
	return ""
}

// mustStay says why a snapshot that is to go must stay among its peers; "": it need not.
func mustStay(rules retention.Rules, gone *repo.Snapshot, peers []*repo.Snapshot, kept func(*repo.Snapshot) bool, now time.Time) string {
	if inFuture(gone, now) {
		return "in the future"
	}
	newer, numbered := 0, false
	for _, s := range peers {
		if kept(s) && !inFuture(s, now) && !s.Begin.Before(gone.Begin) {
			newer++
		}
		numbered = numbered || kept(s) && s.Sequence >= gone.Sequence
	}
	switch {
	case newer == 0:
		return "the newest"
	case !numbered:
		return "what was made last"
	case newer < rules.Last:
		return fmt.Sprintf("one of the last %d", rules.Last)
	case rules.Within > 0 && now.Sub(gone.Begin) <= rules.Within:
		return "of the last " + rules.Within.String()
	}
	for _, rule := range []struct {
		n      int
		period func(time.Time) time.Time // its beginning
	}{
		{rules.Hourly, func(t time.Time) time.Time {
			return t.Add(-time.Duration(t.Minute())*time.Minute - time.Duration(t.Second())*time.Second - time.Duration(t.Nanosecond()))
		}},
		{rules.Daily, func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location()) }},
		{rules.Weekly, func(t time.Time) time.Time {
			return time.Date(t.Year(), t.Month(), t.Day()-(int(t.Weekday())+6)%7, 0, 0, 0, 0, t.Location())
		}},
		{rules.Monthly, func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, t.Location()) }},
		{rules.Yearly, func(t time.Time) time.Time { return time.Date(t.Year(), 1, 1, 0, 0, 0, 0, t.Location()) }},
	} {
		of := rule.period(gone.Begin.Local())
		later, stands := make(map[time.Time]bool), false
		for _, s := range peers {
			if inFuture(s, now) {
				continue
			}
			switch p := rule.period(s.Begin.Local()); {
			case p.After(of):
				later[p] = true
			case p.Equal(of) && kept(s) && !s.Begin.Before(gone.Begin):
				stands = true
			}
		}
		if len(later) < rule.n && !stands {
			return fmt.Sprintf("the newest of the period that began at %v, and only %d of %d came after", of, len(later), rule.n)
		}
	}
	return ""
}

// checkLatest asks each computer what it takes for the latest.
func (s *schedule) checkLatest(r *repo.Repository, all []*repo.Snapshot) {
	if len(all) == 0 {
		return
	}
	for _, c := range s.computers {
		now := s.now().Add(c.ahead)
		r.SetAhead(s.skew + c.ahead)
		got, err := r.FindSnapshot(s.t.Context(), "latest")
		if err != nil {
			s.t.Errorf("the latest: %v", err)
			return
		}
		for _, other := range all {
			if !inFuture(other, now) && (inFuture(got, now) || other.Begin.After(got.Begin)) {
				s.t.Errorf("computer %s at %v takes %v for the latest, with one of %v there", c.host, now, got.Begin, other.Begin)
				return
			}
		}
	}
	r.SetAhead(0)
}
