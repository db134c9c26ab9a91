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
	field.sources = st.Sources
	field.measure()
	var p *page
	var next *widgets.Button
	var use func(fresh bool)
	use = func(fresh bool) {
		p.fail(nil)
		path, ok := field.wanted()
		if !ok {
			return
		}
		p.wait(next, lang.L("Looking at the place…"), func(ctx context.Context) func() {
			var err error
			if !fresh { // what only looks is no change that the history should tell of
				if err = core.CheckPlace(ctx, path, st.Sources); err == nil {
					_, err = u.core.Elsewhere().Inspect(ctx, path)
				}
			}
			if err == nil {
				err = u.core.SetDestination(ctx, path, fresh)
			}
			return func() {
				switch {
				case err == nil:
					u.restore.outdated(true)
					u.leaveFlow()
				case !fresh && (errors.Is(err, core.ErrNoBackup) || errors.Is(err, core.ErrDestinationGone)):
					begin := func() { u.askFreshPlace(path, func() { use(true) }, p, next) }
					if !u.amongFiles(path, st.Sources, begin) {
						begin()
					}
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
		foot:     []fyne.CanvasObject{widgets.NewButton(lang.L("Cancel"), "", widgets.Second, u.leaveFlow), next},
		remedies: field.remedies(),
	})
	u.flow(p.root)
	u.window.Canvas().Focus(field.entry)
}

// askFreshPlace asks before a new backup begins where there is none, with the room there is.
func (u *UI) askFreshPlace(path string, begin func(), p *page, next *widgets.Button) {
	p.wait(next, lang.L("Looking at the place…"), func(ctx context.Context) func() {
		free, known := u.free(ctx, path)
		return func() {
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
