package restore

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// ShownDates is how many dates are shown at first.
const ShownDates = 40

// Dates lists the backups there are, by day.
func (f *Flow) Dates(all []core.Snapshot, most int) {

	if len(all) == 0 {
		empty := widgets.NewEmptyState("clock", lang.L("No backup has been made here yet"),
			lang.L("Once there is one, its files can be restored."), nil)
		p := f.newPage(shell.PageParams{Name: f.name(), Step: 2, Of: 5, Back: f.again, Content: []fyne.CanvasObject{empty}})
		f.Put(p.Root)
		return
	}
	var content, rows []fyne.CanvasObject
	day, newest := "", core.Latest(all, f.w.Now())
	flush := func() {
		if len(rows) > 0 {
			content = append(content, widgets.Column(theme.Space3, widgets.NewLead(shell.Capital(day)), widgets.Rows(rows...)))
			rows = nil
		}
	}
	for i, s := range all {
		if i == most {
			break
		}
		clock := f.clock(all, i)
		if d := f.w.Words.Day(s.Time, f.w.Now()); d != day {
			flush()
			day = d
		}
		title := clock
		if i == newest {
			title += " · " + lang.L("newest")
		}
		var more fyne.CanvasObject
		if f.own {
			more = widgets.NewButton("", "more", widgets.Quiet, func() { f.Date(s, clock, most) })
		}
		row := widgets.NewSettingRow("clock", title, more, func() { f.Files(s, func() { f.Dates(all, most) }) })
		value := f.w.Words.Files(s.Files) + " · " + core.DisplayName(s.Host)
		if s.Unread > 0 {
			value += " · " + lang.L("with gaps")
			row.SetIcon("warning", widgets.ToneAttention)
		}
		if s.Pinned {
			row.SetIcon("pin", widgets.TonePrimary)
		}
		row.SetValue(value)
		row.SetNote(f.w.Words.Bytes(s.Bytes))
		rows = append(rows, row)
	}
	flush()
	if len(all) > most {
		content = append(content, widgets.Row(0, nil,
			widgets.NewButton(lang.L("Show older ones"), "", widgets.Second, func() { f.Dates(all, len(all)) })))
	}
	everyDay := widgets.NewSettingRow("search", lang.L("Find a file in all backups"), nil,
		func() { f.everyDay(func() { f.Dates(all, most) }) })
	everyDay.SetValue(lang.L("By its name, with all its versions."))
	p := f.newPage(shell.PageParams{
		Name: f.name(), Step: 2, Of: 5, Back: f.again, Title: lang.L("From which day?"),
		Content: append([]fyne.CanvasObject{widgets.Rows(everyDay)}, content...),
	})
	f.Put(p.Root)
}

// clock is the time of day of the i-th of some dates, as finely as its neighbours differ.
func (f *Feature) clock(all []core.Snapshot, i int) string {
	layouts := []string{"15:04", "15:04:05", "15:04:05.000"}
	said := func(i int, layout string) string { return all[i].Time.Local().Format("2006-01-02 " + layout) }
	for _, layout := range layouts {
		above := i > 0 && said(i-1, layout) == said(i, layout)
		below := i+1 < len(all) && said(i+1, layout) == said(i, layout)
		if !above && !below {
			return all[i].Time.Local().Format(layout)
		}
	}
	return all[i].Time.Local().Format(layouts[len(layouts)-1])
}
