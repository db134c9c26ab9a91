package restore

import (
	"context"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// shownVersions is how many versions a search in all days shows.
const shownVersions = 200

// everyDay looks for a file by its name in all backups, and shows its versions.
func (f *Flow) everyDay(back func()) {
	reader := f.reader
	name := widgets.NewField()
	name.SetPlaceHolder(lang.L("A part of its name"))
	found := widgets.Column(theme.Space6)
	looking := f.w.Work.Newest()
	var p *shell.Page
	var look func()
	look = func() {
		text := strings.TrimSpace(name.Text)
		if text == "" {
			return
		}
		p.Fail(nil)
		found.Objects = []fyne.CanvasObject{widgets.NewMuted(lang.L("Searching…"))}
		p.Again = look
		p.Relayout()
		looking.Run(func(ctx context.Context) func() {
			versions, err := reader.Find(ctx, text)
			return func() {
				found.Objects = nil
				if err != nil {
					p.Fail(err)
					return
				}
				found.Objects = f.Versions(versions, func() { f.Put(p.Root) })
				p.Relayout()
			}
		})
	}
	search := widgets.NewButton(lang.L("Search"), "search", widgets.Main, look)
	name.OnSubmitted = func(string) { look() }
	p = f.newPage(shell.PageParams{
		Name: f.name(), Step: 2, Of: 5, Back: func() { looking.Stop(); back() },
		Title: lang.L("Which file?"), Lead: lang.L("It is looked for in the backups of all days, even if it was deleted since."),
		Content: []fyne.CanvasObject{widgets.Row(theme.Space3, widgets.Wide(name), name, search), found},
	})
	f.Put(p.Root)
	f.search = name
	f.w.Canvas().Focus(name)
}

// versionsOf shows the versions of a file of the tree.
func (f *Flow) versionsOf(n widgets.Node) {
	reader := f.reader
	found := widgets.Column(theme.Space6, widgets.NewMuted(lang.L("Searching…")))
	looking := f.w.Work.Newest()
	p := f.newPage(shell.PageParams{
		Name: f.name(), Step: 3, Of: 5, Back: func() { looking.Stop(); f.Put(f.filesPage) },
		Title: lang.L("Versions of this file"), Content: []fyne.CanvasObject{found},
	})
	f.Put(p.Root)
	p.Again = func() { f.versionsOf(n) }
	looking.Run(func(ctx context.Context) func() {
		versions, err := reader.Versions(ctx, n.Path)
		return func() {
			if err != nil {
				found.Hide()
				p.Fail(err)
				return
			}
			found.Objects = f.Versions(versions, func() { f.Put(p.Root) })
			p.Relayout()
		}
	})
}

// Versions lists what was found, by path, the newest version of each first.
func (f *Flow) Versions(all []core.Version, back func()) []fyne.CanvasObject {

	if len(all) == 0 {
		return []fyne.CanvasObject{widgets.NewEmptyState("search", lang.L("Nothing of that name"), lang.L("Try another part of the name."), nil)}
	}
	var content, rows []fyne.CanvasObject
	path := all[0].Entry.Path
	flush := func() {
		if len(rows) > 0 {
			content = append(content, widgets.Column(theme.Space3, widgets.NewLead(core.DisplayName(path)).Shortened(), widgets.Rows(rows...)))
			rows = nil
		}
	}
	for i, v := range all {
		if i == shownVersions {
			flush()
			return append(content, widgets.NewMuted(lang.L("The first {{.Count}} that fit. Type more of the name.",
				words.Values{"Count": shownVersions})))
		}
		if v.Entry.Path != path {
			flush()
			path = v.Entry.Path
		}
		rows = append(rows, f.versionRow(v, back))
	}
	flush()
	lead := widgets.NewMuted(lang.L("{{.Count}} found", words.Values{"Count": f.w.Words.Count(int64(len(all)))}))
	return append([]fyne.CanvasObject{lead}, content...)
}

func (f *Flow) versionRow(v core.Version, back func()) fyne.CanvasObject {

	node := nodeOf(v.Entry, "")
	row := widgets.NewSettingRow(node.Icon, lang.L("As it was {{.Time}}", words.Values{"Time": f.w.Words.Ago(v.Last.Time, f.w.Now())}), nil,
		func() {
			f.Snapshot = core.Snapshot{ID: v.Last.ID, Time: v.Last.Time, Host: v.Host}
			f.paths = []string{v.Entry.Path}
			f.ChosenFiles, f.ChosenBytes = node.Files, max(0, node.Bytes)
			f.Where(back)
		})
	text := core.DisplayName(v.Host)
	if v.Entry.Kind == core.EntryFile {
		text = lang.L("changed {{.Time}}", words.Values{"Time": f.w.Words.Ago(v.Entry.Modified, f.w.Now())}) + " · " + text
	}
	row.SetValue(text)
	if node.Bytes >= 0 {
		row.SetNote(f.w.Words.Bytes(node.Bytes))
	}
	return row
}
