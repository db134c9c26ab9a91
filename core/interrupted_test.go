package core_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/filetest"
)

// A run that was killed is in the history, once, and the backups from before it still count.
func TestARunThatWasKilledIsTold(t *testing.T) {
	c := newComputer(t)
	filetest.Small(t, c.src, 1)
	c.setup(nil)
	first := c.backup().Snapshot
	cmd, pipe := startChildWith(t, c.params.Profile, "", io.Discard)
	if _, err := pipe.ReadByte(); err != nil { // it is at work
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	for range 2 {
		var st core.Status
		runs := 0
		c.must(func(a *core.App) error {
			st = a.Status()
			for _, r := range a.Activity() {
				if r.Outcome == core.OutcomeInterrupted {
					runs++
				}
			}
			return nil
		})
		if st.LastBackup == nil || st.LastBackup.Outcome != core.OutcomeInterrupted || runs != 1 {
			t.Errorf("the last backup: %+v, interrupted: %d", st.LastBackup, runs)
		}
		if st.LastGood == nil || st.LastGood.Snapshot != first {
			t.Errorf("the last good backup: %+v", st.LastGood)
		}
	}
	c.backup()
	c.must(func(a *core.App) error {
		if st := a.Status(); st.LastBackup.Outcome != core.OutcomeDone {
			t.Errorf("the last backup: %+v", st.LastBackup)
		}
		return nil
	})
}

// A backup at a fresh place proves nothing of the one before, and what was made there is not here.
func TestAFreshPlaceHasNothingYet(t *testing.T) {
	c := newComputer(t)
	filetest.Small(t, c.src, 1)
	c.setup(nil)
	c.backup()
	c.must(func(a *core.App) error { _, err := a.Upkeep().Drill(t.Context(), core.DrillRequest{}, nil); return err })
	c.must(func(a *core.App) error {
		if st := a.Status(); st.LastGood == nil || st.Proven == nil {
			t.Fatalf("before: %+v", st)
		}
		return a.SetDestination(t.Context(), t.TempDir()+"/fresh", true)
	})
	c.must(func(a *core.App) error {
		if st := a.Status(); st.LastGood != nil || st.Proven != nil {
			t.Errorf("after: %+v %+v", st.LastGood, st.Proven)
		}
		return nil
	})
}

// A first backup knows from its first report how much there is: it was counted when the folders were chosen.
func TestAFirstBackupKnowsHowMuchThereIs(t *testing.T) {
	c := newComputer(t)
	filetest.Small(t, c.src, 1)
	c.setup(nil)
	c.must(func(a *core.App) error {
		st := a.Status()
		files, bytes, err := a.Estimate(t.Context(), st.Sources, st.Excludes, nil)
		if err != nil {
			return err
		}
		_, err = a.Backup(t.Context(), func(p core.Progress) {
			if p.FilesTotal < files || p.BytesTotal < bytes {
				t.Errorf("a report says %d files and %d bytes in all; there are %d and %d", p.FilesTotal, p.BytesTotal, files, bytes)
			}
		})
		return err
	})
}

// Progress tells what the place did not have yet from what was only looked at.
func TestProgressTellsWhatIsNew(t *testing.T) {
	c := newComputer(t)
	filetest.Small(t, c.src, 1)
	c.setup(nil)
	c.backup()
	if err := os.WriteFile(filepath.Join(c.src, "one more"), []byte("which was not there before"), 0o644); err != nil {
		t.Fatal(err)
	}
	var last core.Progress
	c.must(func(a *core.App) error {
		report, err := a.Backup(t.Context(), func(p core.Progress) { last = p })
		if last.BytesNew != report.BytesNew || last.BytesNew == 0 || last.BytesDone <= last.BytesNew {
			t.Errorf("%d bytes were new, of %d; the last report says %d", report.BytesNew, last.BytesDone, last.BytesNew)
		}
		return err
	})
}

// Trouble of a place that was left is not told of the one that is used now.
func TestTroubleOfAPlaceThatWasLeft(t *testing.T) {
	c := newComputer(t)
	filetest.Small(t, c.src, 1)
	c.setup(nil)
	if err := os.Rename(c.dest, c.dest+" unplugged"); err != nil {
		t.Fatal(err)
	}
	if err := c.do(func(a *core.App) error { _, err := a.Backup(t.Context(), nil); return err }); err == nil {
		t.Fatal("it worked without its place")
	}
	c.must(func(a *core.App) error {
		if err := a.SetDestination(t.Context(), t.TempDir()+"/fresh", true); err != nil {
			return err
		}
		if st := a.Status(); st.LastBackup != nil {
			t.Errorf("%+v", st.LastBackup)
		}
		return nil
	})
}
