package core_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/filetest"
	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/store"
)

// The tests of this file run this binary again as a child that backs up, or
// prunes, or kills itself once a pack with more than small files in it has landed.
const (
	childEnv = "HOLDFAST_TEST_CHILD_PROFILE"
	pruneEnv = "HOLDFAST_TEST_CHILD_PRUNES"
	diesEnv  = "HOLDFAST_TEST_CHILD_DIES"
)

// children are what this binary does in place of the tests, by the variable that asks for it; each takes its value.
var children = map[string]func(string) int{childEnv: child}

func TestMain(m *testing.M) {
	for name, run := range children {
		if value := os.Getenv(name); value != "" {
			os.Exit(run(value))
		}
	}
	os.Exit(m.Run())
}

// child backs the profile up, and writes a byte to file 3 at each call of the store.
func child(dir string) int {
	pipe := os.NewFile(3, "pipe")
	tick := func() { _, _ = pipe.Write([]byte{1}) } // the parent may be done listening
	a, err := core.Open(context.Background(), core.Params{
		Profile: dir, Keyring: keyring.File{Path: filepath.Join(dir, "device.key")}, PackBytes: 256 << 10,
		Places: places.By(func(ctx context.Context, dest string, create bool) (store.Store, error) {
			s, err := places.OpenFolder(ctx, dest, create)
			return ticking{s, tick}, err
		}),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if os.Getenv(pruneEnv) != "" {
		var rules core.Retention
		if err := json.Unmarshal([]byte(os.Getenv(pruneEnv)), &rules); err != nil {
			panic(err)
		}
		if _, err := a.Upkeep().Prune(context.Background(), core.PruneRequest{Retention: &rules}, nil); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
	report, err := a.Backup(context.Background(), nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if report.Errors > 0 {
		for _, p := range report.Problems {
			fmt.Fprintln(os.Stderr, p.Path, p.Reason)
		}
		return 3
	}
	_, _ = fmt.Fprintln(os.Stdout, report.Snapshot) // the parent may be done listening
	return 0
}

// ticking tells of every call, before and after.
type ticking struct {
	store.Store
	tick func()
}

func (s ticking) Put(ctx context.Context, name string, data []byte) error {
	s.tick()
	defer s.tick()
	err := s.Store.Put(ctx, name, data)
	if err == nil && os.Getenv(diesEnv) != "" && strings.HasPrefix(name, "packs/") && len(data) > 100_000 {
		self, err := os.FindProcess(os.Getpid())
		if err != nil {
			return err
		}
		return self.Kill()
	}
	return err
}

func (s ticking) Delete(ctx context.Context, name string) error {
	s.tick()
	defer s.tick()
	return s.Store.Delete(ctx, name)
}

func (s ticking) ReadAt(ctx context.Context, name string, p []byte, at int64) error {
	s.tick()
	return s.Store.ReadAt(ctx, name, p, at)
}

func (s ticking) List(ctx context.Context, prefix string, fn func(store.Object) error) error {
	s.tick()
	return s.Store.List(ctx, prefix, fn)
}

// startChildWith runs the child; its ticks come through the pipe. rules, if not "", make it prune by them.
func startChildWith(t testing.TB, profile, rules string, stdout io.Writer) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	return start(t, os.Args[0], profile, nil, stdout, pruneEnv+"="+rules)
}

// startChild runs a child that backs up.
func startChild(t testing.TB, binary, profile string, as *syscall.SysProcAttr) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	return start(t, binary, profile, as, nil)
}

func start(t testing.TB, binary, profile string, as *syscall.SysProcAttr, stdout io.Writer, env ...string) (*exec.Cmd,
	*bufio.Reader) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary)
	coverage := t.TempDir() // where a child may leave its counts, whoever it runs as
	if err := os.Chmod(coverage, 0o777); err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(append(os.Environ(), childEnv+"="+profile, "GOCOVERDIR="+coverage), env...)
	cmd.Stdout = stdout
	cmd.ExtraFiles = []*os.File{w}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = as
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() }) // only read from
	return cmd, bufio.NewReader(r)
}

