package core_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/filetest"
)

func TestScheduleFollowsTheHistory(t *testing.T) {
	c := newComputer(t)
	filetest.Write(t, filepath.Join(c.src, "a.txt"), []byte("a"))
	hourly := core.Schedule{Every: core.Hourly}
	c.must(func(a *core.App) error {
		if err := a.SetSchedule(hourly); !errors.Is(err, core.ErrNotSetUp) {
			t.Errorf("before set-up: %v", err)
		}
		return nil
	})
	c.setup(nil)
	c.must(func(a *core.App) error {
		if next := a.Status().NextBackup; !next.IsZero() {
			t.Errorf("nobody chose a schedule, and the next backup is %v", next)
		}
		for _, bad := range []core.Schedule{{Every: "century"}, {Every: core.Daily, At: 24 * 60}, {Every: core.Daily, At: -1},
			{Every: core.Weekly, On: 7}} {
			if err := a.SetSchedule(bad); !errors.Is(err, core.ErrInvalid) {
				t.Errorf("%+v: %v", bad, err)
			}
		}
		return a.SetSchedule(hourly)
	})
	near := func(what string, got time.Time, in time.Duration) {
		t.Helper()
		if off := time.Until(got) - in; off > time.Minute || off < -time.Minute {
			t.Errorf("%s: the next backup is in %v, not in %v", what, time.Until(got), in)
		}
	}
	c.must(func(a *core.App) error { // another process: it was kept
		near("just chosen", a.Status().NextBackup, time.Hour)
		if _, err := a.Backup(context.Background(), nil); err != nil {
			return err
		}
		near("after a backup", a.Status().NextBackup, time.Hour)
		if err := a.PauseSchedule(time.Now().Add(5 * time.Hour)); err != nil {
			return err
		}
		near("paused", a.Status().NextBackup, 5*time.Hour)
		if err := a.PauseSchedule(time.Time{}); err != nil {
			return err
		}
		near("not paused any more", a.Status().NextBackup, time.Hour)
		return nil
	})
	if err := os.Rename(c.dest, c.dest+" unplugged"); err != nil {
		t.Fatal(err)
	}
	c.must(func(a *core.App) error {
		for range 3 {
			if _, err := a.Backup(context.Background(), nil); err == nil {
				t.Error("it worked without its place")
			}
		}
		near("after failures", a.Status().NextBackup, time.Hour)
		return nil
	})
}
