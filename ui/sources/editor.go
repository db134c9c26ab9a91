package sources

import (
	"context"
	"os"
	"path/filepath"
	"slices"
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

const presetPrefix = "preset:"

// Editor chooses what is backed up and what is left out, and counts it.
type Editor struct {
	*Feature
	Paths    []string
	Own      []string // patterns that are no preset: kept as they are
	Presets  map[string]*widgets.Check
	list     *fyne.Container
	entry    *widgets.Field
	estimate *widgets.Text
	Bytes    int64           // that were counted; 0: not known
	apps     *fyne.Container // message programs that were found; empty: none
	found    []core.FoundApp
	sizes    map[string]string // of what was found, by its ID
	Counting shell.Latest
	Changed  func() // after the list changed
	Counted  func() // after it was counted; may be nil
}

// NewEditor makes an editor of what is backed up and left out now.
func NewEditor(f *Feature, paths, excludes []string) *Editor {
	e := &Editor{
		Feature: f, Paths: slices.Clone(paths), Presets: make(map[string]*widgets.Check),
		list: widgets.Column(0), apps: widgets.Column(theme.Space3), sizes: make(map[string]string), entry: widgets.NewField(),
		estimate: widgets.NewMuted(" "), Counting: f.w.Work.Newest(),
	}
	for _, p := range excludes {
		if !strings.HasPrefix(p, presetPrefix) {
			e.Own = append(e.Own, p)
		}
	}
	for _, p := range core.Presets() {
		c := widgets.NewCheck(presetTitle(p), func(bool) { e.count() })
		c.SetOn(slices.Contains(excludes, presetPrefix+p.ID))
		e.Presets[p.ID] = c
	}
	e.entry.SetPlaceHolder(lang.L("Or type the path of a folder"))
	e.entry.OnChanged = func(string) {
		if e.Changed != nil {
			e.Changed()
		}
	}
	e.entry.OnSubmitted = func(string) { e.AddTyped(func() {}) }
	e.Update()
	return e
}

// presetTitle words a preset in the window's language; core's titles are English.
func presetTitle(p core.Preset) string {
	switch p.ID {
	case "caches":
		return lang.L("Caches: what programs can make again")
	case "temporary":
		return lang.L("Temporary files")
	case "trash":
		return lang.L("The trash")
	}
	return p.Title
}

// Excludes are the presets and patterns that are chosen.
func (e *Editor) Excludes() []string {
	out := []string{}
	for _, p := range core.Presets() {
		if e.Presets[p.ID].On() {
			out = append(out, presetPrefix+p.ID)
		}
	}
	return append(out, e.Own...)
}

// Folders is the list with its ways to add.
func (e *Editor) Folders() fyne.CanvasObject {
	e.Shown = e // what is dropped on the window comes here, as long as it is shown
	choose := widgets.NewButton(lang.L("Add folder…"), "plus", widgets.Second, func() {
		e.w.Choose.Folder(shell.HomeFolder(), e.add)
	})
	typed := widgets.NewButton(lang.L("Add"), "", widgets.Quiet, func() { e.AddTyped(func() {}) })
	return widgets.Column(theme.Space3, e.list, widgets.Row(theme.Space3, widgets.Wide(e.entry), choose, e.entry, typed), e.estimate)
}

// Exclusions are the presets.
func (e *Editor) Exclusions() fyne.CanvasObject {
	col := widgets.Column(theme.Space2, widgets.NewLead(lang.L("Leave out")))
	for _, p := range core.Presets() {
		col.Add(e.Presets[p.ID])
	}
	return col
}

// Empty reports whether nothing is chosen, and nothing typed.
func (e *Editor) Empty() bool {
	return len(e.Paths) == 0 && strings.TrimSpace(e.entry.Text) == ""
}

// AddTyped adds the path that was typed, if there is something, and goes on. Otherwise it stays in its field, to be mended.
func (e *Editor) AddTyped(then func()) {
	typed := e.entry.Text
	path := shell.Expand(strings.TrimSpace(typed))
	if path == "" {
		then()
		return
	}
	e.w.Wait(func(s string) {
		if s != "" {
			e.estimate.SetText(s)
		}
	}, lang.L("Looking for the folder…"), func(context.Context) func() { // a disk may have to wake
		_, err := os.Lstat(path)
		return func() {
			if err != nil {
				e.estimate.SetText(lang.L("There is nothing at {{.Path}}. Look for a typing error, or choose the folder.",
					words.Values{"Path": core.DisplayName(path)}))
				e.w.Canvas().Focus(e.entry)
				return
			}
			if e.entry.Text == typed {
				e.entry.SetText("")
			}
			e.add(path)
			then()
		}
	})
}

func (e *Editor) add(path string) { e.addAll([]string{path}) }

func (e *Editor) addAll(paths []string) {
	for _, path := range paths {
		if path = filepath.Clean(path); !slices.Contains(e.Paths, path) {
			e.Paths = append(e.Paths, path)
		}
	}
	e.Update()
}

func (e *Editor) remove(path string) {
	e.Paths = slices.DeleteFunc(e.Paths, func(p string) bool { return p == path })
	e.Update()
}

// Update shows the list as it is now.
func (e *Editor) Update() {
	var rows []fyne.CanvasObject
	for _, p := range e.Paths {
		icon := "folder"
		away := widgets.NewButton("", "cross", widgets.Quiet, func() { e.remove(p) })
		row := widgets.NewSettingRow(icon, filepath.Base(p), away, nil)
		row.SetPath(core.DisplayName(p))
		rows = append(rows, row)
	}
	e.list.Objects = nil
	if len(rows) > 0 {
		e.list.Objects = []fyne.CanvasObject{widgets.Rows(rows...)}
	} else {
		none := widgets.NewMuted(lang.L("Nothing chosen yet. Start with your documents or your pictures.")).Centered()
		e.list.Objects = []fyne.CanvasObject{container.NewStack(widgets.NewGround(theme.Surface, theme.Outline, theme.RadiusCard),
			widgets.Inset(theme.Space6, theme.Space6, none))}
	}
	e.list.Refresh()
	e.showApps()
	e.count()
	if e.Changed != nil {
		e.Changed()
	}
}

// count estimates in the background; a change of the list starts it anew.
func (e *Editor) count() {
	if len(e.Paths) == 0 {
		e.Counting.Stop()
		e.estimate.SetText(" ")
		return
	}
	e.estimate.SetText(lang.L("Counting…"))
	e.Bytes = 0
	paths, excludes := slices.Clone(e.Paths), e.Excludes()
	e.Counting.Run(func(ctx context.Context) func() {
		files, bytes, err := e.core.Estimate(ctx, paths, excludes, nil)
		return func() {
			if err != nil {
				e.estimate.SetText(e.w.Words.For(err).What)
				return
			}
			e.Bytes = bytes
			if e.Counted != nil {
				defer e.Counted()
			}
			e.estimate.SetText(e.w.Words.Files(files) + " · " + e.w.Words.Bytes(bytes))
		}
	})
}
