package ui

import (
	"context"
	"errors"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// editPlace changes where the backup is: it was moved, its disk is called
// otherwise now, or a new place is to begin.
func (u *UI) editPlace() {
	if u.job != nil || u.core.Status().Change != core.ChangeNone {
		u.inform(lang.L("Other work is under way."), lang.L("Wait for it to end, or cancel it, then try again."))
		return
	}
	st := u.core.Status()
	field := newPlaceField(u, st.Destination, lang.L("Folder of the backup"))
	var p *page
	var next *widgets.Button
	var use func(fresh bool)
	use = func(fresh bool) {
		path := field.path()
		if path == "" {
			return
		}
		p.fail(nil)
		next.SetBusy(true)
		u.work.run(func(ctx context.Context) func() {
			err := u.core.SetDestination(ctx, path, fresh)
			return func() {
				next.SetBusy(false)
				switch {
				case err == nil:
					u.restore.outdated(true)
					u.leaveFlow()
				case !fresh && (errors.Is(err, core.ErrNoBackup) || errors.Is(err, core.ErrDestinationGone)):
					u.askFreshPlace(path, func() { use(true) }, next)
				default:
					p.fail(err)
				}
			}
		})
	}
	next = widgets.NewButton(lang.L("Use this place"), "", widgets.Main, func() { use(false) })
	field.submitted = func() { next.Tapped(nil) }
	p = u.newPage(pageParams{
		name: lang.L("Where the backup is"), back: u.leaveFlow, title: lang.L("Change the place"),
		lead: lang.L("Say where the backup is now, if it was moved. Or choose a new place to begin a fresh one."),
		content: []fyne.CanvasObject{field.root,
			widgets.Notice(widgets.ToneNeutral, "place", lang.L("Nothing is moved or deleted. A backup at the old place stays as it is, with all its dates."))},
		foot: []fyne.CanvasObject{widgets.NewButton(lang.L("Cancel"), "", widgets.Second, u.leaveFlow), next},
	})
	u.flow(p.root)
	u.window.Canvas().Focus(field.entry)
}

// askFreshPlace asks before a new backup begins where there is none, with the room there is.
func (u *UI) askFreshPlace(path string, begin func(), wait *widgets.Button) {
	wait.SetBusy(true)
	u.work.run(func(ctx context.Context) func() {
		free, known := u.free(ctx, path)
		return func() {
			wait.SetBusy(false)
			text := lang.L("There is no backup at this place yet. A fresh one begins there, with the same key and password. The first time, everything is stored.")
			if known {
				text += " " + u.freeLine(free)
			}
			u.ask(question{title: lang.L("Begin a fresh backup there?"), text: text, yes: lang.L("Begin there"), no: lang.L("Not now")}, begin)
		}
	})
}

// freeLine says how much room there is.
func (u *UI) freeLine(bytes int64) string {
	return lang.L("{{.Size}} are free there.", vals{"Size": u.words.Bytes(bytes)})
}
