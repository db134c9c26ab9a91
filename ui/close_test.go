package ui

import (
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
)

// The window can be closed in any state: it ends, with all its work, and the
// profile opens again as it was.
func TestClosingInAnyState(t *testing.T) {
	wizard := func(d *desk) { d.door("Set up a backup") }
	ready := func(d *desk) {
		d.setUpEncrypted(treeOf(d.t, someFiles), filepath.Join(d.t.TempDir(), "Holdfast"))
		d.backUp()
	}
	for name, state := range map[string]struct {
		bring func(*desk)
		setUp bool
	}{
		"welcome":       {bring: func(*desk) {}},
		"choosing what": {bring: func(d *desk) { wizard(d); d.write(0, treeOf(d.t, someFiles)); d.press("Add") }},
		"the key is shown": {bring: func(d *desk) {
			d.choosePlaces(treeOf(d.t, someFiles), filepath.Join(d.t.TempDir(), "H"))
			d.Sees("Who may")
			d.press("Continue")
			d.Sees("This is your key")
		}},
		"restoring elsewhere": {bring: func(d *desk) { d.door("Restore a backup"); d.write(0, d.t.TempDir()); d.press("Continue") }},
		"backed up":           {bring: ready, setUp: true},
		"the key again": {bring: func(d *desk) {
			ready(d)
			d.row("Show the key").Tapped(nil)
			d.Sees("This is your key")
			d.press("Copy")
		}, setUp: true},
		"choosing files": {bring: func(d *desk) {
			ready(d)
			d.nav("Restore")
			d.door("This backup")
			d.Sees("From which day?")
			d.row(d.firstDate()).Tapped(nil)
		}, setUp: true},
		"a backup begins": {bring: func(d *desk) { ready(d); d.press("Back up now") }, setUp: true},
		"a check begins":  {bring: func(d *desk) { ready(d); d.row("Check the backup").Tapped(nil) }, setUp: true},
		"changing the place": {bring: func(d *desk) {
			ready(d)
			d.row("Where").Tapped(nil)
			d.write(0, d.t.TempDir())
			d.press("Use this place")
		}, setUp: true},
		"a question is open": {bring: func(d *desk) { ready(d); d.close(); d.Sees("Keep backing up?") }, setUp: true},
		"turning it off":     {bring: func(d *desk) { ready(d); d.toggle().Tapped(nil); d.press("Turn encryption off") }, setUp: true},
	} {
		t.Run(name, func(t *testing.T) {
			profile := t.TempDir()
			d := sit(t, profile, nil)
			state.bring(d)
			d.quit()
			if d.ui.w.Job != nil {
				d.press("Stop and close")
			}
			d.Until("the end", func() bool { return d.closed })
			if d.panel.Clipboard().Content() != "" {
				t.Error("the key is left in the clipboard")
			}
			d.leave()
			again := sit(t, profile, nil)
			st := again.core.Status()
			if st.SetUp != state.setUp || st.Running != "" {
				t.Fatalf("the profile came back as %+v", st)
			}
			if !state.setUp {
				again.Sees("Welcome to Holdfast")
				return
			}
			if st.Change != core.ChangeNone {
				again.press("Go on")
				again.Sees("Your backup is not encrypted any more")
				again.press("Done")
			}
			again.backUp()
		})
	}
}
