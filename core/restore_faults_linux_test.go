package core_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/filetest"
	"github.com/holdfast-backup/holdfast/core/restore/restoretest"
)

func backedUp(t *testing.T, fill func(src string)) *computer {
	t.Helper()
	c := newComputer(t)
	check(t, os.MkdirAll(c.src, 0o755))
	fill(c.src)
	c.setup(nil)
	c.backup()
	return c
}

// Names that a target takes for one get names of their own, whatever the choice about existing files; and each that is counted is there
// with its own content. The target folds case, and Unicode forms.
func TestNamesThatATargetTakesForOne(t *testing.T) {
	ctx := context.Background()
	want := map[string]string{
		"readme": "lower", "README": "upper", "Readme": "title", "Docs/a": "1", "docs/a": "2", "docs/b": "3", "DOCS/A": "4",
		"caf\u00e9": "composed", "cafe\u0301": "decomposed", "Big": strings.Repeat("x", 400_000), "bIG": strings.Repeat("y", 500_000),
	}
	c := backedUp(t, func(src string) {
		for name, text := range want {
			filetest.Write(t, filepath.Join(src, name), []byte(text))
		}
	})
	mount := restoretest.Mount(t, restoretest.Options{FoldCase: true, FoldForms: true})
	for _, conflict := range []core.Conflict{core.ConflictKeep, core.ConflictOverwrite, core.ConflictRename} {
		for _, again := range []bool{false, true} {
			target := filepath.Join(mount, string(conflict))
			report, err := c.restoreTo(ctx, target, conflict)
			if err != nil || report.Errors > 0 {
				t.Fatalf("%s: %v %+v", conflict, err, report.Problems)
			}
			var got []string
			for _, b := range filesOf(t, target) {
				got = append(got, string(b))
			}
			for name, text := range want {
				if !slices.Contains(got, text) {
					t.Errorf("%s, again %v: the content of %q is nowhere", conflict, again, name)
				}
			}
			if report.Files+report.Kept != int64(len(want)) || !again && (report.Files != int64(len(want)) || len(got) != len(want)) {
				t.Errorf("%s, again %v: %d files in all, %+v", conflict, again, len(got), report)
			}
		}
	}
}

