package sources

import (
	"context"
	"path/filepath"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// Edit changes what is backed up.
func (f *Feature) Edit() {
	st := f.core.Status()
	e := NewEditor(f, st.Sources, st.Excludes)
	var p *shell.Page
	leave := func() { e.Counting.Stop(); f.w.LeaveFlow() }
	var save *widgets.Button
	save = widgets.NewButton(lang.L("Save"), "", widgets.Main, func() {
		e.AddTyped(func() { // a path that was typed counts, also where nobody pressed Add
			paths, excludes := e.Paths, e.Excludes()
			p.Wait(save, lang.L("Looking at the folders…"), func(ctx context.Context) func() {
				err := f.core.SetSources(ctx, paths, excludes)
				return func() {
					if err != nil {
						p.Fail(err)
						return
					}
					leave()
				}
			})
		})
	})
	p = f.w.NewPage(shell.PageParams{
		Name: lang.L("What to back up"), Back: leave, Title: lang.L("What do you want to keep?"),
		Lead:    lang.L("What you take out stays in the backups made so far."),
		Content: []fyne.CanvasObject{e.Folders(), e.Messages(), e.Exclusions()},
		Foot:    []fyne.CanvasObject{widgets.NewButton(lang.L("Cancel"), "", widgets.Second, leave), save},
	})
	e.Changed = func() {
		if e.Empty() {
			save.Disable()
		} else {
			save.Enable()
		}
		p.Relayout()
	}
	f.w.Flow(p.Root)
}

// Names lists the last names of paths.
func Names(paths []string) string {
	var names []string
	for _, p := range paths {
		names = append(names, core.DisplayName(filepath.Base(p)))
	}
	return strings.Join(names, ", ")
}
