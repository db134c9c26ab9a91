package database

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/core/database/databasetest"
	"github.com/holdfast-backup/holdfast/core/source"
)

var (
	takes = flag.Int("database.takes", 3, "how often each database is taken")
	size  = flag.Float64("database.megabytes", 2, "of each database")
)

// takeOne takes a database into a folder of its own, as a restore would bring it back, and returns its path.
func takeOne(t *testing.T, path string) (*Taken, string) {
	t.Helper()
	dir, _, _, err := source.Open(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close() //nolint:errcheck // only read from
	scratch := t.TempDir()
	taken, err := Take(context.Background(), dir, filepath.Base(path), scratch)
	if err != nil {
		t.Fatal(err)
	}
	back := filepath.Join(t.TempDir(), "back.db")
	for _, f := range taken.Files {
		b, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(back+f.Suffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(scratch); err != nil || len(left) > 0 {
		t.Fatalf("left in the scratch folder: %v, %v", left, err)
	}
	return taken, back
}

// What is taken while somebody writes without a pause is whole, is one file, and holds a state that was committed meanwhile.
func TestBusyDatabases(t *testing.T) {
	for _, mode := range []string{"wal", "checkpoint", "delete"} {
		for _, page := range []int{512, 4096, 65536} {
			t.Run(fmt.Sprint(mode, page), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "busy db?.sqlite")
				w := databasetest.Start(t, path, mode, page, *size)
				for range *takes {
					before := w.Made()
					taken, back := takeOne(t, path)
					after := w.Made()
					if !taken.Settled || len(taken.Files) != 1 {
						t.Fatalf("settled: %v, %d files", taken.Settled, len(taken.Files))
					}
					if n := databasetest.Commits(t, back); n < before || n > after {
						t.Fatalf("it holds %d commits; there were %d before and %d after", n, before, after)
					}
				}
				t.Logf("the slowest commit took %.0f ms", w.Stop()*1000)
			})
		}
	}
}

// A program that was killed leaves a log, or a journal of what it had begun. Both belong to the database.
func TestAfterACrash(t *testing.T) {
	for _, mode := range []string{"wal", "delete"} {
		path := filepath.Join(t.TempDir(), "db")
		w := databasetest.Start(t, path, mode, 4096, 2)
		made := w.Made()
		w.Kill()
		taken, back := takeOne(t, path)
		if !taken.Settled || len(taken.Files) != 1 {
			t.Fatalf("%s: settled: %v, %d files", mode, taken.Settled, len(taken.Files))
		}
		if n := databasetest.Commits(t, back); n < made {
			t.Errorf("%s: %d commits of %d", mode, n, made)
		}
	}
}

func TestWhatIsNoDatabase(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "notes"), []byte("my notes"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "notes-journal"), []byte("my journal"), 0o600); err != nil {
		t.Fatal(err)
	}
	d, _, _, err := source.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // only read from
	if _, err := Take(context.Background(), d, "notes", t.TempDir()); !errors.Is(err, ErrNone) {
		t.Errorf("%v", err)
	}
}
