package ui

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

// restoreFlow restores: which backup → a date → files → where → result. It
// keeps its page when the person looks at another screen meanwhile.
type restoreFlow struct {
	u     *UI
	host  *fyne.Container
	leave func() // out of the flow; nil in the Restore screen
	page  fyne.CanvasObject
	job   *shell.Job // the restore under way

	forget   func() // empties the field with the key, once it is not needed
	place    string // of a backup somewhere else, to show it again
	reader   *core.Reader
	own      bool // the reader is the profile's
	snapshot core.Snapshot
	picker   *widgets.TreePicker
	search   *widgets.Field // of the page that is shown; nil: it has none
	// filesPage is kept, to come back to with all that was checked.
	filesPage fyne.CanvasObject
	paths     []string // picked; nil is everything
	// how much that is
	chosenFiles, chosenBytes int64
	target                   string
	original                 bool   // back to where they were, and not to the target
	whereAgain               func() // asks anew where to
	conflict                 core.Conflict
}

func newRestoreFlow(u *UI, leave func()) *restoreFlow {
	return &restoreFlow{u: u, leave: leave, conflict: core.ConflictKeep}
}

func (f *restoreFlow) name() string { return lang.L("Restore") }

// restoreScreen is the Restore screen.
func (u *UI) restoreScreen() *shell.Screen {
	return &shell.Screen{
		Icon: "restore", Title: func() string { return lang.L("Restore") },
		Show: func() {
			u.restore.host = u.w.Side
			u.restore.show()
		},
		Again: func() { u.restore.again() },
		Held:  func() bool { return u.restore.job != nil },
		Find: func() {
			if u.restore.search != nil {
				u.w.Canvas().Focus(u.restore.search)
			}
		},
		Outdated: func(gone bool) { u.restore.outdated(gone) },
		Relabel: func() {
			if u.restore.job == nil {
				u.restore.close()
				u.restore = newRestoreFlow(u, nil)
			}
		},
		Close: func() { u.restore.close() },
	}
}

// restoreElsewhere restores from a backup somewhere else, on a computer without one of its own.
func (u *UI) restoreElsewhere() {
	u.restore.close()
	u.restore = newRestoreFlow(u, func() {
		u.restore = newRestoreFlow(u, nil)
		u.w.LeaveFlow()
	})
	u.restore.host = u.w.Content
	u.restore.show()
}

// show shows the flow where it is.
func (f *restoreFlow) show() {
	switch {
	case f.page == nil && f.leave != nil:
		f.elsewhere()
	case f.page == nil:
		f.which()
	default:
		if f.job != nil && f.u.w.Job == f.job {
			f.running()
			return
		}
		f.u.w.Fill(f.host, f.page)
	}
}

func (f *restoreFlow) put(p fyne.CanvasObject) {
	f.page, f.search = p, nil
	if f.seen() {
		f.u.w.Fill(f.host, p)
	}
}

// newPage is a page of the flow. About another backup than this computer's, other things can be done.
func (f *restoreFlow) newPage(p shell.PageParams) *shell.Page {
	p.Remedies = f.apart(p.Remedies)
	return f.u.w.NewPage(p)
}

// apart are remedies without those of this computer's backup, unless that is the one.
func (f *restoreFlow) apart(here shell.Remedies) shell.Remedies {
	if f.own {
		return here
	}
	out := shell.Remedies{shell.WayPlace: f.elsewhere, shell.WayThinOut: nil, shell.WaySources: nil, shell.WayVault: nil, shell.WayPassword: nil, shell.WayGoOn: nil, shell.WaySetUp: nil}
	maps.Copy(out, here)
	return out
}

// seen reports whether the flow is what the person looks at: what comes late must not cover another screen.
func (f *restoreFlow) seen() bool {
	return f.leave != nil || f.u.w.Shows(f.u.restorePage)
}

// close gives the backup back.
func (f *restoreFlow) close() {
	if f.reader != nil {
		_ = f.reader.Close() // only read from
		f.reader = nil
	}
}

