package ui

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast-backup/holdfast/ui/shell"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

const presetPrefix = "preset:"

// sourceEditor chooses what is backed up and what is left out, and counts it.
type sourceEditor struct {
	u        *UI
	paths    []string
	own      []string // patterns that are no preset: kept as they are
	presets  map[string]*widgets.Check
	list     *fyne.Container
	entry    *widgets.Field
	estimate *widgets.Text
	bytes    int64           // that were counted; 0: not known
	apps     *fyne.Container // message programs that were found; empty: none
	found    []core.FoundApp
	sizes    map[string]string // of what was found, by its ID
	counting shell.Latest
	changed  func() // after the list changed
	counted  func() // after it was counted; may be nil
}

func newSourceEditor(u *UI, paths, excludes []string) *sourceEditor {
	e := &sourceEditor{
		u: u, paths: slices.Clone(paths), presets: make(map[string]*widgets.Check),
		list: widgets.Column(0), apps: widgets.Column(theme.Space3), sizes: make(map[string]string), entry: widgets.NewField(), estimate: widgets.NewMuted(" "), counting: u.w.Work.Newest(),
	}
	for _, p := range excludes {
		if !strings.HasPrefix(p, presetPrefix) {
			e.own = append(e.own, p)
		}
	}
	for _, p := range core.Presets() {
		c := widgets.NewCheck(presetTitle(p), func(bool) { e.count() })
		c.SetOn(slices.Contains(excludes, presetPrefix+p.ID))
		e.presets[p.ID] = c
	}
	e.entry.SetPlaceHolder(lang.L("Or type the path of a folder"))
	e.entry.OnChanged = func(string) {
		if e.changed != nil {
			e.changed()
		}
	}
	e.entry.OnSubmitted = func(string) { e.addTyped(func() {}) }
	e.update()
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

func (e *sourceEditor) excludes() []string {
	out := []string{}
	for _, p := range core.Presets() {
		if e.presets[p.ID].On() {
			out = append(out, presetPrefix+p.ID)
		}
	}
	return append(out, e.own...)
}

// folders is the list with its ways to add.
func (e *sourceEditor) folders() fyne.CanvasObject {
	e.u.editor = e // what is dropped on the window comes here, as long as it is shown
	choose := widgets.NewButton(lang.L("Add folder…"), "plus", widgets.Second, func() {
		e.u.w.Choose.Folder(shell.HomeFolder(), e.add)
	})
	typed := widgets.NewButton(lang.L("Add"), "", widgets.Quiet, func() { e.addTyped(func() {}) })
	return widgets.Column(theme.Space3, e.list, widgets.Row(theme.Space3, widgets.Wide(e.entry), choose, e.entry, typed), e.estimate)
}

// exclusions are the presets.
func (e *sourceEditor) exclusions() fyne.CanvasObject {
	col := widgets.Column(theme.Space2, widgets.NewLead(lang.L("Leave out")))
	for _, p := range core.Presets() {
		col.Add(e.presets[p.ID])
	}
	return col
}

// empty reports whether nothing is chosen, and nothing typed.
func (e *sourceEditor) empty() bool {
	return len(e.paths) == 0 && strings.TrimSpace(e.entry.Text) == ""
}

// addTyped adds the path that was typed, if there is something, and goes on. Otherwise it stays in its field, to be mended.
func (e *sourceEditor) addTyped(then func()) {
	typed := e.entry.Text
	path := shell.Expand(strings.TrimSpace(typed))
	if path == "" {
		then()
		return
	}
	e.u.w.Wait(func(s string) {
		if s != "" {
			e.estimate.SetText(s)
		}
	}, lang.L("Looking for the folder…"), func(context.Context) func() { // a disk may have to wake
		_, err := os.Lstat(path)
		return func() {
			if err != nil {
				e.estimate.SetText(lang.L("There is nothing at {{.Path}}. Look for a typing error, or choose the folder.", words.Values{"Path": core.DisplayName(path)}))
				e.u.w.Canvas().Focus(e.entry)
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

func (e *sourceEditor) add(path string) { e.addAll([]string{path}) }

func (e *sourceEditor) addAll(paths []string) {
	for _, path := range paths {
		if path = filepath.Clean(path); !slices.Contains(e.paths, path) {
			e.paths = append(e.paths, path)
		}
	}
	e.update()
}

func (e *sourceEditor) remove(path string) {
	e.paths = slices.DeleteFunc(e.paths, func(p string) bool { return p == path })
	e.update()
}

func (e *sourceEditor) update() {
	var rows []fyne.CanvasObject
	for _, p := range e.paths {
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
		e.list.Objects = []fyne.CanvasObject{container.NewStack(widgets.NewGround(theme.Surface, theme.Outline, theme.RadiusCard), widgets.Inset(theme.Space6, theme.Space6, none))}
	}
	e.list.Refresh()
	e.showApps()
	e.count()
	if e.changed != nil {
		e.changed()
	}
}

// count estimates in the background; a change of the list starts it anew.
func (e *sourceEditor) count() {
	if len(e.paths) == 0 {
		e.counting.Stop()
		e.estimate.SetText(" ")
		return
	}
	e.estimate.SetText(lang.L("Counting…"))
	e.bytes = 0
	paths, excludes := slices.Clone(e.paths), e.excludes()
	e.counting.Run(func(ctx context.Context) func() {
		files, bytes, err := e.u.core.Estimate(ctx, paths, excludes, nil)
		return func() {
			if err != nil {
				e.estimate.SetText(e.u.w.Words.For(err).What)
				return
			}
			e.bytes = bytes
			if e.counted != nil {
				defer e.counted()
			}
			e.estimate.SetText(e.u.w.Words.Files(files) + " · " + e.u.w.Words.Bytes(bytes))
		}
	})
}
