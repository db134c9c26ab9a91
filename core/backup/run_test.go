package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/restore"
	"github.com/holdfast-backup/holdfast/core/source"
	"github.com/holdfast-backup/holdfast/core/store"
)

// bubble is synctest.Test. What repo pools in it, zstd's decoders, is of no use outside: two collections empty a pool.
func bubble(t *testing.T, fn func(*testing.T)) {
	t.Helper()
	defer func() { runtime.GC(); runtime.GC() }()
	synctest.Test(t, fn)
}

// bench is a source folder and a repository in memory.
type bench struct {
	t   testing.TB
	src string
	s   store.Store
	o   Options
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{t: t, src: filepath.Join(t.TempDir(), "src"), s: store.NewMemory()}
	if err := os.Mkdir(b.src, 0o755); err != nil {
		t.Fatal(err)
	}
	r, err := repo.Create(t.Context(), b.s, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.o = Options{Repository: r, Sources: []repo.Source{{Name: "src", Path: b.src}}, CachePath: filepath.Join(t.TempDir(), "changes"),
		PackBytes: 1 << 20}
	return b
}

func (b *bench) write(name string, content []byte) {
	b.t.Helper()
	path := filepath.Join(b.src, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) run() Result {
	b.t.Helper()
	b.o.Counters = &Counters{}
	res, err := Run(b.t.Context(), b.o)
	if err != nil {
		b.t.Fatal(err)
	}
	return res
}

// restored returns the files of a snapshot, by path.
func (b *bench) restored(s *repo.Snapshot) map[string][]byte {
	b.t.Helper()
	r, err := repo.Open(b.t.Context(), b.s, repo.Unencrypted())
	if err != nil {
		b.t.Fatal(err)
	}
	return filesBelow(b.t, filepath.Join(restoreInto(b.t, r, s), "src"))
}

// restoreInto restores a snapshot into a folder of its own.
func restoreInto(t testing.TB, r *repo.Repository, s *repo.Snapshot) string {
	t.Helper()
	if _, err := r.LoadIndex(t.Context()); err != nil {
		t.Fatal(err)
	}
	target := t.TempDir()
	res, err := restore.Run(t.Context(), restore.Options{Repository: r, Snapshot: s, Target: target})
	if err != nil || len(res.Problems) > 0 {
		t.Fatalf("%v %v", err, res.Problems)
	}
	return target
}

// filesBelow returns the regular files below a folder, by path.
func filesBelow(t testing.TB, top string) map[string][]byte {
	t.Helper()
	out := make(map[string][]byte)
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		rel, _ := filepath.Rel(top, path) // both are absolute
		out[rel] = content
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (b *bench) wantFiles(s *repo.Snapshot, want map[string][]byte) {
	b.t.Helper()
	got := b.restored(s)
	for name, content := range want {
		if !bytes.Equal(got[name], content) {
			b.t.Errorf("%s came back with %d bytes, want %d", name, len(got[name]), len(content))
		}
	}
	if len(got) != len(want) {
		b.t.Errorf("%d files came back, want %d", len(got), len(want))
	}
}

// TestChangesBetweenListingAndReading stops a run after it has looked at a
// folder and before it reads anything, and changes everything meanwhile.
func TestChangesBetweenListingAndReading(t *testing.T) {
	small, large := bytes.Repeat([]byte("small "), 100), bytes.Repeat([]byte("large "), 100_000)
	bubble(t, func(t *testing.T) {
		b := newBench(t)
		before := []string{"grows", "grows-much", "shrinks", "is-replaced", "becomes-a-folder", "becomes-a-link", "goes", "stays", "empties"}
		for _, name := range before {
			b.write(name, small)
		}
		for _, name := range []string{"large-goes", "large-shrinks", "large-grows", "large-stays.jpg"} {
			b.write(name, large)
		}
		b.write("folder-goes/inside", small)
		b.o.Gate = &Gate{}
		b.o.Gate.Pause()
		b.o.Counters = &Counters{}
		type done struct {
			res Result
			err error
		}
		end := make(chan done)
		go func() {
			res, err := Run(t.Context(), b.o)
			end <- done{res, err}
		}()
		synctest.Wait() // the folder is listed; the run waits at the gate
		if !b.o.Gate.Paused() || b.o.Counters.Files.Load() != 0 {
			t.Error("the run did not wait")
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		at := func(name string) string { return filepath.Join(b.src, name) }
		b.write("grows", append(bytes.Clone(small), "more"...))
		b.write("grows-much", large)
		b.write("shrinks", small[:5])
		b.write("empties", nil)
		must(os.Remove(at("is-replaced")))
		b.write("is-replaced", []byte("by another file"))
		for _, name := range []string{"becomes-a-folder", "becomes-a-link", "goes", "large-goes"} {
			must(os.Remove(at(name)))
		}
		must(os.Mkdir(at("becomes-a-folder"), 0o755))
		must(os.Symlink("/etc/passwd", at("becomes-a-link")))
		must(os.RemoveAll(at("folder-goes")))
		b.write("large-shrinks", large[:300_000])
		b.write("large-grows", append(bytes.Clone(large), large...))
		b.o.Gate.Resume()
		d := <-end
		must(d.err)
		for _, p := range d.res.Problems {
			t.Errorf("%s: %v", p.Path, p.Err)
		}
		b.wantFiles(d.res.Snapshot, map[string][]byte{
			"grows": append(bytes.Clone(small), "more"...), "grows-much": large, "shrinks": small[:5], "is-replaced": []byte("by another file"),
			"stays": small, "empties": nil, "large-shrinks": large[:300_000], "large-grows": append(bytes.Clone(large), large...),
			"large-stays.jpg": large,
		})
		// What was seen is what the cache holds: nothing is missed next time.
		b.o.Gate = nil
		again := b.run()
		b.wantFiles(again.Snapshot, b.restored(d.res.Snapshot))
	})
}

// TestFilesThatNeverHoldStill: a file that is written to all the time is
// backed up as it was read last, and reported.
func TestFilesThatNeverHoldStill(t *testing.T) {
	b := newBench(t)
	b.write("quiet", []byte("still"))
	names := []string{"small.log", "large.log"}
	b.write(names[0], bytes.Repeat([]byte("a"), 100))
	b.write(names[1], bytes.Repeat([]byte("a"), 4<<20))
	// Each file is written to at every look of the run at a file or a block, so whenever a try has opened one of them, it has
	// changed before the try ends. The writes come from within the run: a writer beside it may be off the processor.
	var mu sync.Mutex
	writing := true
	write := func() {
		mu.Lock()
		defer mu.Unlock()
		for _, name := range names {
			if !writing {
				return
			}
			f, err := os.OpenFile(filepath.Join(b.src, name), os.O_WRONLY|os.O_APPEND, 0)
			if err == nil {
				_, err = f.Write([]byte("a"))
				err = errors.Join(err, f.Close())
			}
			if err != nil {
				t.Error(err)
			}
		}
	}
	b.o.Gate = &Gate{between: write}
	afterOpening = func(string) { write() }
	t.Cleanup(func() { afterOpening = nil })
	res := b.run()
	reported := map[string]bool{}
	for _, p := range res.Problems {
		if !errors.Is(p.Err, errChanged) {
			t.Errorf("%s: %v", p.Path, p.Err)
		}
		reported[filepath.Base(p.Path)] = true
	}
	writing = false
	for _, name := range names {
		if !reported[name] {
			t.Errorf("%s was not reported", name)
		}
	}
	got := b.restored(res.Snapshot)
	for _, name := range names {
		if len(got[name]) < 100 || strings.Trim(string(got[name]), "a") != "" {
			t.Errorf("%s came back with %d bytes that were never in it", name, len(got[name]))
		}
	}
	if string(got["quiet"]) != "still" {
		t.Error("another file suffered")
	}
	final := b.run()
	want := map[string][]byte{"quiet": []byte("still")}
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(b.src, name))
		if err != nil {
			t.Fatal(err)
		}
		want[name] = content
	}
	b.wantFiles(final.Snapshot, want)
	if len(final.Problems) > 0 {
		t.Errorf("still reported when it held still: %v", final.Problems)
	}
}

func TestNoSourceMakesNoSnapshot(t *testing.T) {
	b := newBench(t)
	b.o.Sources = []repo.Source{{Name: "src", Path: filepath.Join(b.src, "nothing")}}
	if _, err := Run(t.Context(), b.o); !errors.Is(err, ErrNoSource) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if names, err := b.o.Repository.SnapshotNames(t.Context()); err != nil || len(names) > 0 {
		t.Errorf("%d snapshots, %v", len(names), err)
	}
	// One of two: the other is backed up, the missing one reported.
	b.write("a", []byte("a"))
	b.o.Sources = append(b.o.Sources, repo.Source{Name: "there", Path: b.src})
	res, err := Run(t.Context(), b.o)
	if err != nil || len(res.Problems) != 1 || len(res.Snapshot.Sources) != 1 || res.Snapshot.Unread != 1 {
		t.Errorf("%+v, %v", res, err)
	}
}

// TestCancelWhilePaused: a paused run ends at once, and leaves no snapshot.
func TestCancelWhilePaused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t)
		b.write("a", []byte("a"))
		b.o.Gate = &Gate{}
		b.o.Gate.Pause()
		ctx, cancel := context.WithCancel(t.Context())
		end := make(chan error)
		go func() {
			_, err := Run(ctx, b.o)
			end <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-end; !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		if names, err := b.o.Repository.SnapshotNames(t.Context()); err != nil || len(names) > 0 {
			t.Errorf("%d snapshots, %v", len(names), err)
		}
	})
}