// outdated starts over with this computer's backup when its dates changed:
// while one is to be chosen, or, with gone, wherever the person is.
func (f *restoreFlow) outdated(gone bool) {
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
func (f *restoreFlow) again() {
	f.close()
	f.picker, f.paths, f.page = nil, nil, nil
	if f.leave != nil {
		f.leave()
		return
	}
	f.show()
}

// which asks which backup: this computer's, or another.
func (f *restoreFlow) which() {
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
		show(f.u.w.ErrorPanel(err, shell.Remedies{shell.WayAgain: func() { own.Tapped(nil) }}))
	}
	own = widgets.NewDoor("backup", lang.L("This backup"), core.DisplayName(f.u.core.Status().Destination), func() {
		own.Disable()
		f.u.w.Wait(say, lang.L("Opening the backup…"), func(ctx context.Context) func() {
			r, err := f.u.core.Reader(ctx)
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
	other := widgets.NewDoor("place", lang.L("A backup somewhere else"), lang.L("On another disk, or made by another computer. You need its password or its 64-digit key if it is encrypted."), f.elsewhere)
	f.put(shell.ScreenPage(lang.L("Restore"), widgets.NewMuted(lang.L("Get files back as they were on an earlier day. Nothing is overwritten unless you say so.")),
		trouble, widgets.Column(theme.Space3, own, other)))
}

// elsewhere asks for the place of another backup.
func (f *restoreFlow) elsewhere() {
	f.own = false
	field := place.NewField(f.u.place, f.place, lang.L("Folder of the backup"))
	var p *shell.Page
	var next *widgets.Button
	look := func() {
		path, ok := field.Wanted()
		if !ok {
			return
		}
		f.place = path
		p.Wait(next, lang.L("Looking at the place…"), func(ctx context.Context) func() {
			found, err := f.u.core.Elsewhere().Inspect(ctx, path)
			return func() {
				switch {
				case err != nil:
					p.Fail(err)
				case found.Protection == core.ProtectionKey && found.VaultCard != nil && f.u.core.Passwords.Possible():
					f.unlockWithPassword(found)
				case found.Protection == core.ProtectionKey:
					f.unlock(found)
				default:
					f.unencrypted()
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
	f.put(p.Root)
	f.u.w.Canvas().Focus(field.Entry)
}

// opened goes on with a backup that was opened; say tells what is waited for.
func (f *restoreFlow) opened(r *core.Reader, own bool, say func(string), failed func(error)) {
	f.close()
	f.reader, f.own = r, own
	if f.forget != nil {
		f.forget()
		f.forget = nil
	}
	f.u.w.Wait(say, lang.L("Looking for its dates…"), func(ctx context.Context) func() {
		all, err := r.Snapshots(ctx)
		return func() {
			if f.reader != r {
				return // the person went elsewhere meanwhile
			}
			if err != nil {
				failed(err)
				return
			}
			f.dates(all, shownDates)
		}
	})
}

const shownDates = 40

// dates lists the backups there are, by day.
func (f *restoreFlow) dates(all []core.Snapshot, most int) {
	u := f.u
	if len(all) == 0 {
		empty := widgets.NewEmptyState("clock", lang.L("No backup has been made here yet"), lang.L("Once there is one, its files can be restored."), nil)
		p := f.newPage(shell.PageParams{Name: f.name(), Step: 2, Of: 5, Back: f.again, Content: []fyne.CanvasObject{empty}})
		f.put(p.Root)
		return
	}
	var content, rows []fyne.CanvasObject
	day, newest := "", core.Latest(all, u.w.Now())
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
		clock := u.clock(all, i)
		if d := u.w.Words.Day(s.Time, u.w.Now()); d != day {
			flush()
			day = d
		}
		title := clock
		if i == newest {
			title += " · " + lang.L("newest")
		}
		var more fyne.CanvasObject
		if f.own {
			more = widgets.NewButton("", "more", widgets.Quiet, func() { f.date(s, clock, most) })
		}
		row := widgets.NewSettingRow("clock", title, more, func() { f.files(s, func() { f.dates(all, most) }) })
		value := u.w.Words.Files(s.Files) + " · " + core.DisplayName(s.Host)
		if s.Unread > 0 {
			value += " · " + lang.L("with gaps")
			row.SetIcon("warning", widgets.ToneAttention)
		}
		if s.Pinned {
			row.SetIcon("pin", widgets.TonePrimary)
		}
		row.SetValue(value)
		row.SetNote(u.w.Words.Bytes(s.Bytes))
		rows = append(rows, row)
	}
	flush()
	if len(all) > most {
		content = append(content, widgets.Row(0, nil, widgets.NewButton(lang.L("Show older ones"), "", widgets.Second, func() { f.dates(all, len(all)) })))
	}
	everyDay := widgets.NewSettingRow("search", lang.L("Find a file in all backups"), nil, func() { f.everyDay(func() { f.dates(all, most) }) })
	everyDay.SetValue(lang.L("By its name, with all its versions."))
	p := f.newPage(shell.PageParams{
		Name: f.name(), Step: 2, Of: 5, Back: f.again, Title: lang.L("From which day?"),
		Content: append([]fyne.CanvasObject{widgets.Rows(everyDay)}, content...),
	})
	f.put(p.Root)
}

// clock is the time of day of the i-th of some dates, as finely as its neighbours differ.
func (u *UI) clock(all []core.Snapshot, i int) string {
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
func (f *restoreFlow) running() {
	p := f.newPage(shell.PageParams{
		Name: f.name(), Step: 5, Of: 5, Title: lang.L("Restoring"), Lead: f.chosen() + " · " + f.to(),
		Content: []fyne.CanvasObject{f.u.w.Panel(f.job)},
	})
	f.put(p.Root)
}

// result says what was restored.
func (f *restoreFlow) result(r core.RestoreReport, err error) {
	u := f.u
	m := widgets.NewMedallion(96)
	content := []fyne.CanvasObject{container.NewCenter(m)}
	heading := func(line, text string) { content = append(content, shell.Headline(line, text)) }
	facts := lang.L("{{.Files}} · {{.Size}} · every byte was checked", words.Values{"Files": u.w.Words.Files(r.Files), "Size": u.w.Words.Bytes(r.Bytes)})
	switch {
	case errors.Is(err, context.Canceled):
		m.Set("pause", widgets.ToneAttention)
		heading(lang.L("Stopped"), lang.L("What is restored so far is complete: {{.Files}}.", words.Values{"Files": u.w.Words.Files(r.Files)}))
	case err != nil:
		m.Set("warning", widgets.ToneBad)
		heading(lang.L("Not restored"), lang.L("The backup is untouched."))
		content = append(content, u.w.ErrorPanel(err, f.apart(shell.Remedies{shell.WayAgain: f.run, shell.WayTarget: f.whereAgain, shell.WayDate: f.again})))
		if errors.Is(err, core.ErrTargetFull) {
			content = append(content, u.place.Amounts(f.chosenBytes, f.target))
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
		rows = append(rows, widgets.NewSettingRow("file", lang.L("Left as they were"), nil, nil).SetValue(lang.L("{{.Files}} existed there already.", words.Values{"Files": u.w.Words.Files(r.Kept)})))
	}
	if r.Differ > 0 {
		rows = append(rows, widgets.NewSettingRow("warning", lang.L("Not as in the backup"), nil, nil).SetValue(lang.L("{{.Files}} of those differ from the backup. Restore with another choice about files that exist to get them.", words.Values{"Files": u.w.Words.Files(r.Differ)})))
	}
	if r.Renamed > 0 {
		rows = append(rows, widgets.NewSettingRow("copy", lang.L("Restored beside"), nil, nil).SetValue(lang.L("{{.Files}} existed there already; the restored ones have “(restored)” in their names.", words.Values{"Files": u.w.Words.Files(r.Renamed)})))
	}
	if r.LeftOut > 0 {
		rows = append(rows, widgets.NewSettingRow("shield", lang.L("Left out"), nil, nil).SetValue(lang.L("{{.Count}} device files, set-id bits or file capabilities: they give rights over this computer. The command line restores them with --devices-and-setuid.", words.Values{"Count": r.LeftOut})))
	}
	content = append(content, widgets.Rows(rows...))
	content = append(content, u.w.ProblemList(r.Problems)...)
	if f.leave != nil && err == nil && !u.core.Status().SetUp {
		content = append(content, f.keepGoing())
	}
	folder := f.target
	if f.original {
		folder = filepath.Dir(f.snapshot.Sources[0])
	}
	p := f.newPage(shell.PageParams{
		Name: f.name(), Step: 5, Of: 5, Content: content,
		Foot: []fyne.CanvasObject{
			widgets.NewButton(lang.L("Open the folder"), "folder", widgets.Second, func() { u.openFolder(folder) }),
			widgets.NewButton(lang.L("Done"), "", widgets.Main, f.again),
		},
	})
	f.put(p.Root)
}

// keepGoing offers to go on with the backup on a computer that has just restored from it.
func (f *restoreFlow) keepGoing() fyne.CanvasObject {
	text := widgets.Column(theme.Space1, widgets.NewStrong(lang.L("Keep backing up this computer here?")),
		widgets.NewMuted(lang.L("This computer joins the backup, and files that are there already need not be stored again.")))
	yes := widgets.NewButton(lang.L("Set it up"), "", widgets.Second, func() {
		f.again()
		var sources []string
		if f.original {
			sources = f.snapshot.Sources
		}
		f.u.setup.BeginAt(f.place, sources)
	})
	return widgets.Card(widgets.Row(theme.Space3, widgets.Wide(text), widgets.NewIcon("backup", theme.Primary, theme.IconMedium), text, yes))
}
