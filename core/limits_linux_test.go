package core_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/filetest"
	"github.com/holdfast-backup/holdfast/core/keyring"
)

// TestFullDisk fills a real disk, a little and to its last byte, before each thing that writes to it. Each
// fails by name, what was backed up restores, and when there is room again everything goes on.
func TestFullDisk(t *testing.T) {
	ctx := context.Background()
	c := newComputer(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(c.dest, 0o700))
	if err := unix.Mount("tmpfs", c.dest, "tmpfs", 0, "size=32m"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("mounting takes root on Linux: ", err)
	}
	t.Cleanup(func() { must(unix.Unmount(c.dest, unix.MNT_DETACH)) })
	filetest.Small(t, c.src, 1)
	filetest.Write(t, filepath.Join(c.src, "large"), filetest.Noise(1, 10<<20))
	c.setup(nil)
	first := c.backup().Snapshot
	tree := filetest.Tree(t, c.src)
	restores := func(what string, key *backupkey.Key) {
		t.Helper()
		out, _ := restoreElsewhere(t, c.dest, key, first)
		filetest.EqualTrees(t, tree, filetest.Tree(t, filepath.Join(out, "src")))
		if t.Failed() {
			t.Fatal("after ", what)
		}
	}
	full := func(what string, fn func(a *core.App) error) {
		t.Helper()
		if err := c.do(fn); !errors.Is(err, core.ErrNoSpace) {
			t.Errorf("%s: %v", what, err)
		}
		restores(what, nil)
	}
	backup := func(a *core.App) error { _, err := a.Backup(ctx, nil); return err }
	prune := func(a *core.App) error { _, err := a.Upkeep().Prune(ctx, core.PruneRequest{}, nil); return err }

	// Some packs fit, and then none.
	filetest.Write(t, filepath.Join(c.src, "too-large"), filetest.Noise(2, 40<<20))
	full("a backup that is too large", backup)
	if v := c.verify(); len(v.Damage) > 0 {
		t.Errorf("what it left: %v", v.Damage)
	}
	must(os.Remove(filepath.Join(c.src, "too-large")))
	key := newKey(t)
	c.must(prune) // what it left goes with this one and the next
	c.must(prune)

	// Nothing fits.
	filler := filepath.Join(c.dest, "filler")
	fill := func() {
		t.Helper()
		f, err := os.Create(filler)
		must(err)
		for b := make([]byte, 4<<10); err == nil; {
			_, err = f.Write(b)
		}
		if must(f.Close()); !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
	}
	second := c.backup().Snapshot
	fill()
	filetest.Write(t, filepath.Join(c.src, "one more"), []byte("word"))
	full("a backup to a disk with no room at all", backup)
	c.must(func(a *core.App) error { return a.Upkeep().Delete(ctx, []string{second}) }) // it makes room for the word that it was deleted
	restores("deleting a backup on a disk with no room at all", nil)
	fill()
	full("encryption on a disk with no room at all", turn(t, c, key))
	must(os.Remove(filler))
	must(os.Remove(filepath.Join(c.src, "one more")))

	// A change of protection stores everything a second time; here it fits once.
	filetest.Write(t, filepath.Join(c.src, "large-2"), filetest.Noise(3, 12<<20))
	full("encryption without room for a second backup", turn(t, c, key))
	full("going on with it", turn(t, c, key))
	tree = filetest.Tree(t, c.src)
	must(unix.Mount("tmpfs", c.dest, "tmpfs", unix.MS_REMOUNT, "size=64m"))
	c.must(turn(t, c, key))
	r, err := elsewhere.OpenReader(ctx, c.dest, key)
	must(err)
	all, err := r.Snapshots(ctx)
	must(errors.Join(err, r.Close()))
	if len(all) != 1 || all[0].ID == first {
		t.Fatalf("after the change: %+v", all)
	}
	first = all[0].ID
	restores("a change of protection that went on", key)
	c.backup()
	restores("the next backup", key)
}

