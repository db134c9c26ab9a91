package restore

import (
	"context"
	"maps"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// Flow restores: which backup → a date → files → where → result. It
// keeps its page when the person looks at another screen meanwhile.
type Flow struct {
	*Feature
	host  *fyne.Container
	leave func() // out of the flow; nil in the Restore screen
	page  fyne.CanvasObject
	job   *shell.Job // the restore under way

	forget   func() // empties the field with the key, once it is not needed
	place    string // of a backup somewhere else, to show it again
	reader   *core.Reader
	own      bool // the reader is the profile's
	Snapshot core.Snapshot
	picker   *widgets.TreePicker
	search   *widgets.Field // of the page that is shown; nil: it has none
	// filesPage is kept, to come back to with all that was checked.
	filesPage fyne.CanvasObject
	paths     []string // picked; nil is everything
	// how much that is
	ChosenFiles, ChosenBytes int64
	Target                   string
	original                 bool   // back to where they were, and not to the target
	whereAgain               func() // asks anew where to
	conflict                 core.Conflict
}

func newFlow(f *Feature, leave func()) *Flow {
	return &Flow{Feature: f, leave: leave, conflict: core.ConflictKeep}
}

func (f *Flow) name() string { return lang.L("Restore") }

// screen is the Restore screen.
func (f *Feature) screen() *shell.Screen {
	return &shell.Screen{
		Icon: "restore", Title: func() string { return lang.L("Restore") },
		Show: func() {
			f.Flow.host = f.w.Side
			f.Flow.show()
		},
		Again: func() { f.Flow.again() },
		Held:  func() bool { return f.Flow.job != nil },
		Find: func() {
			if f.Flow.search != nil {
				f.w.Canvas().Focus(f.Flow.search)
			}
		},
		Outdated: func(gone bool) { f.Flow.outdated(gone) },
		Relabel: func() {
			if f.Flow.job == nil {
				f.Flow.close()
				f.Flow = newFlow(f, nil)
			}
		},
		Close: func() { f.Flow.close() },
	}
}

// FromElsewhere restores from a backup somewhere else, on a computer without one of its own.
func (f *Feature) FromElsewhere() {
	f.Flow.close()
	f.Flow = newFlow(f, func() {
		f.Flow = newFlow(f, nil)
		f.w.LeaveFlow()
	})
	f.Flow.host = f.w.Content
	f.Flow.show()
}

// show shows the flow where it is.
func (f *Flow) show() {
	switch {
	case f.page == nil && f.leave != nil:
		f.Elsewhere()
	case f.page == nil:
		f.which()
	default:
		if f.job != nil && f.w.Job == f.job {
			f.running()
			return
		}
		f.w.Fill(f.host, f.page)
	}
}

// Put shows a page of the flow, if the flow is what the person looks at.
func (f *Flow) Put(p fyne.CanvasObject) {
	f.page, f.search = p, nil
	if f.seen() {
		f.w.Fill(f.host, p)
	}
}

// newPage is a page of the flow. About another backup than this computer's, other things can be done.
func (f *Flow) newPage(p shell.PageParams) *shell.Page {
	p.Remedies = f.apart(p.Remedies)
	return f.w.NewPage(p)
}

// apart are remedies without those of this computer's backup, unless that is the one.
func (f *Flow) apart(here shell.Remedies) shell.Remedies {
	if f.own {
		return here
	}
	out := shell.Remedies{shell.WayPlace: f.Elsewhere, shell.WayThinOut: nil, shell.WaySources: nil, shell.WayVault: nil,
		shell.WayPassword: nil, shell.WayGoOn: nil, shell.WaySetUp: nil}
	maps.Copy(out, here)
	return out
}

// seen reports whether the flow is what the person looks at: what comes late must not cover another screen.
func (f *Flow) seen() bool {
	return f.leave != nil || f.w.Shows(f.Screen)
}

// close gives the backup back.
func (f *Flow) close() {
	if f.reader != nil {
		_ = f.reader.Close() // only read from
		f.reader = nil
	}
}

// outdated starts over with this computer's backup when its dates changed:
// while one is to be chosen, or, with gone, wherever the person is.
func (f *Flow) outdated(gone bool) {
	if f.leave != nil || f.job != nil || f.reader == nil || !f.own || !gone && f.picker != nil {
		return
	}
	f.close()
	f.picker, f.paths, f.page = nil, nil, nil
	if f.seen() {
		f.show()
	}
}

// again starts over.
func (f *Flow) again() {
	f.close()
	f.picker, f.paths, f.page = nil, nil, nil
	if f.leave != nil {
		f.leave()
		return
	}
	f.show()
}

// which asks which backup: this computer's, or another.
func (f *Flow) which() {
	trouble := widgets.Column(0)
	show := func(o ...fyne.CanvasObject) {
		trouble.Objects = o
		f.host.Refresh()
	}
	say := func(sentence string) {
		if sentence == "" {
			show()
			return
		}
		show(widgets.NewMuted(sentence))
	}
	var own *widgets.Choice
	failed := func(err error) {
		show(f.w.ErrorPanel(err, shell.Remedies{shell.WayAgain: func() { own.Tapped(nil) }}))
	}
	own = widgets.NewDoor("backup", lang.L("This backup"), core.DisplayName(places.Title(f.core.Status().Destination)), func() {
		own.Disable()
		f.w.Wait(say, lang.L("Opening the backup…"), func(ctx context.Context) func() {
			r, err := f.core.Reader(ctx)
			return func() {
				own.Enable()
				if err != nil {
					failed(err)
					return
				}
				f.opened(r, true, say, failed)
			}
		})
	})
	other := widgets.NewDoor("place", lang.L("A backup somewhere else"),
		lang.L("On another disk, or made by another computer. You need its password or its 64-digit key if it is encrypted."), f.Elsewhere)
	f.Put(shell.ScreenPage(lang.L("Restore"),
		widgets.NewMuted(lang.L("Get files back as they were on an earlier day. Nothing is overwritten unless you say so.")),
		trouble, widgets.Column(theme.Space3, own, other)))
}

// opened goes on with a backup that was opened; say tells what is waited for.
func (f *Flow) opened(r *core.Reader, own bool, say func(string), failed func(error)) {
	f.close()
	f.reader, f.own = r, own
	if f.forget != nil {
		f.forget()
		f.forget = nil
	}
	f.w.Wait(say, lang.L("Looking for its dates…"), func(ctx context.Context) func() {
		all, err := r.Snapshots(ctx)
		return func() {
			if f.reader != r {
				return // the person went elsewhere meanwhile
			}
			if err != nil {
				failed(err)
				return
			}
			f.Dates(all, ShownDates)
		}
	})
}

// running shows the restore under way.
func (f *Flow) running() {
	p := f.newPage(shell.PageParams{
		Name: f.name(), Step: 5, Of: 5, Title: lang.L("Restoring"), Lead: f.chosen() + " · " + f.to(),
		Content: []fyne.CanvasObject{f.job.Panel()},
	})
	f.Put(p.Root)
}