// A target without links, owners and modes gets every name with its content, and is told of what is missing as that.
func TestATargetThatLacksThings(t *testing.T) {
	ctx := context.Background()
	c := backedUp(t, func(src string) {
		filetest.Write(t, filepath.Join(src, "a/one"), []byte("data"))
		check(t, os.MkdirAll(filepath.Join(src, "b"), 0o755))
		check(t, os.Link(filepath.Join(src, "a/one"), filepath.Join(src, "b/two")))
		check(t, os.Link(filepath.Join(src, "a/one"), filepath.Join(src, "b/three")))
	})
	target := filepath.Join(restoretest.Mount(t, restoretest.Options{NoLinks: true, NoModes: true}), "r")
	report, err := c.restoreTo(ctx, target, core.ConflictKeep)
	check(t, err)
	for _, name := range []string{"a/one", "b/two", "b/three"} {
		if b, err := os.ReadFile(filepath.Join(target, "src", name)); err != nil || string(b) != "data" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	if report.Files != 3 {
		t.Errorf("%+v", report)
	}
	for _, p := range report.Problems {
		if !strings.Contains(p.Reason, "owner not restored") && !strings.Contains(p.Reason, "mode not restored") {
			t.Errorf("%s is told as %q", p.Path, p.Reason)
		}
	}
	if len(report.Problems) == 0 {
		t.Error("nothing is told")
	}
}

// Where the first name of a file cannot be restored, the next one is, with its content.
func TestTheFirstNameOfAFileIsBlocked(t *testing.T) {
	ctx := context.Background()
	c := backedUp(t, func(src string) {
		filetest.Write(t, filepath.Join(src, "a"), []byte("data"))
		for _, name := range []string{"b", "c"} {
			check(t, os.Link(filepath.Join(src, "a"), filepath.Join(src, name)))
		}
	})
	target := t.TempDir()
	check(t, os.MkdirAll(filepath.Join(target, "src/a/in the way"), 0o755))
	report, err := c.restoreTo(ctx, target, core.ConflictOverwrite)
	if err != nil || report.Errors != 1 {
		t.Errorf("%v, %+v", err, report)
	}
	var ids [2]unix.Stat_t
	for i, name := range []string{"b", "c"} {
		path := filepath.Join(target, "src", name)
		if b, err := os.ReadFile(path); err != nil || string(b) != "data" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		check(t, unix.Stat(path, &ids[i]))
	}
	if ids[0].Ino != ids[1].Ino {
		t.Error("the other names are not one file")
	}
}

var (
	manyFolders = flag.Int("restore.folders", 3000, "folders of hard-linked names")
	manyNames   = flag.Int("restore.names", 10, "names in each of them")
	fewHandles  = flag.Int("restore.handles", 64, "files that the restore may have open")
)

// As many names of files in as many folders as there are come back with the few handles that a machine allows: bytes and links. The test
// runs itself with such a limit.
//
//	go test ./core -run FewHandles -restore.names 100 -restore.handles 256 -v        300,000 names
func TestFewHandlesAreEnough(t *testing.T) {
	if dir := os.Getenv("HOLDFAST_TEST_RESTORE"); dir != "" {
		c := &computer{t: t, dest: filepath.Join(dir, "dest")}
		report, err := c.restoreTo(context.Background(), filepath.Join(dir, "out"), core.ConflictKeep)
		if err != nil || report.Errors > 0 {
			t.Fatal(err, report.Problems)
		}
		return
	}
	folders, names := *manyFolders, *manyNames
	if raceEnabled || testing.Short() {
		folders = min(folders, 400)
	}
	const group = 100 // names of one file, in as many folders: file systems do not take any number
	c := backedUp(t, func(src string) {
		for i := range folders {
			dir := filepath.Join(src, fmt.Sprint("folder ", i))
			check(t, os.Mkdir(dir, 0o755))
			filetest.Write(t, filepath.Join(dir, "own"), fmt.Append(nil, i))
			for k := range names {
				first, name := filepath.Join(src, fmt.Sprint("folder ", i-i%group), fmt.Sprint(k)), filepath.Join(dir, fmt.Sprint(k))
				if i%group == 0 {
					filetest.Write(t, name, fmt.Append(nil, "name ", k, " since folder ", i))
				} else {
					check(t, os.Link(first, name))
				}
			}
		}
		deep := filepath.Join(src, strings.Repeat("d/", 300))
		filetest.Write(t, filepath.Join(deep, "bottom"), []byte("here"))
	})
	dir := filepath.Dir(c.dest)
	began := time.Now()
	cmd := exec.Command("bash", "-c", fmt.Sprintf(`ulimit -n %d && exec "$0" -test.timeout 0 -test.run '^TestFewHandlesAreEnough$'`,
		*fewHandles), os.Args[0])
	cmd.Env = append(os.Environ(), "HOLDFAST_TEST_RESTORE="+dir)
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	t.Logf("%d names in %d folders with %d handles: %v", folders*names, folders, *fewHandles, time.Since(began).Round(time.Millisecond))
	filetest.Equal(t, c.src, filepath.Join(dir, "out", "src"))
}

// What is restored has exactly the recorded rights, whatever the target hands down: an access control list, a group, a mask.
func TestExactlyTheRecordedRights(t *testing.T) {
	ctx := context.Background()
	c := backedUp(t, func(src string) {
		filetest.Write(t, filepath.Join(src, "dir/file"), []byte("private"))
		check(t, os.Chmod(filepath.Join(src, "dir/file"), 0o640))
		check(t, os.Chmod(filepath.Join(src, "dir"), 0o750))
	})
	target := t.TempDir()
	if b, err := exec.Command("setfacl", "-d", "-m", "u:12345:rwx,g::rwx,o::rwx", target).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s (scripts/install test installs it)", err, b)
	}
	check(t, os.Chown(target, -1, 54321))
	check(t, os.Chmod(target, 0o2777|os.ModeSetgid))
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	if _, err := c.restoreTo(ctx, target, core.ConflictKeep); err != nil {
		t.Fatal(err)
	}
	filetest.Equal(t, c.src, filepath.Join(target, "src"))
	for _, name := range []string{"src", "src/dir", "src/dir/file"} {
		b, err := exec.Command("getfacl", "-p", "-n", "-c", filepath.Join(target, name)).Output()
		check(t, err)
		if bytes.Contains(b, []byte("12345")) || bytes.Contains(b, []byte("default:")) {
			t.Errorf("%s has\n%s", name, b)
		}
	}
}

