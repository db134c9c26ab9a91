package restore

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

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

// Files asks which files of a date.
func (f *Flow) Files(s core.Snapshot, back func()) {
	reader := f.Reader
	picker := widgets.NewTreePicker()
	picker.OnSize = f.w.Words.Bytes
	picker.Files, picker.Bytes = s.Files, s.Bytes
	f.Picker = picker
	search := widgets.NewField()
	search.SetPlaceHolder(lang.L("Search by name"))
	picked := widgets.NewMuted("")
	next := widgets.NewButton(lang.L("Continue"), "", widgets.Main, func() {
		f.Snapshot, f.paths = s, picker.Selection.Paths()
		f.ChosenFiles, f.ChosenBytes = picker.Picked()
		f.Where(func() { f.Put(f.filesPage) })
	})
	all := widgets.NewButton(lang.L("All"), "", widgets.Quiet, func() { picker.PickShown(true) })
	none := widgets.NewButton(lang.L("None"), "", widgets.Quiet, func() { picker.PickShown(false) })
	found, loading := "", "" // of a search; what is waited for
	say := func() {
		text := ""
		switch files, bytes := picker.Picked(); picker.Selection.State("") {
		case widgets.On:
			text = lang.L("Everything: {{.Files}}, {{.Size}}", words.Values{"Files": f.w.Words.Files(files), "Size": f.w.Words.Bytes(bytes)})
			next.Enable()
		case widgets.Off:
			text = lang.L("Nothing is chosen yet. Tick what you want back.")
			next.Disable()
		default:
			text = lang.L("Chosen: {{.Files}}, {{.Size}}", words.Values{"Files": f.w.Words.Files(files), "Size": f.w.Words.Bytes(bytes)})
			next.Enable()
		}
		if found != "" {
			text = found + " · " + text
		}
		picked.SetText(cmp.Or(loading, text))
	}
	picker.OnPicked = say
	say()
	versions := widgets.NewMuted(lang.L("Versions of this file")).OneLine()
	versions.Hide()
	picker.OnVersions = f.versionsOf
	foot := widgets.Row(theme.Space3, widgets.Wide(picked), picked, versions)
	var p *shell.Page
	picker.OnVersionsNoticed = func(on bool) {
		if on {
			versions.Show()
		} else {
			versions.Hide()
		}
		foot.Refresh()
	}
	picker.OnLoad = func(path string) {
		f.w.Wait(func(s string) { loading = s; say() }, lang.L("Opening the folder…"), func(ctx context.Context) func() {
			entries, err := reader.List(ctx, s.ID, path)
			return func() {
				if err != nil {
					picker.Forget(path)
					p.Again = func() { p.Fail(nil); picker.Load(path) }
					p.Fail(err)
					return
				}
				picker.SetChildren(path, nodesOf(entries))
				if path == "" && len(entries) == 1 && entries[0].Kind == core.EntryFolder {
					picker.Open(entries[0].Path)
				}
			}
		})
	}
	searching := f.w.Work.Newest()
	search.OnChanged = func(text string) {
		text = strings.TrimSpace(text)
		if text == "" {
			searching.Stop()
			found = ""
			picker.ShowResults(nil, nil)
			say()
			return
		}
		picked.SetText(lang.L("Searching…"))
		searching.Run(func(ctx context.Context) func() {
			hits, parents, more, err := searchNames(ctx, reader, s.ID, text)
			results, nodes := hitNodes(hits), make(map[string][]widgets.Node, len(parents))
			for dir, entries := range parents {
				nodes[dir] = nodesOf(entries)
			}
			return func() {
				if err != nil {
					p.Again = func() { p.Fail(nil); search.OnChanged(search.Text) }
					p.Fail(err)
					return
				}
				picker.ShowResults(results, nodes)
				found = lang.L("{{.Count}} found", words.Values{"Count": f.w.Words.Count(int64(len(hits)))})
				if more {
					found = lang.L("The first {{.Count}} that fit. Type more of the name.", words.Values{"Count": len(hits)})
				}
				say()
			}
		})
	}
	bar := widgets.Row(theme.Space2, widgets.Wide(search), search, all, none)
	p = f.newPage(shell.PageParams{
		Name: f.Name(), Step: 3, Of: 5, Back: func() { searching.Stop(); back() },
		Title: lang.L("What do you want back?"), Lead: shell.Capital(f.w.Words.Ago(s.Time, f.w.Now())) + " · " + core.DisplayName(s.Host),
		Content:  []fyne.CanvasObject{bar},
		Fills:    container.NewBorder(nil, widgets.Inset(0, theme.Space2, foot), nil, nil, picker),
		Foot:     []fyne.CanvasObject{next},
		Remedies: shell.Remedies{shell.WayDate: back},
	})
	f.filesPage = p.Root
	f.Put(p.Root)
	f.search = search
	picker.Load("")
}

func nodesOf(entries []core.Entry) []widgets.Node {
	out := make([]widgets.Node, 0, len(entries))
	for _, e := range entries {
		out = append(out, nodeOf(e, core.DisplayName(e.Name)))
	}
	return out
}

func hitNodes(entries []core.Entry) []widgets.Node {
	out := make([]widgets.Node, 0, len(entries))
	for _, e := range entries {
		out = append(out, nodeOf(e, core.DisplayName(e.Path)))
	}
	return out
}

func nodeOf(e core.Entry, name string) widgets.Node {
	n := widgets.Node{Path: e.Path, Name: name, Icon: "file", Bytes: e.Size, Files: 1}
	switch e.Kind {
	case core.EntryFolder:
		n.Icon, n.Open, n.Files = "folder", true, e.Files
	case core.EntrySymlink:
		n.Icon, n.Bytes = "link", -1
	case core.EntryOther:
		n.Icon, n.Bytes = "other", -1
	}
	return n
}

