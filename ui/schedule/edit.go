package schedule

import (
	"context"
	"fmt"
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/widget"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// clockStep is how fine a time of day can be chosen, in minutes.
const clockStep = 30

// First is what a new backup begins with: every day at about this
// time, when the computer is evidently on.
func First(now time.Time) core.Schedule {
	return core.Schedule{Every: core.Daily, At: now.Local().Hour() * 60}
}

// Line says when backups run.
func (f *Feature) Line(s core.Schedule) string {
	clock := clockText(s.At)
	switch s.Every {
	case core.Hourly:
		return lang.L("Every hour")
	case core.Daily:
		return lang.L("Every day at {{.Time}}", words.Values{"Time": clock})
	case core.Weekly:
		return lang.L("Every {{.Day}} at {{.Time}}", words.Values{"Day": f.w.Words.Weekday(s.On), "Time": clock})
	}
	return lang.L("Only when you ask")
}

// WhenLine is the schedule, and when the next backup is.
func (f *Feature) WhenLine(st core.Status) string {
	s := f.Line(st.Schedule)
	switch {
	case st.NextBackup.IsZero():
		return s
	case st.Schedule.PausedUntil.After(f.w.Now()):
		return s + " · " + lang.L("paused until {{.Time}}", words.Values{"Time": f.w.Words.Soon(st.Schedule.PausedUntil, f.w.Now())})
	case !st.NextBackup.After(f.w.Now()):
		return s + " · " + lang.L("the next one begins soon")
	}
	return s + " · " + lang.L("next {{.Time}}", words.Values{"Time": f.w.Words.Soon(st.NextBackup, f.w.Now())})
}

func clockText(minutes int) string { return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60) }

// clockPicker chooses a time of day.
func clockPicker(at *int) *widget.Select {
	var times []string
	for m := 0; m < 24*60; m += clockStep {
		times = append(times, clockText(m))
	}
	if own := clockText(*at); !slices.Contains(times, own) {
		times = append(times, own)
		slices.Sort(times)
	}
	s := widget.NewSelect(times, func(text string) {
		var h, m int
		if _, err := fmt.Sscanf(text, "%d:%d", &h, &m); err == nil {
			*at = h*60 + m
		}
	})
	s.SetSelected(clockText(*at))
	return s
}

// Edit changes when backups run by themselves.
func (f *Feature) Edit() {
	st := f.core.Status()
	chosen := st.Schedule
	if chosen.Every != core.Daily && chosen.Every != core.Weekly {
		chosen.At = First(f.w.Now()).At
	}
	kinds := []core.Schedule{{Every: core.Hourly}, {Every: core.Daily}, {Every: core.Weekly}, {Every: core.ByHand}}
	choices := widgets.NewChoices(max(0, slices.IndexFunc(kinds, func(s core.Schedule) bool { return s.Every == chosen.Every })),
		[2]string{lang.L("Every hour"), lang.L("For work you would hate to redo. Only what changed is stored.")},
		[2]string{lang.L("Every day"), lang.L("Right for most people.")},
		[2]string{lang.L("Every week"), lang.L("For files that seldom change.")},
		[2]string{lang.L("Only when you ask"), lang.L("Nothing runs by itself. Holdfast reminds you after two weeks.")})
	at := func() fyne.CanvasObject {
		return widgets.Row(theme.Space3, nil, widgets.NewBody(lang.L("at")).OneLine(), widgets.Bordered(clockPicker(&chosen.At)))
	}
	choices.Below(1, at())
	var days []string
	for d := range 7 {
		days = append(days, f.w.Words.Weekday(weekday(d)))
	}
	day := widget.NewSelect(days, func(text string) { chosen.On = weekday(slices.Index(days, text)) })
	day.SetSelected(f.w.Words.Weekday(chosen.On))
	choices.Below(2, widgets.Row(theme.Space3, nil, widgets.Bordered(day), at()))

	var p *shell.Page
	var save *widgets.Button
	save = widgets.NewButton(lang.L("Save"), "", widgets.Main, func() {
		chosen.Every = kinds[choices.Chosen()].Every
		want := chosen
		p.Wait(save, lang.L("Saving…"), func(context.Context) func() {
			err := f.core.SetSchedule(want)
			return func() {
				if err != nil {
					p.Fail(err)
					return
				}
				f.w.LeaveFlow()
				f.w.Tray.Update()
			}
		})
	})
	p = f.w.NewPage(shell.PageParams{
		Name: lang.L("When to back up"), Back: f.w.LeaveFlow, Title: lang.L("How often?"),
		Lead:    lang.L("A backup that was missed because the computer was asleep or its place was not there is made up for soon after."),
		Content: []fyne.CanvasObject{choices},
		Foot:    []fyne.CanvasObject{widgets.NewButton(lang.L("Cancel"), "", widgets.Second, f.w.LeaveFlow), save},
	})
	choices.OnChanged = func(int) { p.Relayout() }
	f.w.Flow(p.Root)
}

// weekday is the n-th day of a week that begins on Monday.
func weekday(n int) time.Weekday { return time.Weekday((n + 1) % 7) }
