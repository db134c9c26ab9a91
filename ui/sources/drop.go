package sources

import (
	"slices"

	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// Dropped takes what was dropped: where one chooses what to back up it is added, elsewhere a question leads there.
func (f *Feature) Dropped(paths []string) {
	if f.Shown != nil && shell.IsShown(f.w.Content, f.Shown.list) {
		f.Shown.addAll(paths)
		return
	}
	st := f.core.Status()
	if !st.SetUp && f.Shown != nil { // on a later page of setting up
		f.Shown.addAll(paths)
		f.w.Inform(lang.L("Added to what is backed up"), Names(paths))
		return
	}
	paths = slices.DeleteFunc(paths, func(p string) bool {
		return slices.ContainsFunc(st.Sources, func(s string) bool { return inside(s, p) })
	})
	name := Names(paths)
	switch {
	case len(paths) == 0:
		f.w.Inform(lang.L("It is backed up already"), lang.L("What you dropped is in a folder that Holdfast backs up."))
	case st.SetUp && !f.w.Nav.Shown, f.w.Job != nil && f.w.Job.Kind != core.RunBackup:
		f.w.Inform(lang.L("Not now"), lang.L("Finish what you are doing first, then drop it again."))
	default:
		f.w.Ask(shell.Question{
			Title: lang.L("Back up “{{.Folder}}”?", words.Values{"Folder": name}), Harmless: true,
			Text: lang.L("You see what is backed up, and it is added there."),
			Yes:  lang.L("Add it"), No: lang.L("Cancel"),
		}, func() {
			if st.SetUp {
				f.Edit()
			} else {
				f.setUp()
			}
			f.Shown.addAll(paths)
		})
	}
}