const mostHits = 500

// searchNames walks a snapshot for names that hold text, in any case. parents
// are the folders with hits and those above them, each with all that is in it.
func searchNames(ctx context.Context, r *core.Reader, snapshot, text string) (hits []core.Entry, parents map[string][]core.Entry, more bool, err error) {
	text = strings.ToLower(text)
	parents = make(map[string][]core.Entry)
	listed := make(map[string][]core.Entry)
	keep := func(dir string) {
		for {
			parents[dir] = listed[dir]
			if dir == "" {
				return
			}
			dir = parentPath(dir)
		}
	}
	todo := []string{""}
	for len(todo) > 0 {
		dir := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if err := ctx.Err(); err != nil {
			return nil, nil, false, err
		}
		entries, err := r.List(ctx, snapshot, dir)
		if err != nil {
			return nil, nil, false, fmt.Errorf("search in %s: %w", core.DisplayName(dir), err)
		}
		listed[dir] = entries
		for _, e := range entries {
			if strings.Contains(strings.ToLower(e.Name), text) {
				if len(hits) == mostHits {
					return hits, parents, true, nil
				}
				hits = append(hits, e)
				keep(dir)
			}
			if e.Kind == core.EntryFolder {
				todo = append(todo, e.Path)
			}
		}
	}
	return hits, parents, false, nil
}

func parentPath(p string) string {
	if i := strings.LastIndexByte(p, '/'); i >= 0 {
		return p[:i]
	}
	return ""
}

// Where asks where to, and about files that exist.
func (f *Flow) Where(back func()) {

	f.whereAgain = func() { f.Where(back) }
	if f.Target == "" {
		f.Target = filepath.Join(shell.HomeFolder(), lang.L("Restored files"))
	}
	field := place.NewField(f.Feature.place, f.Target, lang.L("Restore into this folder"))
	kinds := []core.Conflict{core.ConflictKeep, core.ConflictRename, core.ConflictOverwrite}
	chosen := 0
	for i, k := range kinds {
		if k == f.conflict {
			chosen = i
		}
	}
	choices := widgets.NewChoices(chosen,
		[2]string{lang.L("Keep what is there"), lang.L("Files that exist stay as they are.")},
		[2]string{lang.L("Keep both"), lang.L("The restored file is put beside it, with “(restored)” in its name.")},
		[2]string{lang.L("Replace what is there"), lang.L("Files that exist are overwritten with the ones of the backup.")})
	content := []fyne.CanvasObject{field.Root}
	lead := lang.L("Nothing is written outside this folder. It is made if it does not exist.")
	var to *widgets.Choices
	if f.Snapshot.Original {
		chosen := 0
		if f.original {
			chosen = 1
		}
		to = widgets.NewChoices(chosen,
			[2]string{lang.L("Into a folder"), lead},
			[2]string{lang.L("Where they were"), pathList(f.Snapshot.Sources)})
		to.Below(0, field.Root)
		content, lead = []fyne.CanvasObject{to}, ""
	}
	run := func() {
		f.original = to != nil && to.Chosen() == 1
		if !f.original {
			target, ok := field.Wanted()
			if !ok {
				return
			}
			f.Target = target
		}
		f.conflict = kinds[choices.Chosen()]
		f.run()
	}
	field.Submitted = run
	p := f.newPage(shell.PageParams{
		Name: f.Name(), Step: 4, Of: 5, Back: back, Title: lang.L("Where should they go?"),
		Lead:    strings.TrimSpace(f.chosen() + ". " + lead),
		Content: append(content, widgets.Column(theme.Space3, widgets.NewLead(lang.L("If a file exists there already")), choices)),
		Foot:    []fyne.CanvasObject{widgets.NewButton(lang.L("Restore {{.Files}}", words.Values{"Files": f.w.Words.Files(f.ChosenFiles)}), "restore", widgets.Main, run)},
	})
	if to != nil {
		to.OnChanged = func(int) { p.Relayout() }
	}
	f.Put(p.Root)
}

// to is where the files go, for people.
func (f *Flow) to() string {
	if f.original {
		return pathList(f.Snapshot.Sources)
	}
	return core.DisplayName(f.Target)
}

func pathList(paths []string) string {
	var out []string
	for _, p := range paths {
		out = append(out, core.DisplayName(p))
	}
	return strings.Join(out, ", ")
}

// chosen is how much is to be restored.
func (f *Flow) chosen() string {
	return f.w.Words.Files(f.ChosenFiles) + ", " + f.w.Words.Bytes(f.ChosenBytes)
}

func (f *Flow) run() {
	req := core.RestoreRequest{Snapshot: f.Snapshot.ID, Target: f.Target, Paths: f.paths, Conflict: f.conflict}
	if f.original {
		req.Target, req.Original = "", true
	}
	reader := f.Reader
	f.job = f.w.Start(core.RunRestore, func(ctx context.Context, progress func(core.Progress)) func() {
		report, err := reader.Restore(ctx, req, progress)
		return func() { f.job = nil; f.Result(report, err) }
	})
	if f.job != nil {
		f.running()
	}
}

// openFolder shows a folder in the system's file manager.
func (f *Feature) openFolder(path string) {
	link := &url.URL{Scheme: "file", Path: filepath.ToSlash(path)}
	if err := f.w.App.OpenURL(link); err != nil {
		f.w.Inform(lang.L("The folder cannot be shown here."), path)
	}
}
