package schedule

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func at(text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	t, err := time.ParseInLocation("2006-01-02 15:04", text, time.Local)
	if err != nil {
		panic(err)
	}
	return t
}

func TestNext(t *testing.T) {
	noon := 12 * 60
	for name, c := range map[string]struct {
		s     Schedule
		now   string
		past  Past
		want  string
		never bool
	}{
		"by hand": {s: Schedule{}, now: "2026-11-24 12:00", never: true},
		"hourly": {s: Schedule{Every: Hour}, now: "2026-11-24 12:10", past: Past{Done: at("2026-11-24 12:03")},
			want: "2026-11-24 13:03"},
		"daily, later today": {s: Schedule{Every: Day, At: noon}, now: "2026-11-24 09:00",
			past: Past{Done: at("2026-11-24 08:00")}, want: "2026-11-24 12:00"},
		"daily, tomorrow": {s: Schedule{Every: Day, At: noon}, now: "2026-11-24 13:00",
			past: Past{Done: at("2026-11-24 12:00")}, want: "2026-11-25 12:00"},
		"daily, over the end of a month": {s: Schedule{Every: Day, At: noon}, now: "2026-11-30 13:00",
			past: Past{Done: at("2026-11-30 12:00")}, want: "2026-12-01 12:00"},
		"missed while asleep": {s: Schedule{Every: Day, At: noon}, now: "2026-11-24 09:00",
			past: Past{Done: at("2026-11-20 12:00")}, want: "2026-11-21 12:00"},
		"weekly": {s: Schedule{Every: Week, At: noon, On: time.Friday}, now: "2026-11-24 09:00",
			past: Past{Done: at("2026-11-20 12:00")}, want: "2026-11-27 12:00"},
		"weekly, on the day itself": {s: Schedule{Every: Week, At: noon, On: time.Friday}, now: "2026-11-27 09:00",
			past: Past{Done: at("2026-11-27 08:00")}, want: "2026-11-27 12:00"},
		"chosen today, nothing is due": {s: Schedule{Every: Day, At: noon, Since: at("2026-11-24 13:00")}, now: "2026-11-24 13:01",
			want: "2026-11-25 12:00"},
		"the clock was ahead at the last": {s: Schedule{Every: Day, At: noon, Since: at("2026-11-20 13:00")}, now: "2026-11-24 13:01",
			past: Past{Done: at("2031-01-01 12:00")}, want: "2026-11-21 12:00"},
		"a failure is tried again soon": {s: Schedule{Every: Day, At: noon, Since: at("2026-11-20 13:00")}, now: "2026-11-24 12:06",
			past: Past{Done: at("2026-11-23 12:00"), Tried: at("2026-11-24 12:05"), Failures: 1}, want: "2026-11-24 12:20"},
		"many failures less often": {s: Schedule{Every: Hour}, now: "2026-11-24 12:06",
			past: Past{Done: at("2026-11-20 12:00"), Tried: at("2026-11-24 12:05"), Failures: 40}, want: "2026-11-24 18:05"},
		"paused": {s: Schedule{Every: Hour, PausedUntil: at("2026-11-25 06:00")}, now: "2026-11-24 12:06",
			past: Past{Done: at("2026-11-24 12:00")}, want: "2026-11-25 06:00"},
		"a pause that is over changes nothing": {s: Schedule{Every: Hour, PausedUntil: at("2026-11-24 06:00")}, now: "2026-11-24 12:06",
			past: Past{Done: at("2026-11-24 12:00")}, want: "2026-11-24 13:00"},
	} {
		got := c.s.Next(at(c.now), c.past)
		switch {
		case c.never && !got.IsZero():
			t.Errorf("%s: %v, want never", name, got)
		case !c.never && !got.Equal(at(c.want)):
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// Whatever the schedule and the past, a backup that has just been done is not
// due again, and the next one is no further off than the schedule says.
func TestNextIsNeitherNowNorFarOff(t *testing.T) {
	most := map[Every]time.Duration{Hour: time.Hour, Day: 25 * time.Hour, Week: 7*24*time.Hour + time.Hour}
	rapid.Check(t, func(t *rapid.T) {
		s := Schedule{
			Every: rapid.SampledFrom([]Every{Hour, Day, Week}).Draw(t, "every"),
			At:    rapid.IntRange(0, 24*60-1).Draw(t, "at"),
			On:    time.Weekday(rapid.IntRange(0, 6).Draw(t, "on")),
		}
		done := time.Unix(rapid.Int64Range(1_600_000_000, 1_900_000_000).Draw(t, "done"), 0)
		next := s.Next(done, Past{Done: done})
		if !next.After(done) || next.Sub(done) > most[s.Every] {
			t.Fatalf("after %v comes %v", done, next)
		}
		late := done.Add(time.Duration(rapid.IntRange(0, 1000).Draw(t, "hours")) * time.Hour)
		if again := s.Next(late, Past{Done: done}); !again.Equal(next) {
			t.Fatalf("it moved from %v to %v while nobody asked", next, again)
		}
	})
}

// On the day summer time begins, half past two does not exist.
func TestASlotThatTheClockSkips(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal("no time zones here: ", err)
	}
	local := time.Local
	time.Local = berlin
	defer func() { time.Local = local }()
	s := Schedule{Every: Day, At: 2*60 + 30}
	done := time.Date(2026, 3, 28, 2, 30, 0, 0, berlin)
	for range 3 {
		next := s.Next(done, Past{Done: done})
		if gap := next.Sub(done); gap < 22*time.Hour || gap > 26*time.Hour {
			t.Fatalf("from %v to %v", done, next)
		}
		done = next
	}
}

func TestWatch(t *testing.T) {
	var w Watch
	now := at("2026-11-24 12:00")
	step := func(d time.Duration) bool { now = now.Add(d); return w.Settled(now) }
	if step(0) || step(Tick) {
		t.Fatal("it begins right after the start")
	}
	for range 3 {
		step(Tick)
	}
	if !step(Tick) {
		t.Fatal("it never settles")
	}
	if step(8 * time.Hour) {
		t.Fatal("it begins right after sleep")
	}
	step(Tick)
	step(Tick)
	if !step(Tick) {
		t.Fatal("it does not settle after sleep")
	}
	if step(-time.Hour) {
		t.Fatal("it begins right after the clock was set back")
	}
	step(Tick)
	step(Tick)
	if !step(Tick) {
		t.Fatal("a clock set back stops it for good")
	}
}

func TestOverdueAfterIsLongerThanTheSchedule(t *testing.T) {
	for every, period := range map[Every]time.Duration{Manual: 0, Hour: time.Hour, Day: 24 * time.Hour, Week: 7 * 24 * time.Hour} {
		if got := (Schedule{Every: every}).OverdueAfter(); got <= period {
			t.Errorf("%q is overdue after %v", every, got)
		}
	}
}
