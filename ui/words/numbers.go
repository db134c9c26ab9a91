package words

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

var byteUnits = []string{"KB", "MB", "GB", "TB", "PB", "EB"}

// Bytes words a size in decimal units, as file managers and clouds count.
func (w Words) Bytes(n int64) string {
	if n < 1000 {
		return w.count(n, "{{.Count}} byte", "{{.Count}} bytes")
	}
	v, unit := float64(n), ""
	for _, u := range byteUnits {
		v, unit = v/1000, u
		if v < 999.5 {
			break
		}
	}
	text := strconv.FormatFloat(v, 'f', 0, 64)
	if v < 9.95 {
		text = strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
		text = strings.Replace(text, ".", w.Say(".", nil), 1)
	}
	return w.Say("{{.Number}} "+unit, Values{"Number": text})
}

// Count words a number with thousands apart: 12,431.
func (w Words) Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(s) - 3; i > start; i -= 3 {
		s = s[:i] + w.Say(",", nil) + s[i:]
	}
	return s
}

// Files words a number of files.
func (w Words) Files(n int64) string { return w.count(n, "{{.Count}} file", "{{.Count}} files") }

func (w Words) count(n int64, one, many string) string {
	if n == 1 {
		return w.Say(one, Values{"Count": w.Count(n)})
	}
	return w.Say(many, Values{"Count": w.Count(n)})
}

// Duration words how long something takes: one unit, two where it helps.
func (w Words) Duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return w.Say("less than a second", nil)
	case d < time.Minute:
		return w.count(int64(math.Round(d.Seconds())), "{{.Count}} second", "{{.Count}} seconds")
	case d < time.Hour:
		return w.count(int64(math.Round(d.Minutes())), "{{.Count}} minute", "{{.Count}} minutes")
	case d < 24*time.Hour:
		d = d.Round(time.Minute)
		return w.Say("{{.Hours}} h {{.Minutes}} min", Values{"Hours": int64(d / time.Hour), "Minutes": int64(d % time.Hour / time.Minute)})
	}
	return w.count(int64(math.Round(d.Hours()/24)), "{{.Count}} day", "{{.Count}} days")
}

// Ago words a time in the past as people say it, in local time.
func (w Words) Ago(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	clock := Values{"Time": t.Format("15:04")}
	switch days := daysBetween(t, now); {
	case days <= 0:
		return w.Say("today {{.Time}}", clock)
	case days == 1:
		return w.Say("yesterday {{.Time}}", clock)
	case days <= 30:
		return w.count(int64(days), "{{.Count}} day ago", "{{.Count}} days ago")
	}
	return w.Day(t, now)
}

// Day words a date: "today", "yesterday", "12 November", and the year where
// it is not this one.
func (w Words) Day(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	switch daysBetween(t, now) {
	case 0:
		return w.Say("today", nil)
	case 1:
		return w.Say("yesterday", nil)
	}
	month := w.Say(t.Month().String(), nil)
	if t.Year() == now.Year() {
		return w.Say("{{.Day}} {{.Month}}", Values{"Day": t.Day(), "Month": month})
	}
	return w.Say("{{.Day}} {{.Month}} {{.Year}}", Values{"Day": t.Day(), "Month": month, "Year": t.Year()})
}

// Until words a time to come by the clock, with the day unless it is today.
func (w Words) Until(t time.Time) string {
	t = t.Local()
	if now := time.Now(); daysBetween(t, now.Local()) != 0 {
		return w.Say("on {{.Day}} at {{.Time}}", Values{"Day": w.Day(t, now), "Time": t.Format("15:04:05")})
	}
	return w.Say("at {{.Time}}", Values{"Time": t.Format("15:04:05")})
}

// Soon words a time to come as people say it: "today at 14:00"; one that has
// come is "now".
func (w Words) Soon(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	clock := t.Format("15:04")
	switch days := daysBetween(now, t); {
	case !t.After(now):
		return w.Say("now", nil)
	case days == 0:
		return w.Say("today at {{.Time}}", Values{"Time": clock})
	case days == 1:
		return w.Say("tomorrow at {{.Time}}", Values{"Time": clock})
	case days < 7:
		return w.Say("on {{.Day}} at {{.Time}}", Values{"Day": w.Weekday(t.Weekday()), "Time": clock})
	default:
		return w.Say("on {{.Day}} at {{.Time}}", Values{"Day": w.Day(t, now), "Time": clock})
	}
}

// Weekday names a day of the week.
func (w Words) Weekday(d time.Weekday) string { return w.Say(d.String(), nil) }

// daysBetween counts midnights, not hours: late yesterday is yesterday.
func daysBetween(t, now time.Time) int {
	a := time.Date(t.Year(), t.Month(), t.Day(), 12, 0, 0, 0, time.UTC)
	b := time.Date(now.Year(), now.Month(), now.Day(), 12, 0, 0, 0, time.UTC)
	return int(b.Sub(a).Hours() / 24)
}

// Bytes words a size in English.
func Bytes(n int64) string { return Words{}.Bytes(n) }

// Duration words how long something takes in English.
func Duration(d time.Duration) string { return Words{}.Duration(d) }

// Ago words a time in the past in English.
func Ago(t, now time.Time) string { return Words{}.Ago(t, now) }

// Percent words a share of the whole, rounded down, so that 100 % means done.
func Percent(done, total int64) string {
	if total <= 0 {
		return ""
	}
	return fmt.Sprintf("%d %%", min(100, int64(float64(done)/float64(total)*100)))
}
