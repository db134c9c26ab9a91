package backup

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/core/database/databasetest"
	"github.com/holdfast-backup/holdfast/core/repo"
)

var (
	databaseRuns      = flag.Int("databases.runs", 3, "backups of each database that is written to")
	databaseMegabytes = flag.Float64("databases.megabytes", 3, "of each of them")
)

// back restores a snapshot into a folder.
func (b *bench) back(s *repo.Snapshot) string {
	b.t.Helper()
	dir := b.t.TempDir()
	for name, content := range b.restored(s) {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, content, 0o600)); err != nil {
			b.t.Fatal(err)
		}
	}
	return dir
}

// A database that is written to without a pause comes back whole, in a state of the time of its backup, as one file. It is stored by
// pages: what did not change is not stored again.
func TestDatabasesThatAreWrittenTo(t *testing.T) {
	for _, kind := range []struct {
		mode string
		page int
	}{{"wal", 4096}, {"delete", 1024}, {"checkpoint", 65536}} {
		t.Run(kind.mode, func(t *testing.T) {
			b := newBench(t)
			b.o.Scratch = filepath.Join(t.TempDir(), "scratch")
			b.write("a chat", []byte("text"))
			b.write("z", []byte("text"))
			w := databasetest.Start(t, filepath.Join(b.src, "db"), kind.mode, kind.page, *databaseMegabytes)
			small := databasetest.Start(t, filepath.Join(b.src, "small"), kind.mode, 512, 0.02)
			for run := range *databaseRuns {
				before, smallBefore := w.Made(), small.Made()
				res := b.run()
				after, smallAfter := w.Made(), small.Made()
				if len(res.Problems) > 0 {
					t.Fatalf("run %d: %v", run, res.Problems)
				}
				dir := b.back(res.Snapshot)
				if n := databasetest.Commits(t, filepath.Join(dir, "db")); n < before || n > after {
					t.Fatalf("run %d: it holds %d commits; there were %d before and %d after", run, n, before, after)
				}
				if n := databasetest.Commits(t, filepath.Join(dir, "small")); n < smallBefore || n > smallAfter {
					t.Fatalf("run %d: the small one holds %d commits; there were %d before and %d after", run, n, smallBefore, smallAfter)
				}
				if res.Snapshot.Files != 4 {
					t.Fatalf("run %d: %d files", run, res.Snapshot.Files)
				}
				if left, err := filepath.Glob(filepath.Join(b.o.Scratch, "*")); err != nil || len(left) > 0 {
					t.Fatalf("run %d: left in the scratch folder: %v, %v", run, left, err)
				}
				t.Logf("run %d stored %d KiB for %d commits", run, res.Stats.Stored>>10, after-before)
			}
			t.Logf("the slowest commit took %.0f ms", w.Stop()*1000)
		})
	}
}

// What stands beside a database at rest is in it, and nothing is read again before something changes.
func TestDatabaseAtRestWithALog(t *testing.T) {
	b := newBench(t)
	path := filepath.Join(b.src, "db")
	w := databasetest.Start(t, path, "wal", 4096, 2)
	made := w.Made()
	w.Kill() // the log stays
	log, err := os.ReadFile(path + "-wal")
	if err != nil || len(log) == 0 {
		t.Fatalf("no log: %v", err)
	}
	first := b.run()
	if len(first.Problems) > 0 || first.Snapshot.Files != 1 {
		t.Fatalf("%v, %d files", first.Problems, first.Snapshot.Files)
	}
	if n := databasetest.Commits(t, filepath.Join(b.back(first.Snapshot), "db")); n < made {
		t.Errorf("%d commits of %d", n, made)
	}
	if now, err := os.ReadFile(path + "-wal"); err != nil || !bytes.Equal(now, log) {
		t.Errorf("the backup changed the log: %v", err)
	}
	b.settle()
	// The database's file stays as it is while its log grows.
	again := databasetest.Again(t, path)
	third := b.run()
	if n := databasetest.Commits(t, filepath.Join(b.back(third.Snapshot), "db")); n < again {
		t.Errorf("%d commits of %d", n, again)
	}
}

