package ui

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
)

// dropped takes files and folders that were dropped on the window: where one
// chooses what to back up they are added, elsewhere a question leads there.
func (u *UI) dropped(_ fyne.Position, items []fyne.URI) {
	var paths []string
	for _, i := range items {
		if i.Scheme() == "file" && filepath.IsAbs(i.Path()) {
			paths = append(paths, filepath.Clean(i.Path()))
		}
	}
	if len(paths) == 0 || u.window.Canvas().Overlays().Top() != nil {
		return // a question is open, and comes first
	}
	u.work.run(func(context.Context) func() { // a disk may have to wake
		paths = slices.DeleteFunc(paths, func(p string) bool {
			_, err := os.Lstat(p)
			return err != nil
		})
		return func() {
			if len(paths) > 0 {
				u.addDropped(paths)
			}
		}
	})
}

func (u *UI) addDropped(paths []string) {
	if u.editor != nil && isShown(u.content, u.editor.list) {
		u.editor.addAll(paths)
		return
	}
	st := u.core.Status()
	if !st.SetUp && u.editor != nil { // on a later page of setting up
		u.editor.addAll(paths)
		u.inform(lang.L("Added to what is backed up"), sourceNames(paths))
		return
	}
	paths = slices.DeleteFunc(paths, func(p string) bool {
		return slices.ContainsFunc(st.Sources, func(s string) bool { return inside(s, p) })
	})
	name := sourceNames(paths)
	switch {
	case len(paths) == 0:
		u.inform(lang.L("It is backed up already"), lang.L("What you dropped is in a folder that Holdfast backs up."))
	case st.SetUp && !u.nav.shown, u.job != nil && u.job.kind != core.RunBackup:
		u.inform(lang.L("Not now"), lang.L("Finish what you are doing first, then drop it again."))
	default:
		u.ask(question{
			title: lang.L("Back up “{{.Folder}}”?", vals{"Folder": name}), harmless: true,
			text: lang.L("You see what is backed up, and it is added there."),
			yes:  lang.L("Add it"), no: lang.L("Cancel"),
		}, func() {
			if st.SetUp {
				u.editSources()
			} else {
				newSetupFlow(u).what()
			}
			u.editor.addAll(paths)
		})
	}
}

// isShown reports whether an object is among what is shown below root.
func isShown(root, o fyne.CanvasObject) bool {
	return walk(root, func(x fyne.CanvasObject) bool {
		if s, ok := x.(*container.Scroll); ok {
			return isShown(s.Content, o)
		}
		return x == o
	})
}
