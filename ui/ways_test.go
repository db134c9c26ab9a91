package ui

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
)

// What did not work is done again with one press, and the place is changed with another. Where nothing is backed up
// yet, nothing is said to be safe.
func TestTroubleHasButtons(t *testing.T) {
	d := sit(t, t.TempDir(), nil)
	place := filepath.Join(t.TempDir(), "Holdfast")
	d.setUp(treeOf(t, someFiles), place)
	d.press("Later")
	away(t, place)
	d.press("Back up now")
	d.Sees("The place of your backup cannot be reached.")
	if says(d, "the backups made so far are complete") {
		t.Error("backups are said to be complete, and there are none")
	}
	d.press("Choose another place")
	d.Sees("Change the place")
	d.press("Cancel")
	away(t, place+" away")
	d.press("Try again")
	d.Until("the backup", func() bool { return d.ui.w.Job == nil && d.core.Status().LastGood != nil })
	d.Sees("Backed up")

	// In Restore, too.
	away(t, place)
	d.nav("Restore")
	d.door("This backup")
	d.Sees("The place of your backup cannot be reached.")
	away(t, place+" away")
	d.press("Try again")
	d.Sees("From which day?")

	// What is elsewhere has nothing to do with this computer's backup.
	d.nav("Restore")
	d.door("A backup somewhere else")
	d.write(0, t.TempDir())
	d.press("Continue")
	d.Sees("nor in the folders in it")
	d.press("Choose another place")
	d.Sees("Where is the backup?")
	if says(d, "Thin out older dates") {
		t.Error("another backup is to be thinned out")
	}
	d.nav("Restore") // chosen again, it begins anew
	d.Sees("A backup somewhere else")
}

// full is core at a place without room.
type full struct{ *core.App }

func (f *full) Backup(context.Context, func(core.Progress)) (core.BackupReport, error) {
	return core.BackupReport{}, core.ErrNoSpace
}

func (f *full) Status() core.Status {
	st := f.App.Status()
	st.LastBackup = &core.Run{Kind: core.RunBackup, Outcome: core.OutcomeFailed, Code: "no-space", Error: "full", Wanted: 71_000_000}
	return st
}

func TestAFullPlaceTellsHowMuchIsMissing(t *testing.T) {
	d := sit(t, t.TempDir(), func(a *core.App) Core { return with(a, &full{a}) })
	d.ui.place.Free = func(context.Context, string) (int64, bool) { return 31_000_000, true }
	d.setUp(treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast"))
	d.press("Later")
	d.Sees("It takes 71 MB, and 31 MB are free there.")
	d.press("Thin out older dates")
	d.Sees("How long should they be kept?")
}
