package core_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/database/databasetest"
)

// A log that stands at the target belongs to the database that was there. SQLite would put its pages into the one that is restored.
func TestTheLogOfAnotherDatabase(t *testing.T) {
	for _, gone := range []bool{false, true} { // the other database itself
		c := newComputer(t)
		check(t, os.MkdirAll(c.src, 0o755))
		path := filepath.Join(c.src, "chat.db")
		w := databasetest.Start(t, path, "wal", 4096, 1)
		w.Stop()
		made := databasetest.Commits(t, path)
		c.setup(nil)
		c.backup()

		target := t.TempDir()
		there := filepath.Join(target, "src", "chat.db")
		check(t, os.Mkdir(filepath.Dir(there), 0o755))
		databasetest.Start(t, there, "wal", 4096, 0.5).Kill()
		if gone {
			check(t, os.Remove(there))
		}
		log, err := os.ReadFile(there + "-wal")
		if err != nil || len(log) == 0 {
			t.Fatalf("there is no log: %v", err)
		}
		report, err := c.restoreTo(t.Context(), target, core.ConflictOverwrite)
		check(t, err)
		if n := databasetest.Commits(t, there); n != made {
			t.Errorf("%d commits, not %d", n, made)
		}
		if kept, err := os.ReadFile(filepath.Join(target, "src", "chat (before the restore).db-wal")); err != nil || string(kept) != string(log) {
			t.Errorf("the log is lost: %v", err)
		}
		if len(report.Problems) != 1 || !strings.Contains(report.Problems[0].Reason, "log of the database") {
			t.Errorf("it was not told: %v", report.Problems)
		}
	}
}