// A source may be a database alone.
func TestDatabaseAsTheSource(t *testing.T) {
	b := newBench(t)
	path := filepath.Join(b.src, "db")
	w := databasetest.Start(t, path, "wal", 4096, 1)
	b.o.Sources = []repo.Source{{Name: "mine", Path: path}}
	before := w.Made()
	res := b.run()
	if len(res.Problems) > 0 || res.Snapshot.Files != 1 {
		t.Fatalf("%v, %d files", res.Problems, res.Snapshot.Files)
	}
	r, err := repo.Open(t.Context(), b.s, repo.Unencrypted())
	if err != nil {
		t.Fatal(err)
	}
	target := restoreInto(t, r, res.Snapshot)
	if n := databasetest.Commits(t, filepath.Join(target, "mine")); n < before {
		t.Errorf("%d commits of %d", n, before)
	}
}

// Without room for a copy, a database is read where it lies with all its parts, and that is told.
func TestNoRoomForACopy(t *testing.T) {
	b := newBench(t)
	b.o.Scratch = filepath.Join(b.src, "a file", "scratch")
	b.write("a file", nil)
	path := filepath.Join(b.src, "db")
	w := databasetest.Start(t, path, "wal", 4096, 2)
	made := w.Made()
	w.Kill()
	res := b.run()
	if len(res.Problems) != 1 || !errors.Is(res.Problems[0].Err, ErrUnsettled) || res.Problems[0].Path != path {
		t.Fatal(res.Problems)
	}
	dir := b.back(res.Snapshot)
	if n := databasetest.Commits(t, filepath.Join(dir, "db")); n < made {
		t.Errorf("%d commits of %d", n, made)
	}
}

// settle backs up until nothing is read again. A run that comes too soon after the last change cannot tell that there was none
// since; the clock of the file system moves on meanwhile.
func (b *bench) settle() {
	b.t.Helper()
	for range 1000 {
		b.o.Counters = &Counters{}
		if _, err := Run(b.t.Context(), b.o); err != nil {
			b.t.Fatal(err)
		}
		if b.o.Counters.FilesChanged.Load() == 0 {
			return
		}
	}
	b.t.Fatal("files that rest are read again and again")
}

// sealed makes what looks like a database of SQLCipher's: nobody can read the file, and the log begins as all do.
func sealed(rng *rand.Rand, size int) (file, log []byte) {
	file, log = make([]byte, size), make([]byte, 100_000)
	scribble(rng, file)
	scribble(rng, log)
	binary.BigEndian.PutUint32(log, 0x377f0682)
	return file, log
}

// Parts that SQLite cannot put together are stored as they are, of one moment, or it is told.
func TestDatabasesThatSQLiteCannotRead(t *testing.T) {
	b := newBench(t)
	rng := rand.New(rand.NewPCG(12, 12))
	want := make(map[string][]byte)
	want["chats"], want["chats-wal"] = sealed(rng, 2_000_000)
	want["little"], want["little-wal"] = sealed(rng, 5000)
	// These only have such names.
	want["notes"], want["notes-journal"], want["notes-wal"] = []byte("my notes"), []byte("my journal"), []byte("whales")
	want["photo.jpg"] = bytes.Repeat([]byte("photo"), 50_000)
	want["photo.jpg-journal"] = []byte("of a photo")
	for name, content := range want {
		b.write(name, content)
	}
	b.write("chats-shm", []byte("its index, which is made anew"))
	delete(want, "chats-shm")
	first := b.run()
	if len(first.Problems) > 0 {
		t.Fatal(first.Problems)
	}
	b.wantFiles(first.Snapshot, want)
	b.settle()
	// Its log alone changes.
	want["chats-wal"] = append(bytes.Clone(want["chats-wal"]), "a frame"...)
	b.write("chats-wal", want["chats-wal"])
	third := b.run()
	if len(third.Problems) > 0 {
		t.Fatal(third.Problems)
	}
	b.wantFiles(third.Snapshot, want)
}