// TestKill9 kills backups at random moments, each in front of, in, or behind
// a call of the store. Every earlier snapshot restores whole each time, and
// the next backup succeeds. The last one in front of it kills itself once a
// pack has landed, which the next backup has to use.
func TestKill9(t *testing.T) {
	kills := 200
	if testing.Short() || raceEnabled {
		kills = 25
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))

	c := newComputer(t)
	c.params.PackBytes = 256 << 10
	filetest.Small(t, c.src, 0)
	key := newKey(t)
	c.setup(key)
	kept := map[string]map[string]string{} // snapshot → tree
	kept[c.backup().Snapshot] = filetest.Tree(t, c.src)
	killed, ticks := 0, int64(0)
	for round := uint64(0); killed < kills; round++ {
		filetest.Write(t, filepath.Join(c.src, fmt.Sprintf("round/%d.bin", round%5)), filetest.Noise(round+1000, 700_000+int(round)*100))
		filetest.Write(t, filepath.Join(c.src, fmt.Sprintf("round/%d.txt", round%7)), filetest.Noise(round, 500))
		var env []string
		if killed%10 == 8 {
			env = []string{diesEnv + "=1"}
		}
		cmd, pipe := start(t, os.Args[0], c.params.Profile, nil, nil, env...)
		n := int64(math.MaxInt64) // the first runs through, to count its ticks
		if ticks > 0 && env == nil {
			n = random.Int64N(ticks + 1)
		}
		seen, err := io.CopyN(io.Discard, pipe, n)
		if err == nil {
			if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Fatal(err)
			}
		}
		rest, err := io.Copy(io.Discard, pipe)
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() {
				t.Fatalf("a backup failed: %v", err)
			}
			killed++
			if env == nil && n > ticks*3/4 {
				ticks += 1 + ticks/4 // runs have become longer: aim later
			}
		} else {
			ticks = seen + rest // it came through: now its length is known
			continue
		}
		if killed%10 == 0 || killed == kills {
			checkKept(t, c, key, kept)
		} else {
			checkOneKept(t, c, key, kept, random)
		}
		if killed%10 == 9 {
			packs := countPacks(t, c.dest)
			r := c.backup()
			kept[r.Snapshot] = filetest.Tree(t, c.src)
			if r.OlderState {
				t.Error("a backup is said to be missing")
			}
			if r.BytesNew >= r.BytesRead {
				t.Errorf("what a killed backup had uploaded was not used: %d bytes read, %d new", r.BytesRead, r.BytesNew)
			}
			if countPacks(t, c.dest) < packs {
				t.Error("packs were lost")
			}
		}
		if t.Failed() {
			t.Fatalf("after %d kills", killed)
		}
	}
	if r := c.backup(); r.Snapshot == "" {
		t.Error("no snapshot at the end")
	}
	if v := c.verify(); len(v.Damage) > 0 {
		t.Errorf("verify: %v", v.Damage)
	}
}

// TestKill9WhilePruning kills prunes that delete at once, at random moments. The
// backups that are kept restore whole each time, and a prune that is let through ends the work.
func TestKill9WhilePruning(t *testing.T) {
	kills := 25
	if testing.Short() || raceEnabled {
		kills = 8
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	c := newComputer(t)
	c.params.PackBytes = 256 << 10
	filetest.Small(t, c.src, 0)
	key := newKey(t)
	c.setup(key)
	trees := map[string]map[string]string{}
	var ids []string
	killed, ticks := 0, int64(200)
	for round := uint64(0); killed < kills; round++ {
		for i := range uint64(2) {
			filetest.Write(t, filepath.Join(c.src, fmt.Sprintf("round/%d.bin", (round+i)%4)), filetest.Noise(2*round+i, 400_000))
			id := c.backup().Snapshot
			ids = append(ids, id)
			trees[id] = filetest.Tree(t, c.src)
		}
		kept := map[string]map[string]string{}
		for _, id := range ids[len(ids)-2:] {
			kept[id] = trees[id]
		}
		cmd, pipe := startChildWith(t, c.params.Profile, `{"last":2}`, nil)
		seen, err := io.CopyN(io.Discard, pipe, random.Int64N(ticks+1))
		if err == nil {
			if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Fatal(err)
			}
		}
		rest, err := io.Copy(io.Discard, pipe)
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			killed++
		} else {
			ticks = max(20, seen+rest)
		}
		checkOneKept(t, c, key, kept, random)
		if killed%10 == 9 {
			checkKept(t, c, key, kept)
		}
		if t.Failed() {
			t.Fatalf("after %d kills", killed)
		}
	}
	c.prune(core.PruneRequest{Retention: &core.Retention{Last: 2}})
	report := c.prune(core.PruneRequest{Retention: &core.Retention{Last: 2}})
	if report.Kept != 2 || report.BytesFreed != 0 || report.BytesWaiting != 0 {
		t.Errorf("a prune at the end is not at rest: %+v", report)
	}
	checkKept(t, c, key, map[string]map[string]string{ids[len(ids)-1]: trees[ids[len(ids)-1]], ids[len(ids)-2]: trees[ids[len(ids)-2]]})
	// What is stored is what two backups need, and no more.
	var stored int64
	eachObject(t, c.dest, func(_ string, b []byte) { stored += int64(len(b)) })
	if stored > 8<<20 {
		t.Errorf("%d bytes are stored at the end", stored)
	}
}

func countPacks(t testing.TB, dest string) int {
	found, err := filepath.Glob(filepath.Join(dest, "packs/*/*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

func checkKept(t testing.TB, c *computer, key *backupkey.Key, kept map[string]map[string]string) {
	t.Helper()
	for id, want := range kept {
		out, _ := restoreElsewhere(t, c.dest, key, id)
		filetest.EqualTrees(t, want, filetest.Tree(t, filepath.Join(out, "src")))
	}
	if v := c.verify(); len(v.Damage) > 0 {
		t.Errorf("verify: %v", v.Damage)
	}
}

// checkOneKept checks a random one; the next checkKept checks all.
func checkOneKept(t testing.TB, c *computer, key *backupkey.Key, kept map[string]map[string]string, random *rand.Rand) {
	t.Helper()
	n := random.IntN(len(kept))
	for id, want := range kept {
		if n--; n < 0 {
			out, _ := restoreElsewhere(t, c.dest, key, id)
			filetest.EqualTrees(t, want, filetest.Tree(t, filepath.Join(out, "src")))
			return
		}
	}
}
