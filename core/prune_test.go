package core_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/filetest"
)

func (c *computer) prune(req core.PruneRequest) (report core.PruneReport) {
	c.t.Helper()
	c.must(func(a *core.App) (err error) {
		report, err = a.Upkeep().Prune(context.Background(), req, nil)
		return err
	})
	return report
}

// What a computer's cache remembers of a backup that was pruned is stored again.
func TestBackupAfterItsOwnBackupsWereDeleted(t *testing.T) {
	c := newComputer(t)
	key := newKey(t)
	filetest.Write(t, filepath.Join(c.src, "large"), filetest.Noise(1, 3<<20))
	c.setup(key)
	first := c.backup()
	c.must(func(a *core.App) error { return a.Upkeep().Delete(context.Background(), []string{first.Snapshot[:16]}) })
	report := c.prune(core.PruneRequest{Grace: 0})
	if report.BytesFreed < 3<<20 {
		t.Errorf("freed %d bytes", report.BytesFreed)
	}
	second := c.backup()
	if second.BytesNew < 3<<20 || second.OlderState {
		t.Errorf("%+v", second)
	}
	out, _ := restoreElsewhere(t, c.dest, key, second.Snapshot)
	filetest.Equal(t, c.src, filepath.Join(out, filepath.Base(c.src)))
	if v := c.verify(); len(v.Damage) > 0 {
		t.Error(v.Damage)
	}
}

func TestRetentionIsKept(t *testing.T) {
	c := newComputer(t)
	filetest.Write(t, filepath.Join(c.src, "a"), []byte("a"))
	c.setup(nil)
	want := core.Retention{Last: 1}
	c.must(func(a *core.App) error {
		if a.Upkeep().Retention() != core.DefaultRetention() {
			t.Errorf("%+v", a.Upkeep().Retention())
		}
		if err := a.Upkeep().SetRetention(core.Retention{}); !errors.Is(err, core.ErrInvalid) {
			t.Errorf("nothing to keep: %v", err)
		}
		return a.Upkeep().SetRetention(want)
	})
	for range 3 {
		c.backup()
	}
	preview := c.prune(core.PruneRequest{DryRun: true, Grace: -1})
	if preview.Kept != 1 || preview.Removed != 2 || !preview.DryRun {
		t.Errorf("%+v", preview)
	}
	report := c.prune(core.PruneRequest{Grace: -1})
	if report.Kept != 1 || report.Removed != 2 || len(report.Snapshots) != 3 || len(report.Snapshots[0].Keep) == 0 ||
		len(report.Snapshots[2].Keep) > 0 {
		t.Errorf("%+v", report)
	}
	c.must(func(a *core.App) error {
		if a.Upkeep().Retention() != want || a.Status().LastPrune == nil || a.Status().LastPrune.Files != 2 {
			t.Errorf("%+v, %+v", a.Upkeep().Retention(), a.Status().LastPrune)
		}
		return nil
	})
}

// Each drill, and each verify of a share, goes on where the one before ended.
func TestDrillAndVerifyMoveOnUntilAllWasCovered(t *testing.T) {
	c := newComputer(t)
	const files, size = 12, 12 << 20
	for i := range files {
		filetest.Write(t, filepath.Join(c.src, fmt.Sprintf("folder %d", i%3), fmt.Sprintf("f%d", i)), filetest.Noise(uint64(i), size))
	}
	c.setup(newKey(t))
	c.backup()
	var total int64
	for i := range 3 { // 64 MiB each, of 144
		c.must(func(a *core.App) error {
			r, err := a.Upkeep().Drill(context.Background(), core.DrillRequest{}, nil)
			if err == nil && (r.Errors > 0 || r.Files == 0 || r.Bytes > 76<<20) {
				t.Errorf("drill %d: %+v", i, r)
			}
			total += r.Files
			return err
		})
	}
	if total < files {
		t.Errorf("three drills tried %d of %d files", total, files)
	}
	c.must(func(a *core.App) error {
		if st := a.Status(); st.Proven == nil || st.LastDrill == nil {
			t.Error("the proof is not remembered")
		}
		return nil
	})
	// One object is broken: a few drills, and a few verifies, must find it.
	var largest string
	var damaged []byte
	eachObject(t, c.dest, func(path string, content []byte) {
		if len(content) > len(damaged) {
			largest, damaged = path, content
		}
	})
	damaged[len(damaged)/2] ^= 1
	if err := os.WriteFile(filepath.Join(c.dest, largest), damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	drills, verifies := 0, 0
	for range 4 {
		c.must(func(a *core.App) error {
			r, err := a.Upkeep().Drill(context.Background(), core.DrillRequest{}, nil)
			drills += r.Errors
			return err
		})
	}
	for range 5 {
		c.must(func(a *core.App) error {
			r, err := a.Upkeep().Verify(context.Background(), core.VerifyRequest{DataPercent: 30}, nil)
			verifies += len(r.Damage)
			return err
		})
	}
	if drills == 0 || verifies == 0 {
		t.Errorf("found by %d drills and %d verifies", drills, verifies)
	}
}

// What broken writes have left at the place goes with a prune, once no write can still be under way.
func TestLeftoversOfBrokenWritesGo(t *testing.T) {
	c := newComputer(t)
	filetest.Write(t, filepath.Join(c.src, "a"), []byte("a"))
	c.setup(nil)
	c.backup()
	old := filepath.Join(c.dest, "snapshots", "~"+strings.Repeat("a", 26)+".tmp")
	fresh := filepath.Join(c.dest, "~"+strings.Repeat("b", 26)+".tmp")
	filetest.Write(t, old, []byte("half"))
	filetest.Write(t, fresh, []byte("half"))
	before := time.Now().Add(-72 * time.Hour)
	if err := os.Chtimes(old, before, before); err != nil {
		t.Fatal(err)
	}
	c.prune(core.PruneRequest{DryRun: true})
	if _, err := os.Stat(old); err != nil {
		t.Errorf("a preview removes: %v", err)
	}
	c.prune(core.PruneRequest{})
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an old leftover: %v", err)
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Errorf("a fresh one: %v", err)
	}
}
