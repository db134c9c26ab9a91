package schedule

import (
	"testing"
	"time"
)

func TestDue(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	const day = 24 * time.Hour
	// settled is a week in which all was done.
	settled := State{
		Schedule: Schedule{Every: Day}, NextBackup: now.Add(time.Hour), LastGood: ago(day), LastBackup: ago(day),
		LastDrill: ago(2 * day), LastThinOut: ago(2 * day), ThinsOut: true,
	}
	for name, c := range map[string]struct {
		change func(*State)
		want   Work
	}{
		"all was done":                        {func(*State) {}, Nothing},
		"nothing was set up":                  {func(s *State) { *s = State{} }, Nothing},
		"a backup is due":                     {func(s *State) { s.NextBackup = now }, Backup},
		"a backup comes before all else":      {func(s *State) { s.NextBackup, s.LastDrill = ago(time.Minute), time.Time{} }, Backup},
		"never tried":                         {func(s *State) { s.LastDrill = time.Time{} }, Drill},
		"tried a week ago":                    {func(s *State) { s.LastDrill = ago(8 * day) }, Drill},
		"tried a week ago, and paused":        {func(s *State) { s.LastDrill, s.Schedule.PausedUntil = ago(8*day), now.Add(time.Hour) }, Nothing},
		"tried a week ago, in a change":       {func(s *State) { s.LastDrill, s.Changing = ago(8*day), true }, Nothing},
		"tried a week ago, after a failure":   {func(s *State) { s.LastDrill, s.BackupFailed = ago(8*day), true }, Nothing},
		"tried a week ago, and nothing since": {func(s *State) { s.LastDrill, s.LastBackup = ago(30*day), ago(8*day) }, Nothing},
		"trouble, and a backup since":         {func(s *State) { s.DrillFound = true }, Drill},
		"trouble, and no backup since":        {func(s *State) { s.DrillFound, s.LastDrill = true, ago(time.Hour) }, Nothing},
		"to thin out":                         {func(s *State) { s.LastThinOut = time.Time{} }, ThinOut},
		"not to thin out":                     {func(s *State) { s.LastThinOut, s.ThinsOut = time.Time{}, false }, Nothing},
		"by hand, and long ago":               {func(s *State) { *s = State{LastGood: ago(15 * day), LastBackup: ago(15 * day)} }, Remind},
		"by hand, and told today": {func(s *State) {
			*s = State{LastGood: ago(15 * day), LastBackup: ago(15 * day), Reminded: ago(time.Hour)}
		}, Nothing},
	} {
		s := settled
		c.change(&s)
		if got := s.Due(now); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestLate(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for days, want := range map[int]Lateness{1: InTime, 4: Late, 7: VeryLate} {
		s := State{Schedule: Schedule{Every: Day}, LastGood: now.AddDate(0, 0, -days)}
		if got := s.Late(now); got != want {
			t.Errorf("%d days: %d, want %d", days, got, want)
		}
	}
	if got := (State{Schedule: Schedule{Every: Day}}).Late(now); got != InTime {
		t.Errorf("no backup yet: %d", got)
	}
}