// Nothing unfinished is left when a restore is stopped, or when the disk is full.
func TestNothingUnfinishedIsLeft(t *testing.T) {
	c := backedUp(t, func(src string) {
		filetest.Write(t, filepath.Join(src, "large"), filetest.Noise(1, 30<<20))
		for i := range 50 {
			filetest.Write(t, filepath.Join(src, fmt.Sprint(i)), filetest.Noise(uint64(i), 300_000))
		}
	})
	left := func(target string) (names []string) {
		for name := range filesOf(t, target) {
			if strings.HasSuffix(name, ".part") {
				names = append(names, name)
			}
		}
		return names
	}
	for at := range 12 {
		ctx, cancel := context.WithCancel(context.Background())
		target := filepath.Join(t.TempDir(), "out")
		r, err := elsewhere.OpenReader(ctx, c.dest, nil)
		check(t, err)
		_, err = r.Restore(ctx, core.RestoreRequest{Snapshot: "latest", Target: target}, func(p core.Progress) {
			if p.BytesDone > int64(at)*4<<20 {
				cancel()
			}
		})
		cancel()
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		check(t, r.Close())
		if names := left(target); len(names) > 0 {
			t.Errorf("stopped after %d MiB: %v", 4*at, names)
		}
	}
	full := t.TempDir()
	check(t, unix.Mount("none", full, "tmpfs", 0, "size=20M"))
	defer unix.Unmount(full, 0) //nolint:errcheck // the test's end
	if _, err := c.restoreTo(context.Background(), filepath.Join(full, "out"), core.ConflictKeep); !errors.Is(err, core.ErrTargetFull) {
		t.Error(err)
	}
	if names := left(full); len(names) > 0 {
		t.Errorf("full: %v", names)
	}
	// A place that tells it at a write, as a network drive does.
	var room atomic.Int64
	room.Store(20 << 20)
	full = restoretest.Mount(t, restoretest.Options{Fault: func(op, _ string, _ int64) syscall.Errno {
		if op == "Write" && room.Add(-128<<10) < 0 {
			return syscall.ENOSPC
		}
		return 0
	}})
	if _, err := c.restoreTo(context.Background(), filepath.Join(full, "out"), core.ConflictKeep); !errors.Is(err, core.ErrTargetFull) {
		t.Error(err)
	}
	if names := left(full); len(names) > 0 {
		t.Errorf("full by a write: %v", names)
	}
}

// A free name is always found, and says what it is.
func TestAFreeNameIsAlwaysFound(t *testing.T) {
	ctx := context.Background()
	names := []string{"a." + strings.Repeat("x", 253), strings.Repeat("y", 255), ".hidden", "über" + strings.Repeat("ß", 120) + ".txt",
		"no extension", "folder/in it"}
	c := backedUp(t, func(src string) {
		for _, name := range names {
			filetest.Write(t, filepath.Join(src, name), []byte(name))
		}
	})
	target := t.TempDir()
	for _, name := range names {
		if name == "folder/in it" {
			name = "folder" // a file is in the way
		}
		filetest.Write(t, filepath.Join(target, "src", name), []byte("mine"))
	}
	for range 3 {
		report, err := c.restoreTo(ctx, target, core.ConflictRename)
		if err != nil || report.Errors > 0 {
			t.Fatalf("%v %+v", err, report.Problems)
		}
	}
	found := make(map[string]int)
	for _, b := range filesOf(t, target) {
		found[string(b)]++
	}
	for _, name := range names {
		if found[name] != 3 {
			t.Errorf("%q is there %d times", name, found[name])
		}
	}
	if found["mine"] != len(names) {
		t.Errorf("%d of %d files that were there", found["mine"], len(names))
	}
}

