package core_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/filetest"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/repo"
)

// What was made while a clock was years ahead is the latest for nobody: not for a restore, also without Holdfast, a
// drill, a backup that names the one before, a list, a deletion, or who looks before a change of the key.
func TestNothingOfTheFutureIsTheLatest(t *testing.T) {
	ctx := context.Background()
	key := newKey(t)
	c := newComputer(t)
	filetest.Write(t, filepath.Join(c.src, "f"), []byte("before"))
	c.setup(key)
	first := c.backup().Snapshot
	filetest.Write(t, filepath.Join(c.src, "f"), []byte("now, and longer"))
	second := c.backup().Snapshot

	s, err := places.OpenFolder(ctx, c.dest, false)
	check(t, err)
	r, err := repo.Open(ctx, s, repo.By(key))
	check(t, err)
	old, err := r.FindSnapshot(ctx, first)
	check(t, err)
	r.SetAhead(20 * 365 * 24 * time.Hour)
	w, err := r.NewWriter(ctx, 0)
	check(t, err)
	defer w.Close()
	old.Writer, old.Sequence, old.Previous = repo.Profile{1}, 1, nil // another computer's
	ahead, err := w.WriteSnapshot(*old)
	check(t, err)

	out, report := restoreElsewhere(t, c.dest, key, "latest")
	if b, err := os.ReadFile(filepath.Join(out, "src/f")); err != nil || string(b) != "now, and longer" || report.Snapshot != second {
		t.Errorf("a restore: %q of %.8s, %v", b, report.Snapshot, err)
	}
	script, err := filepath.Abs("../docs/rescue/restore.py")
	check(t, err)
	cmd := exec.Command("/usr/bin/python3", script, c.dest, filepath.Join(t.TempDir(), "out"))
	cmd.Stdin = bytes.NewReader(key.Text())
	if b, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(b), second) {
		t.Errorf("restore.py: %s, %v", b, err)
	}
	reader := func() (all []core.Snapshot) {
		c.must(func(a *core.App) error {
			r, err := a.Reader(ctx)
			if err != nil {
				return err
			}
			all, err = r.Snapshots(ctx)
			return errors.Join(err, r.Close())
		})
		return all
	}
	all := reader()
	if len(all) != 3 || all[0].ID != ahead.ID() || core.Latest(all, time.Now()) != 1 || all[1].ID != second {
		t.Errorf("a list: %+v", all)
	}
	c.must(func(a *core.App) error {
		d, err := a.Upkeep().Drill(ctx, core.DrillRequest{}, nil)
		if d.Snapshot != second {
			t.Errorf("a drill tries %.8s", d.Snapshot)
		}
		kept, keptErr := a.Encryption().BeforeKeyChange(ctx)
		for _, k := range kept {
			if k.Own && k.Newest.After(time.Now()) {
				t.Errorf("before a change of the key: %+v", kept)
			}
		}
		return errors.Join(err, keptErr)
	})
	third := c.backup().Snapshot
	made, err := r.FindSnapshot(ctx, third)
	check(t, err)
	if made.Previous == nil || made.Previous.String() != second {
		t.Errorf("the next backup names %v as the one before", made.Previous)
	}
	preview := c.prune(core.PruneRequest{Retention: &core.Retention{Last: 1}, DryRun: true})
	if preview.Kept != 2 || preview.Removed != 2 {
		t.Errorf("a prune keeps %+v", preview)
	}
	c.must(func(a *core.App) error { return a.Upkeep().Delete(ctx, []string{"latest"}) })
	if all := reader(); len(all) != 3 || all[0].ID != ahead.ID() || all[1].ID != second {
		t.Errorf("after the latest was deleted: %+v", all)
	}
}

func TestLatestOfAList(t *testing.T) {
	now := time.Now()
	at := func(days ...int) (out []core.Snapshot) {
		for _, d := range days {
			out = append(out, core.Snapshot{Time: now.Add(time.Duration(d) * 24 * time.Hour)})
		}
		return out
	}
	for want, list := range map[int][]core.Snapshot{-1: nil, 0: at(900, 30), 1: at(900, 0, -1), 2: at(9000, 900, -7)} {
		if got := core.Latest(list, now); got != want {
			t.Errorf("%d of %v", got, list)
		}
	}
}