// limitEnv makes this binary a child with little memory: "VERB CGROUP", the verb being backup, prune or encrypt.
const (
	limitEnv    = "HOLDFAST_TEST_CHILD_LIMITED"
	limitedEnv  = "HOLDFAST_TEST_CHILD_LIMITED_PROFILE"
	limitMemory = 256 << 20 // bytes, of all that the child and its page cache take
	limitPeak   = 160 << 20 // bytes resident of its own, with the code of the tests
)

func init() { children[limitEnv] = limitedChild }

func limitedChild(work string) int {
	debug.SetGCPercent(25) // as main does
	verb, group, _ := strings.Cut(work, " ")
	profile := os.Getenv(limitedEnv)
	err := func() error {
		if group != "" {
			if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte("0"), 0); err != nil {
				return err
			}
		}
		ctx := context.Background()
		a, err := core.Open(ctx, core.Params{Profile: profile, Keyring: keyring.File{Path: filepath.Join(profile, "device.key")}})
		if err != nil {
			return err
		}
		switch verb {
		case "backup":
			_, err = a.Backup(ctx, nil)
		case "prune":
			_, err = a.Upkeep().Prune(ctx, core.PruneRequest{Retention: &core.Retention{Last: 1}}, nil)
		case "encrypt":
			var key *backupkey.Key
			if key, err = a.Encryption().NewKey(); err == nil {
				_, err = a.Encryption().TurnOn(ctx, key, nil, nil)
			}
		}
		return errors.Join(err, a.Close())
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	_, _ = os.Stdout.Write(status)
	return 0
}

// memoryGroup makes a control group with little memory; "" where that is not allowed.
func memoryGroup(t *testing.T) string {
	for top, limit := range map[string]string{"/sys/fs/cgroup": "memory.max", "/sys/fs/cgroup/memory": "memory.limit_in_bytes"} {
		group := filepath.Join(top, fmt.Sprintf("holdfast-test-%d", os.Getpid()))
		if os.Mkdir(group, 0o755) != nil {
			continue
		}
		t.Cleanup(func() { _ = os.Remove(group) })
		f, err := os.OpenFile(filepath.Join(group, limit), os.O_WRONLY, 0)
		if err != nil {
			continue // no such controller here
		}
		_, err = f.WriteString(strconv.Itoa(limitMemory))
		if f.Close() == nil && err == nil {
			return group
		}
	}
	return ""
}

// TestLittleMemory backs up, prunes and turns encryption on in processes with 256 MB for everything, if the system lets a
// test say so, and looks everywhere how much each had resident.
func TestLittleMemory(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector's own memory is a multiple of what is measured")
	}
	c := newComputer(t)
	c.params.PackBytes = 0 // as large as they are
	for i := range 20 {
		filetest.Write(t, filepath.Join(c.src, fmt.Sprintf("media/%02d.jpg", i)), filetest.Noise(uint64(i), 8<<20))
	}
	for i := range 8000 {
		filetest.Write(t, filepath.Join(c.src, fmt.Sprintf("small/%d/%d.txt", i/1000, i)), bytes.Repeat([]byte(fmt.Sprint("text ", i, "\n")), 50))
	}
	c.setup(nil)
	group := memoryGroup(t)
	t.Logf("control group %q", group)
	run := func(verb string) {
		t.Helper()
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), limitEnv+"="+verb+" "+group, limitedEnv+"="+c.params.Profile, "GOCOVERDIR="+t.TempDir())
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", verb, err)
		}
		_, rest, _ := strings.Cut(string(out), "VmHWM:")
		peak, err := strconv.Atoi(strings.Fields(rest)[0])
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d MiB", verb, peak>>10)
		if peak<<10 > limitPeak {
			t.Errorf("%s had %d MiB resident", verb, peak>>10)
		}
	}
	run("backup")
	run("backup")
	for i := range 10 { // half of the packs are to be moved or deleted
		if err := os.Remove(filepath.Join(c.src, fmt.Sprintf("media/%02d.jpg", 2*i))); err != nil {
			t.Fatal(err)
		}
	}
	run("backup")
	run("prune")
	run("encrypt")
	c.must(func(a *core.App) error {
		if a.Status().Change != "" {
			t.Errorf("the change is not finished: %+v", a.Status())
		}
		return nil
	})
	if v := c.verify(); len(v.Damage) > 0 {
		t.Errorf("%v", v.Damage)
	}
}