// What exists and is kept is compared: a restore that did nothing says so, and how many of them differ.
func TestKeptFilesThatDifferAreCounted(t *testing.T) {
	ctx := context.Background()
	c := backedUp(t, func(src string) {
		for i := range 5 {
			filetest.Write(t, filepath.Join(src, fmt.Sprint(i)), fmt.Append(nil, "text ", i))
		}
		check(t, os.Symlink("0", filepath.Join(src, "link")))
	})
	target := t.TempDir()
	_, err := c.restoreTo(ctx, target, core.ConflictKeep)
	check(t, err)
	filetest.Write(t, filepath.Join(target, "src/1"), []byte("TEXT 1")) // same size, later
	filetest.Write(t, filepath.Join(target, "src/2"), []byte("longer than it was"))
	later := time.Now().Add(time.Hour)
	check(t, os.Chtimes(filepath.Join(target, "src/3"), later, later)) // only its time
	report, err := c.restoreTo(ctx, target, core.ConflictKeep)
	if err != nil || report.Files != 0 || report.Kept != 6 || report.Differ != 2 {
		t.Errorf("%v %+v", err, report)
	}
}

// One's own folders that one may not write to are opened for the restore and closed again. It runs as another user
// where the tests run as root.
func TestOnesOwnReadOnlyFolders(t *testing.T) {
	if dir := os.Getenv("HOLDFAST_TEST_RESTORE"); dir != "" {
		c := &computer{t: t, dest: filepath.Join(dir, "dest")}
		report, err := c.restoreTo(context.Background(), filepath.Join(dir, "out"), core.ConflictKeep)
		if err != nil || report.Errors > 0 || report.Files != 1 {
			t.Fatalf("%v %+v %v", err, report, report.Problems)
		}
		return
	}
	const nobody = 65534
	dir, err := os.MkdirTemp("", "read-only") // t.TempDir's parents are closed to others
	check(t, err)
	defer removeTree(dir) //nolint:errcheck // a temporary folder
	c := newComputer(t)
	c.src, c.dest = filepath.Join(dir, "src"), filepath.Join(dir, "dest")
	filetest.Write(t, filepath.Join(c.src, "closed/f"), []byte("1"))
	filetest.Write(t, filepath.Join(c.src, "closed/g"), []byte("2"))
	check(t, os.Chmod(filepath.Join(c.src, "closed"), 0o555))
	out := filepath.Join(dir, "out")
	check(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Chown(path, nobody, nobody))
	}))
	c.setup(nil)
	c.backup()
	_, err = c.restoreTo(context.Background(), out, core.ConflictKeep)
	check(t, err)
	check(t, os.Remove(filepath.Join(out, "src/closed/f")))
	check(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Chown(path, nobody, nobody))
	}))
	program := filepath.Join(dir, "test")
	b, err := os.ReadFile(os.Args[0])
	check(t, err)
	check(t, os.WriteFile(program, b, 0o755)) //nolint:gosec // it is to be run
	check(t, os.Chmod(dir, 0o755))
	cmd := exec.Command(program, "-test.run", "^TestOnesOwnReadOnlyFolders$")
	cmd.Env, cmd.Dir = append(os.Environ(), "HOLDFAST_TEST_RESTORE="+dir), dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	if info, err := os.Stat(filepath.Join(out, "src/closed")); err != nil || info.Mode().Perm() != 0o555 {
		t.Errorf("afterwards the folder has %v, %v", info.Mode(), err)
	}
}

// A backup of files of a few bytes in any number of folders needs few handles too.
func TestABackupNeedsFewHandles(t *testing.T) {
	if dir := os.Getenv("HOLDFAST_TEST_BACKUP"); dir != "" {
		c := newComputer(t)
		c.src, c.dest = filepath.Join(dir, "src"), filepath.Join(dir, "dest")
		c.setup(nil)
		if r := c.backup(); r.Errors > 0 {
			t.Fatalf("%+v", r.Problems[0])
		}
		return
	}
	dir := t.TempDir()
	for i := range 1500 {
		filetest.Write(t, filepath.Join(dir, "src", fmt.Sprint(i), "f"), fmt.Append(nil, i))
	}
	cmd := exec.Command("bash", "-c", `ulimit -n 128 && exec "$0" -test.run '^TestABackupNeedsFewHandles$'`, os.Args[0])
	cmd.Env = append(os.Environ(), "HOLDFAST_TEST_BACKUP="+dir)
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
}
