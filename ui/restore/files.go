package restore

import (
	"cmp"
	"context"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// fileChoice asks which files of a date.
type fileChoice struct {
	*Flow
	date    core.Snapshot
	reader  *core.Reader
	page    *shell.Page
	picker  *widgets.TreePicker
	search  *widgets.Field
	picked  *widgets.Text // says what is chosen
	next    *widgets.Button
	found   string // of a search
	loading string // what is waited for

	searching shell.Latest
}

// Files asks which files of a date.
func (f *Flow) Files(s core.Snapshot, back func()) {
	c := &fileChoice{
		Flow: f, date: s, reader: f.reader, picker: widgets.NewTreePicker(), search: widgets.NewField(), picked: widgets.NewMuted(""),
		searching: f.w.Work.Newest(),
	}
	c.picker.OnSize = f.w.Words.Bytes
	c.picker.Files, c.picker.Bytes = s.Files, s.Bytes
	f.picker = c.picker
	c.next = widgets.NewButton(lang.L("Continue"), "", widgets.Main, func() {
		f.Snapshot, f.paths = s, c.picker.Selection.Paths()
		f.ChosenFiles, f.ChosenBytes = c.picker.Picked()
		f.Where(func() { f.Put(f.filesPage) })
	})
	c.picker.OnPicked = c.say
	c.say()
	c.picker.OnLoad = c.load
	c.search.SetPlaceHolder(lang.L("Search by name"))
	c.search.OnChanged = c.look
	all := widgets.NewButton(lang.L("All"), "", widgets.Quiet, func() { c.picker.PickShown(true) })
	none := widgets.NewButton(lang.L("None"), "", widgets.Quiet, func() { c.picker.PickShown(false) })
	bar := widgets.Row(theme.Space2, widgets.Wide(c.search), c.search, all, none)
	c.page = f.newPage(shell.PageParams{
		Name: f.name(), Step: 3, Of: 5, Back: func() { c.searching.Stop(); back() },
		Title: lang.L("What do you want back?"), Lead: shell.Capital(f.w.Words.Ago(s.Time, f.w.Now())) + " · " + core.DisplayName(s.Host),
		Content:  []fyne.CanvasObject{bar},
		Fills:    container.NewBorder(nil, widgets.Inset(0, theme.Space2, c.foot()), nil, nil, c.picker),
		Foot:     []fyne.CanvasObject{c.next},
		Remedies: shell.Remedies{shell.WayDate: back},
	})
	f.filesPage = c.page.Root
	f.Put(c.page.Root)
	f.search = c.search
	c.picker.Load("")
}

// foot is below the tree: what is chosen, and that there are versions of the file that has the focus.
func (c *fileChoice) foot() fyne.CanvasObject {
	versions := widgets.NewMuted(lang.L("Versions of this file")).OneLine()
	versions.Hide()
	foot := widgets.Row(theme.Space3, widgets.Wide(c.picked), c.picked, versions)
	c.picker.OnVersions = c.versionsOf
	c.picker.OnVersionsNoticed = func(on bool) {
		if on {
			versions.Show()
		} else {
			versions.Hide()
		}
		foot.Refresh()
	}
	return foot
}

// say says what is chosen, or what is waited for.
func (c *fileChoice) say() {
	text := ""
	switch files, bytes := c.picker.Picked(); c.picker.Selection.State("") {
	case widgets.On:
		text = lang.L("Everything: {{.Files}}, {{.Size}}", words.Values{"Files": c.w.Words.Files(files), "Size": c.w.Words.Bytes(bytes)})
		c.next.Enable()
	case widgets.Off:
		text = lang.L("Nothing is chosen yet. Tick what you want back.")
		c.next.Disable()
	default:
		text = lang.L("Chosen: {{.Files}}, {{.Size}}", words.Values{"Files": c.w.Words.Files(files), "Size": c.w.Words.Bytes(bytes)})
		c.next.Enable()
	}
	if c.found != "" {
		text = c.found + " · " + text
	}
	c.picked.SetText(cmp.Or(c.loading, text))
}

// load reads what is in a folder.
func (c *fileChoice) load(path string) {
	c.w.Wait(func(s string) { c.loading = s; c.say() }, lang.L("Opening the folder…"), func(ctx context.Context) func() {
		entries, err := c.reader.List(ctx, c.date.ID, path)
		return func() {
			if err != nil {
				c.picker.Forget(path)
				c.page.Again = func() { c.page.Fail(nil); c.picker.Load(path) }
				c.page.Fail(err)
				return
			}
			c.picker.SetChildren(path, nodesOf(entries))
			if path == "" && len(entries) == 1 && entries[0].Kind == core.EntryFolder {
				c.picker.Open(entries[0].Path)
			}
		}
	})
}

// look searches for a name.
func (c *fileChoice) look(text string) {
	text = strings.TrimSpace(text)
	if text == "" {
		c.searching.Stop()
		c.found = ""
		c.picker.ShowResults(nil, nil)
		c.say()
		return
	}
	c.picked.SetText(lang.L("Searching…"))
	c.searching.Run(func(ctx context.Context) func() {
		hits, parents, more, err := searchNames(ctx, c.reader, c.date.ID, text)
		results, nodes := hitNodes(hits), make(map[string][]widgets.Node, len(parents))
		for dir, entries := range parents {
			nodes[dir] = nodesOf(entries)
		}
		return func() {
			if err != nil {
				c.page.Again = func() { c.page.Fail(nil); c.look(c.search.Text) }
				c.page.Fail(err)
				return
			}
			c.picker.ShowResults(results, nodes)
			c.found = lang.L("{{.Count}} found", words.Values{"Count": c.w.Words.Count(int64(len(hits)))})
			if more {
				c.found = lang.L("The first {{.Count}} that fit. Type more of the name.", words.Values{"Count": len(hits)})
			}
			c.say()
		}
	})
}