func TestExclusions(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{"keep.txt", "a.tmp", "deep/b.tmp", "deep/keep.tmp", "Cache/x", "build/out", "src/build/out", "tagged/data",
		"docs/one/old", "docs/old", "top", "deep/top"} {
		b.write(name, []byte(name))
	}
	b.write("tagged/CACHEDIR.TAG", []byte(cacheTagLine))
	presets, err := source.PresetsByID([]string{"caches"})
	if err != nil {
		t.Fatal(err)
	}
	if b.o.Exclude, err = source.NewExclude([]string{"*.tmp", "!keep.tmp", "build/", "docs/**/old", "/top"}, presets...); err != nil {
		t.Fatal(err)
	}
	want := map[string][]byte{}
	for _, name := range []string{"keep.txt", "deep/keep.tmp", "deep/top"} {
		want[name] = []byte(name)
	}
	b.wantFiles(b.run().Snapshot, want)
	// The size that is shown beforehand is of the same files.
	files, size, err := source.Estimate(t.Context(), []string{b.src}, b.o.Exclude, nil)
	if wantSize := int64(len("keep.txt") + len("deep/keep.tmp") + len("deep/top")); err != nil || files != 3 || size != wantSize {
		t.Errorf("estimate: %d files, %d bytes, %v", files, size, err)
	}
}

