package ui

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// date shows what one backup is, and keeps it for good or deletes it.
func (f *restoreFlow) date(s core.Snapshot, clock string, most int) {
	u := f.u
	var p *page
	back := func() { f.reload(most, p.say) }
	keep := widgets.NewToggle(nil)
	keep.SetOn(s.Pinned)
	keep.OnAsked = func(on bool) {
		keep.Disable()
		p.again = func() { keep.Tapped(nil) }
		p.wait(nil, lang.L("Writing it down at the place of the backup…"), func(ctx context.Context) func() {
			err := u.core.Upkeep.Pin(ctx, []string{s.ID}, on)
			return func() {
				keep.Enable()
				p.fail(err)
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
		u.ask(question{
			title: lang.L("Delete this date?"),
			text: lang.L("The backup of {{.Time}} goes, and with it all versions of files that no other date has. This cannot be taken back.",
				vals{"Time": u.words.Day(s.Time, u.now()) + " " + clock}),
			yes: lang.L("Delete"), no: lang.L("Keep it"), danger: true,
		}, func() {
			remove.Disable()
			p.again = func() { remove.Tapped(nil) }
			p.wait(nil, lang.L("Writing it down at the place of the backup…"), func(ctx context.Context) func() {
				err := u.core.Upkeep.Delete(ctx, []string{s.ID})
				return func() {
					remove.Enable()
					if err != nil {
						p.fail(err)
						return
					}
					back()
				}
			})
		})
	}).SetValue(lang.L("Its room is freed when older dates are thinned out next."))
	facts := []fyne.CanvasObject{
		widgets.NewSettingRow("screen", lang.L("Computer"), nil, nil).SetValue(core.DisplayName(s.Host)),
		widgets.NewSettingRow("folder", lang.L("What"), nil, nil).SetValue(sourceNames(s.Sources)),
		widgets.NewSettingRow("file", lang.L("How much"), nil, nil).SetValue(u.words.Files(s.Files) + " · " + u.words.Bytes(s.Bytes)),
	}
	if s.Unread > 0 {
		facts = append(facts, widgets.NewSettingRow("warning", lang.L("With gaps"), nil, nil).
			SetValue(lang.L("{{.Count}} files or folders could not be read", vals{"Count": u.words.Count(s.Unread)})))
	}
	p = f.newPage(pageParams{
		name: f.name(), step: 2, of: 5, back: back, title: capital(u.words.Day(s.Time, u.now())) + " " + clock,
		lead:    capital(u.words.Ago(s.Time, u.now())) + ".",
		content: []fyne.CanvasObject{widgets.Column(theme.Space6, widgets.Rows(facts...), widgets.Rows(pinned, remove))},
		foot:    []fyne.CanvasObject{widgets.NewButton(lang.L("Choose files"), "", widgets.Main, func() { f.files(s, func() { f.date(s, clock, most) }) })},
	})
	f.put(p.root)
}

// reload lists the dates anew, after one of them was changed.
func (f *restoreFlow) reload(most int, say func(string)) {
	r := f.reader
	f.u.wait(say, lang.L("Looking for its dates…"), func(ctx context.Context) func() {
		all, err := r.Snapshots(ctx)
		return func() {
			switch {
			case f.reader != r: // the person went elsewhere meanwhile
			case err != nil:
				f.again()
				f.u.informError(err)
			default:
				f.dates(all, most)
			}
		}
	})
}
