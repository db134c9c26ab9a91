package ui

import (
	"slices"

	"github.com/holdfast-backup/holdfast/ui/shell"

	"fyne.io/fyne/v2/lang"
	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// addDropped takes what was dropped: where one chooses what to back up it is added, elsewhere a question leads there.
func (u *UI) addDropped(paths []string) {
	if u.editor != nil && shell.IsShown(u.w.Content, u.editor.list) {
		u.editor.addAll(paths)
		return
	}
	st := u.core.Status()
	if !st.SetUp && u.editor != nil { // on a later page of setting up
		u.editor.addAll(paths)
		u.w.Inform(lang.L("Added to what is backed up"), sourceNames(paths))
		return
	}
	paths = slices.DeleteFunc(paths, func(p string) bool {
		return slices.ContainsFunc(st.Sources, func(s string) bool { return inside(s, p) })
	})
	name := sourceNames(paths)
	switch {
	case len(paths) == 0:
		u.w.Inform(lang.L("It is backed up already"), lang.L("What you dropped is in a folder that Holdfast backs up."))
	case st.SetUp && !u.w.Nav.Shown, u.w.Job != nil && u.w.Job.Kind != core.RunBackup:
		u.w.Inform(lang.L("Not now"), lang.L("Finish what you are doing first, then drop it again."))
	default:
		u.w.Ask(shell.Question{
			Title: lang.L("Back up “{{.Folder}}”?", words.Values{"Folder": name}), Harmless: true,
			Text: lang.L("You see what is backed up, and it is added there."),
			Yes:  lang.L("Add it"), No: lang.L("Cancel"),
		}, func() {
			if st.SetUp {
				u.editSources()
			} else {
				u.setUp()
			}
			u.editor.addAll(paths)
		})
	}
}
