package database

import (
	"bytes"
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

// A copy is of one moment if nothing changed, or if nothing changed but the end of a log and what was moved from it into the file.
func TestWhichCopiesStood(t *testing.T) {
	header := append([]byte{0x37, 0x7f, 0x06, 0x82}, make([]byte, 28)...)
	other := append([]byte{0x37, 0x7f, 0x06, 0x82, 9}, make([]byte, 27)...)
	file := append([]byte("SQLite format 3\x00\x10\x00"), make([]byte, 4096)...)
	journal := append([]byte("\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"), make([]byte, 504)...)
	for name, c := range map[string]struct {
		log    string // beside it at first
		begin  []byte
		change map[string][]byte
		want   bool
	}{
		"nothing":            {WAL, header, nil, true},
		"frames at the end":  {WAL, header, map[string][]byte{WAL: append(bytes.Clone(header), "a frame"...)}, true},
		"moved to the file":  {WAL, header, map[string][]byte{"": append(bytes.Clone(file), "a page"...)}, true},
		"a log begun anew":   {WAL, header, map[string][]byte{WAL: other}, false},
		"a log that is gone": {WAL, header, map[string][]byte{WAL: {}}, false},
		"a file alone":       {Journal, nil, map[string][]byte{"": append(bytes.Clone(file), "a page"...)}, false},
		"a journal":          {Journal, nil, map[string][]byte{Journal: journal}, false},
		"a first log":        {Journal, nil, map[string][]byte{WAL: header}, false},
	} {
		at := t.TempDir()
		write := func(suffix string, b []byte) {
			if err := os.WriteFile(filepath.Join(at, "db"+suffix), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("", file)
		write(c.log, c.begin)
		dir, _, _, err := source.Open(at)
		if err != nil {
			t.Fatal(err)
		}
		before, err := Look(dir, "db")
		if err != nil {
			t.Fatal(err)
		}
		for suffix, b := range c.change {
			write(suffix, b)
		}
		after, err := Look(dir, "db")
		if err := errors.Join(err, dir.Close()); err != nil {
			t.Fatal(err)
		}
		if got := before.stood(after); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
