package restore

import (
	"context"
	"errors"
	"maps"
	"path/filepath"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/place"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
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
	out := shell.Remedies{shell.WayPlace: f.Elsewhere, shell.WayThinOut: nil, shell.WaySources: nil, shell.WayVault: nil, shell.WayPassword: nil, shell.WayGoOn: nil, shell.WaySetUp: nil}
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
	own = widgets.NewDoor("backup", lang.L("This backup"), core.DisplayName(f.core.Status().Destination), func() {
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
	other := widgets.NewDoor("place", lang.L("A backup somewhere else"), lang.L("On another disk, or made by another computer. You need its password or its 64-digit key if it is encrypted."), f.Elsewhere)
	f.Put(shell.ScreenPage(lang.L("Restore"), widgets.NewMuted(lang.L("Get files back as they were on an earlier day. Nothing is overwritten unless you say so.")),
		trouble, widgets.Column(theme.Space3, own, other)))
}

// Elsewhere asks for the place of another backup.
func (f *Flow) Elsewhere() {
	f.own = false
	field := place.NewField(f.Feature.place, f.place, lang.L("Folder of the backup"))
	var p *shell.Page
	var next *widgets.Button
	look := func() {
		path, ok := field.Wanted()
		if !ok {
			return
		}
		f.place = path
		p.Wait(next, lang.L("Looking at the place…"), func(ctx context.Context) func() {
			found, err := f.core.Elsewhere().Inspect(ctx, path)
			return func() {
				switch {
				case err != nil:
					p.Fail(err)
				case found.Protection == core.ProtectionKey && found.VaultCard != nil && f.core.Passwords.Possible():
					f.UnlockWithPassword(found)
				case found.Protection == core.ProtectionKey:
					f.unlock(found)
				default:
					f.Unencrypted()
				}
			}
		})
	}
	next = widgets.NewButton(lang.L("Continue"), "", widgets.Main, look)
	field.Submitted = look
	p = f.newPage(shell.PageParams{
		Name: f.name(), Step: 1, Of: 5, Back: f.again,
		Title: lang.L("Where is the backup?"), Lead: lang.L("The folder you chose for your backup."),
		Content: []fyne.CanvasObject{field.Root}, Foot: []fyne.CanvasObject{next}, Remedies: field.Remedies(),
	})
	f.Put(p.Root)
	f.w.Canvas().Focus(field.Entry)
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

const ShownDates = 40

// Dates lists the backups there are, by day.
func (f *Flow) Dates(all []core.Snapshot, most int) {

	if len(all) == 0 {
		empty := widgets.NewEmptyState("clock", lang.L("No backup has been made here yet"), lang.L("Once there is one, its files can be restored."), nil)
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
		content = append(content, widgets.Row(0, nil, widgets.NewButton(lang.L("Show older ones"), "", widgets.Second, func() { f.Dates(all, len(all)) })))
	}
	everyDay := widgets.NewSettingRow("search", lang.L("Find a file in all backups"), nil, func() { f.everyDay(func() { f.Dates(all, most) }) })
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

// running shows the restore under way.
func (f *Flow) running() {
	p := f.newPage(shell.PageParams{
		Name: f.name(), Step: 5, Of: 5, Title: lang.L("Restoring"), Lead: f.chosen() + " · " + f.to(),
		Content: []fyne.CanvasObject{f.job.Panel()},
	})
	f.Put(p.Root)
}

// Result says what was restored.
func (f *Flow) Result(r core.RestoreReport, err error) {

	m := widgets.NewMedallion(96)
	content := []fyne.CanvasObject{container.NewCenter(m)}
	heading := func(line, text string) { content = append(content, shell.Headline(line, text)) }
	facts := lang.L("{{.Files}} · {{.Size}} · every byte was checked", words.Values{"Files": f.w.Words.Files(r.Files), "Size": f.w.Words.Bytes(r.Bytes)})
	switch {
	case errors.Is(err, context.Canceled):
		m.Set("pause", widgets.ToneAttention)
		heading(lang.L("Stopped"), lang.L("What is restored so far is complete: {{.Files}}.", words.Values{"Files": f.w.Words.Files(r.Files)}))
	case err != nil:
		m.Set("warning", widgets.ToneBad)
		heading(lang.L("Not restored"), lang.L("The backup is untouched."))
		content = append(content, f.w.ErrorPanel(err, f.apart(shell.Remedies{shell.WayAgain: f.run, shell.WayTarget: f.whereAgain, shell.WayDate: f.again})))
		if errors.Is(err, core.ErrTargetFull) {
			content = append(content, f.Feature.place.Amounts(f.ChosenBytes, f.Target))
		}
	case r.Errors > 0:
		m.Set("warning", widgets.ToneAttention)
		heading(lang.L("Restored, with gaps"), facts)
	case r.Files == 0 && r.Differ > 0:
		m.Set("file", widgets.ToneAttention)
		heading(lang.L("Nothing was restored"), lang.L("Files of these names are there already, and were left as they are."))
	case r.Files == 0 && r.Kept > 0:
		m.Set("file", widgets.ToneAttention)
		heading(lang.L("Nothing was restored"), lang.L("Everything that was asked for is there already."))
	case r.Files == 0:
		m.Set("file", widgets.ToneAttention)
		heading(lang.L("Nothing was restored"), lang.L("What was asked for holds no files."))
	default:
		m.Set("check", widgets.ToneGood)
		heading(lang.L("Restored"), facts)
	}
	rows := []fyne.CanvasObject{shell.PathRow("folder", lang.L("Restored to"), f.to())}
	if r.Kept > 0 {
		rows = append(rows, widgets.NewSettingRow("file", lang.L("Left as they were"), nil, nil).SetValue(lang.L("{{.Files}} existed there already.", words.Values{"Files": f.w.Words.Files(r.Kept)})))
	}
	if r.Differ > 0 {
		rows = append(rows, widgets.NewSettingRow("warning", lang.L("Not as in the backup"), nil, nil).SetValue(lang.L("{{.Files}} of those differ from the backup. Restore with another choice about files that exist to get them.", words.Values{"Files": f.w.Words.Files(r.Differ)})))
	}
	if r.Renamed > 0 {
		rows = append(rows, widgets.NewSettingRow("copy", lang.L("Restored beside"), nil, nil).SetValue(lang.L("{{.Files}} existed there already; the restored ones have “(restored)” in their names.", words.Values{"Files": f.w.Words.Files(r.Renamed)})))
	}
	if r.LeftOut > 0 {
		rows = append(rows, widgets.NewSettingRow("shield", lang.L("Left out"), nil, nil).SetValue(lang.L("{{.Count}} device files, set-id bits or file capabilities: they give rights over this computer. The command line restores them with --devices-and-setuid.", words.Values{"Count": r.LeftOut})))
	}
	content = append(content, widgets.Rows(rows...))
	content = append(content, shell.ProblemList(f.w, r.Problems)...)
	if f.leave != nil && err == nil && !f.core.Status().SetUp {
		content = append(content, f.keepGoing())
	}
	folder := f.Target
	if f.original {
		folder = filepath.Dir(f.Snapshot.Sources[0])
	}
	p := f.newPage(shell.PageParams{
		Name: f.name(), Step: 5, Of: 5, Content: content,
		Foot: []fyne.CanvasObject{
			widgets.NewButton(lang.L("Open the folder"), "folder", widgets.Second, func() { f.openFolder(folder) }),
			widgets.NewButton(lang.L("Done"), "", widgets.Main, f.again),
		},
	})
	f.Put(p.Root)
}

// keepGoing offers to go on with the backup on a computer that has just restored from it.
func (f *Flow) keepGoing() fyne.CanvasObject {
	text := widgets.Column(theme.Space1, widgets.NewStrong(lang.L("Keep backing up this computer here?")),
		widgets.NewMuted(lang.L("This computer joins the backup, and files that are there already need not be stored again.")))
	yes := widgets.NewButton(lang.L("Set it up"), "", widgets.Second, func() {
		f.again()
		var sources []string
		if f.original {
			sources = f.Snapshot.Sources
		}
		f.setUp(f.place, sources)
	})
	return widgets.Card(widgets.Row(theme.Space3, widgets.Wide(text), widgets.NewIcon("backup", theme.Primary, theme.IconMedium), text, yes))
}
