package place

import (
	"context"
	"errors"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// Edit changes where the backup is: it was moved, its disk is called
// otherwise now, or a new place is to begin.
func (f *Feature) Edit() {
	if f.w.Job != nil || f.core.Status().Change != core.ChangeNone {
		f.w.Inform(lang.L("Other work is under way."), lang.L("Wait for it to end, or cancel it, then try again."))
		return
	}
	st := f.core.Status()
	field := NewField(f, st.Destination, lang.L("Folder of the backup"))
	field.Sources = st.Sources
	field.Measure()
	field.OrServer(false)
	about := widgets.NewMuted("")
	about.Hide()
	var p *shell.Page
	var next *widgets.Button
	var use func(fresh bool)
	use = func(fresh bool) {
		p.Fail(nil)
		path, ok := field.Wanted()
		if !ok {
			return
		}
		p.Wait(next, lang.L("Looking at the place…"), func(ctx context.Context) func() {
			var err error
			if !fresh { // what only looks is no change that the history should tell of
				if err = core.CheckPlace(ctx, path, st.Sources); err == nil {
					_, err = f.core.Elsewhere().Inspect(ctx, path)
				}
			}
			if err == nil {
				err = f.core.SetDestination(ctx, path, fresh)
			}
			return func() {
				switch {
				case err == nil:
					f.w.Outdated(true)
					f.w.LeaveFlow()
				case !fresh && (errors.Is(err, core.ErrNoBackup) || errors.Is(err, core.ErrDestinationGone)):
					begin := func() { f.askFreshPlace(path, func() { use(true) }, p, next) }
					if !f.AmongFiles(path, st.Sources, begin) {
						begin()
					}
				default:
					p.Fail(err)
				}
			}
		})
	}
	next = widgets.NewButton(lang.L("Use this place"), "", widgets.Main, func() { use(false) })
	field.Submitted = func() { next.Tapped(nil) }
	p = f.w.NewPage(shell.PageParams{
		Name: lang.L("Where the backup is"), Back: f.w.LeaveFlow, Title: lang.L("Change the place"),
		Lead: lang.L("Say where the backup is now, if it was moved. Or choose a new place to begin a fresh one."),
		Content: []fyne.CanvasObject{field.Root, about,
			widgets.Notice(widgets.ToneNeutral, "place",
				lang.L("Nothing is moved or deleted. A backup at the old place stays as it is, with all its dates."))},
		Foot:     []fyne.CanvasObject{widgets.NewButton(lang.L("Cancel"), "", widgets.Second, f.w.LeaveFlow), next},
		Remedies: field.Remedies(),
	})
	f.w.Flow(p.Root)
	f.w.Canvas().Focus(field.Entry)
	f.tellOf(st.Destination, func(sentences string) {
		about.SetText(sentences)
		about.Show()
		p.Relayout()
	})
}

// tellOf looks what there is to know of a place, and says it, if there is something.
func (f *Feature) tellOf(place string, say func(sentences string)) {
	look := f.State // read here: the window's state is this goroutine's
	f.w.Work.Run(func(ctx context.Context) func() {
		sentences := f.w.Words.PlaceFacts(look(ctx, place).Facts)
		return func() {
			if len(sentences) > 0 {
				say(strings.Join(sentences, " "))
			}
		}
	})
}

// askFreshPlace asks before a new backup begins where there is none, with the room there is.
func (f *Feature) askFreshPlace(path string, begin func(), p *shell.Page, next *widgets.Button) {
	p.Wait(next, lang.L("Looking at the place…"), func(ctx context.Context) func() {
		free, known := f.Free(ctx, path)
		return func() {
			text := lang.L("There is no backup at this place yet. A fresh one begins there, with the same key and password. The first time, everything is stored.")
			if known {
				text += " " + f.freeLine(free)
			}
			f.w.Ask(shell.Question{Title: lang.L("Begin a fresh backup there?"), Text: text, Yes: lang.L("Begin there"), No: lang.L("Not now")},
				begin)
		}
	})
}

// freeLine says how much room there is.
func (f *Feature) freeLine(bytes int64) string {
	return lang.L("{{.Size}} are free there.", words.Values{"Size": f.w.Words.Bytes(bytes)})
}

// ShowFree notes at the end of a row how much room a place has, once that is known, or that it is away.
func (f *Feature) ShowFree(row *widgets.SettingRow, place string) {
	look := f.State // read here: the window's state is this goroutine's
	f.w.Work.Run(func(ctx context.Context) func() {
		st := look(ctx, place) // a disk may have to wake
		return func() {
			switch {
			case st.SignIn:
				row.SetNote(lang.L("asks to sign in"))
			case !st.There:
				row.SetNote(lang.L("not connected"))
			case st.Free >= 0:
				row.SetNote(lang.L("{{.Size}} free", words.Values{"Size": f.w.Words.Bytes(st.Free)}))
			}
		}
	})
}

// Amounts says how much is wanted and how much room there is, once that is known.
func (f *Feature) Amounts(wanted int64, place string) fyne.CanvasObject {
	text := widgets.NewMuted("")
	text.Hide()
	measure := f.Free // read here: the window's state is this goroutine's
	f.w.Work.Run(func(ctx context.Context) func() {
		free, known := measure(ctx, place)
		return func() {
			if !known {
				return
			}
			line := lang.L("It takes {{.Needs}}, and {{.Free}} are free there.",
				words.Values{"Needs": f.w.Words.Bytes(wanted), "Free": f.w.Words.Bytes(free)})
			if wanted <= free { // it was not counted to the end
				line = f.freeLine(free)
			}
			text.SetText(line)
			text.Show()
			f.w.Content.Refresh()
		}
	})
	return text
}

// AmongFiles asks about a place that holds what is to be backed up, and reports whether there is something to ask.
func (f *Feature) AmongFiles(place string, sources []string, goOn func()) bool {
	if !core.Around(place, sources) {
		return false
	}
	f.w.Ask(shell.Question{
		Title: lang.L("Your own files are in this folder"),
		Text:  lang.L("The backup would lie among the files that it backs up, and on the same disk. A folder of its own is better, on another disk."),
		Yes:   lang.L("Use it all the same"), No: lang.L("Choose another place"),
	}, goOn)
	return true
}
