package ui

import (
	"context"
	"errors"

	"github.com/holdfast-backup/holdfast/ui/shell"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// editPlace changes where the backup is: it was moved, its disk is called
// otherwise now, or a new place is to begin.
func (u *UI) editPlace() {
	if u.w.Job != nil || u.core.Status().Change != core.ChangeNone {
		u.w.Inform(lang.L("Other work is under way."), lang.L("Wait for it to end, or cancel it, then try again."))
		return
	}
	st := u.core.Status()
	field := newPlaceField(u, st.Destination, lang.L("Folder of the backup"))
	field.sources = st.Sources
	field.measure()
	var p *shell.Page
	var next *widgets.Button
	var use func(fresh bool)
	use = func(fresh bool) {
		p.Fail(nil)
		path, ok := field.wanted()
		if !ok {
			return
		}
		p.Wait(next, lang.L("Looking at the place…"), func(ctx context.Context) func() {
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
					u.w.Outdated(true)
					u.w.LeaveFlow()
				case !fresh && (errors.Is(err, core.ErrNoBackup) || errors.Is(err, core.ErrDestinationGone)):
					begin := func() { u.askFreshPlace(path, func() { use(true) }, p, next) }
					if !u.amongFiles(path, st.Sources, begin) {
						begin()
					}
				default:
					p.Fail(err)
				}
			}
		})
	}
	next = widgets.NewButton(lang.L("Use this place"), "", widgets.Main, func() { use(false) })
	field.submitted = func() { next.Tapped(nil) }
	p = u.w.NewPage(shell.PageParams{
		Name: lang.L("Where the backup is"), Back: u.w.LeaveFlow, Title: lang.L("Change the place"),
		Lead: lang.L("Say where the backup is now, if it was moved. Or choose a new place to begin a fresh one."),
		Content: []fyne.CanvasObject{field.root,
			widgets.Notice(widgets.ToneNeutral, "place", lang.L("Nothing is moved or deleted. A backup at the old place stays as it is, with all its dates."))},
		Foot:     []fyne.CanvasObject{widgets.NewButton(lang.L("Cancel"), "", widgets.Second, u.w.LeaveFlow), next},
		Remedies: field.remedies(),
	})
	u.w.Flow(p.Root)
	u.w.Canvas().Focus(field.entry)
}

// askFreshPlace asks before a new backup begins where there is none, with the room there is.
func (u *UI) askFreshPlace(path string, begin func(), p *shell.Page, next *widgets.Button) {
	p.Wait(next, lang.L("Looking at the place…"), func(ctx context.Context) func() {
		free, known := u.free(ctx, path)
		return func() {
			text := lang.L("There is no backup at this place yet. A fresh one begins there, with the same key and password. The first time, everything is stored.")
			if known {
				text += " " + u.freeLine(free)
			}
			u.w.Ask(shell.Question{Title: lang.L("Begin a fresh backup there?"), Text: text, Yes: lang.L("Begin there"), No: lang.L("Not now")}, begin)
		}
	})
}

// freeLine says how much room there is.
func (u *UI) freeLine(bytes int64) string {
	return lang.L("{{.Size}} are free there.", words.Values{"Size": u.w.Words.Bytes(bytes)})
}

// showFree notes at the end of a row how much room a place has, once that is known, or that it is away.
func (u *UI) showFree(row *widgets.SettingRow, place string) {
	measure, there := u.free, u.there // read here: the window's state is this goroutine's
	u.w.Work.Run(func(ctx context.Context) func() {
		connected := there(ctx, place) // a disk may have to wake
		free, known := measure(ctx, place)
		return func() {
			switch {
			case !connected:
				row.SetNote(lang.L("not connected"))
			case known:
				row.SetNote(lang.L("{{.Size}} free", words.Values{"Size": u.w.Words.Bytes(free)}))
			}
		}
	})
}

// amounts says how much is wanted and how much room there is, once that is known.
func (u *UI) amounts(wanted int64, place string) fyne.CanvasObject {
	text := widgets.NewMuted("")
	text.Hide()
	measure := u.free // read here: the window's state is this goroutine's
	u.w.Work.Run(func(ctx context.Context) func() {
		free, known := measure(ctx, place)
		return func() {
			if known {
				text.SetText(lang.L("It takes {{.Needs}}, and {{.Free}} are free there.", words.Values{"Needs": u.w.Words.Bytes(wanted), "Free": u.w.Words.Bytes(free)}))
				text.Show()
				u.w.Content.Refresh()
			}
		}
	})
	return text
}

// amongFiles asks about a place that holds what is to be backed up, and reports whether there is something to ask.
func (u *UI) amongFiles(place string, sources []string, goOn func()) bool {
	if !core.Around(place, sources) {
		return false
	}
	u.w.Ask(shell.Question{
		Title: lang.L("Your own files are in this folder"),
		Text:  lang.L("The backup would lie among the files that it backs up, and on the same disk. A folder of its own is better, on another disk."),
		Yes:   lang.L("Use it all the same"), No: lang.L("Choose another place"),
	}, goOn)
	return true
}