const cacheTagLine = "Signature: 8a477f597d28d172789f06886806bc55\n"

// TestDeepAndWideFolders: trees of many blocks and many levels; a change costs
// its own chunk and the blocks on the way to it.
func TestDeepAndWideFolders(t *testing.T) {
	b := newBench(t)
	want := map[string][]byte{}
	deep := ""
	for i := range 60 {
		deep = filepath.Join(deep, fmt.Sprintf("d%d", i))
		name := filepath.Join(deep, "f")
		want[name] = []byte(name)
		b.write(name, want[name])
	}
	for i := range 3000 {
		name := fmt.Sprintf("wide/%04d", i)
		want[name] = bytes.Repeat([]byte{byte(i), byte(i >> 8)}, i%200)
		b.write(name, want[name])
	}
	first := b.run()
	b.wantFiles(first.Snapshot, want)
	if again := b.run(); again.Stats.NewChunks != 0 {
		t.Errorf("%d chunks were stored again", again.Stats.NewChunks)
	}
	// One file changes: one chunk and the trees above it are new.
	want["wide/1500"] = []byte("changed")
	b.write("wide/1500", want["wide/1500"])
	third := b.run()
	b.wantFiles(third.Snapshot, want)
	if third.Stats.NewChunks > 5 {
		t.Errorf("one changed file stored %d chunks", third.Stats.NewChunks)
	}
}
