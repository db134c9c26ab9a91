package ui

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/holdfast-backup/holdfast/ui/shell"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"
	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// editSources changes what is backed up.
func (u *UI) editSources() {
	st := u.core.Status()
	e := newSourceEditor(u, st.Sources, st.Excludes)
	var p *shell.Page
	leave := func() { e.counting.Stop(); u.w.LeaveFlow() }
	var save *widgets.Button
	save = widgets.NewButton(lang.L("Save"), "", widgets.Main, func() {
		e.addTyped(func() { // a path that was typed counts, also where nobody pressed Add
			paths, excludes := e.paths, e.excludes()
			p.Wait(save, lang.L("Looking at the folders…"), func(ctx context.Context) func() {
				err := u.core.SetSources(ctx, paths, excludes)
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
	p = u.w.NewPage(shell.PageParams{
		Name: lang.L("What to back up"), Back: leave, Title: lang.L("What do you want to keep?"),
		Lead:    lang.L("What you take out stays in the backups made so far."),
		Content: []fyne.CanvasObject{e.folders(), e.messages(), e.exclusions()},
		Foot:    []fyne.CanvasObject{widgets.NewButton(lang.L("Cancel"), "", widgets.Second, leave), save},
	})
	e.changed = func() {
		if e.empty() {
			save.Disable()
		} else {
			save.Enable()
		}
		p.Relayout()
	}
	u.w.Flow(p.Root)
}

// sourceNames lists the last names of paths.
func sourceNames(paths []string) string {
	var names []string
	for _, p := range paths {
		names = append(names, core.DisplayName(filepath.Base(p)))
	}
	return strings.Join(names, ", ")
}
