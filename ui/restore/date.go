package restore

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/sources"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// Date shows what one backup is, and keeps it for good or deletes it.
func (f *Flow) Date(s core.Snapshot, clock string, most int) {

	var p *shell.Page
	back := func() { f.reload(most, p.Say) }
	keep := widgets.NewToggle(nil)
	keep.SetOn(s.Pinned)
	keep.OnAsked = func(on bool) {
		keep.Disable()
		p.Again = func() { keep.Tapped(nil) }
		p.Wait(nil, lang.L("Writing it down at the place of the backup…"), func(ctx context.Context) func() {
			err := f.core.Upkeep.Pin(ctx, []string{s.ID}, on)
			return func() {
				keep.Enable()
				p.Fail(err)
				if err == nil {
					keep.SetOn(on)
				}
			}
		})
	}
	pinned := widgets.NewSettingRow("pin", lang.L("Keep this date for good"), keep, nil).
		SetValue(lang.L("It stays when older dates are thinned out."))
	var remove *widgets.SettingRow
	remove = widgets.NewSettingRow("trash", lang.L("Delete this date"), nil, func() {
		f.w.Ask(shell.Question{
			Title: lang.L("Delete this date?"),
			Text: lang.L("The backup of {{.Time}} goes, and with it all versions of files that no other date has. This cannot be taken back.",
				words.Values{"Time": f.w.Words.Day(s.Time, f.w.Now()) + " " + clock}),
			Yes: lang.L("Delete"), No: lang.L("Keep it"), Danger: true,
		}, func() {
			remove.Disable()
			p.Again = func() { remove.Tapped(nil) }
			p.Wait(nil, lang.L("Writing it down at the place of the backup…"), func(ctx context.Context) func() {
				err := f.core.Upkeep.Delete(ctx, []string{s.ID})
				return func() {
					remove.Enable()
					if err != nil {
						p.Fail(err)
						return
					}
					back()
				}
			})
		})
	}).SetValue(lang.L("Its room is freed when older dates are thinned out next."))
	facts := []fyne.CanvasObject{
		widgets.NewSettingRow("screen", lang.L("Computer"), nil, nil).SetValue(core.DisplayName(s.Host)),
		widgets.NewSettingRow("folder", lang.L("What"), nil, nil).SetValue(sources.Names(s.Sources)),
		widgets.NewSettingRow("file", lang.L("How much"), nil, nil).SetValue(f.w.Words.Files(s.Files) + " · " + f.w.Words.Bytes(s.Bytes)),
	}
	if s.Unread > 0 {
		facts = append(facts, widgets.NewSettingRow("warning", lang.L("With gaps"), nil, nil).
			SetValue(lang.L("{{.Count}} files or folders could not be read", words.Values{"Count": f.w.Words.Count(s.Unread)})))
	}
	p = f.newPage(shell.PageParams{
		Name: f.name(), Step: 2, Of: 5, Back: back, Title: shell.Capital(f.w.Words.Day(s.Time, f.w.Now())) + " " + clock,
		Lead:    shell.Capital(f.w.Words.Ago(s.Time, f.w.Now())) + ".",
		Content: []fyne.CanvasObject{widgets.Column(theme.Space6, widgets.Rows(facts...), widgets.Rows(pinned, remove))},
		Foot: []fyne.CanvasObject{widgets.NewButton(lang.L("Choose files"), "", widgets.Main,
			func() { f.Files(s, func() { f.Date(s, clock, most) }) })},
	})
	f.Put(p.Root)
}

// reload lists the dates anew, after one of them was changed.
func (f *Flow) reload(most int, say func(string)) {
	r := f.reader
	f.w.Wait(say, lang.L("Looking for its dates…"), func(ctx context.Context) func() {
		all, err := r.Snapshots(ctx)
		return func() {
			switch {
			case f.reader != r: // the person went elsewhere meanwhile
			case err != nil:
				f.again()
				f.w.InformError(err)
			default:
				f.Dates(all, most)
			}
		}
	})
}
