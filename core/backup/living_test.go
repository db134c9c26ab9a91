package backup

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/restore"
)

var (
	livingRuns = flag.Int("living.runs", 50, "backups of a source that changes meanwhile")
	livingSeed = flag.Uint64("living.seed", 1, "of what changes")
)

// living is a source that changes all the time, and every state that each of its names was in.
type living struct {
	top   string
	spare string // beside the source: what replaces files is made here
	rng   *rand.Rand
	now   map[string]*livingFile
	seen  map[string]map[*livingFile]bool // the files that had a name since the run began; nil for none
	made  int
}

// livingFile is one inode.
type livingFile struct {
	content []byte
	mode    fs.FileMode
	names   map[string]bool
	states  []string // since the run began
}

func (f *livingFile) state() string { return fmt.Sprintf("%o %s", f.mode, f.content) }

// livingNames are all names there ever are: few, so that things meet.
func livingNames() (out []string) {
	for _, dir := range []string{"", "b/", "c/d/"} {
		for i := range 8 {
			out = append(out, fmt.Sprintf("%sf%d", dir, i))
		}
	}
	return out
}

// begin forgets the states of before.
func (l *living) begin() {
	l.seen = make(map[string]map[*livingFile]bool)
	for _, name := range livingNames() {
		l.seen[name] = make(map[*livingFile]bool)
		l.note(name)
		if f := l.now[name]; f != nil {
			f.states = []string{f.state()}
		}
	}
}

func (l *living) note(name string) { l.seen[name][l.now[name]] = true }

// was reports whether a file that had this name was in a state, "" for no file.
func (l *living) was(name, state string) bool {
	if state == "" {
		return l.seen[name][nil]
	}
	for f := range l.seen[name] {
		if f != nil && slices.Contains(f.states, state) {
			return true
		}
	}
	return false
}

func (f *livingFile) note() { f.states = append(f.states, f.state()) }

// drop takes a name from its file.
func (l *living) drop(name string) {
	if f := l.now[name]; f != nil {
		delete(f.names, name)
		delete(l.now, name)
	}
	l.note(name)
}

func (l *living) put(name string, f *livingFile) {
	if old := l.now[name]; old != nil {
		delete(old.names, name)
	}
	l.now[name] = f
	f.names[name] = true
	l.note(name)
}

func (l *living) fresh() *livingFile {
	l.made++
	content := bytes.Repeat([]byte(fmt.Sprintf("%d of %d;", l.made, *livingSeed)), 1+l.rng.IntN(30))
	f := &livingFile{content: content, mode: 0o644, names: make(map[string]bool)}
	f.note()
	return f
}

// step changes one thing.
func (l *living) step() error {
	all := livingNames()
	name := all[l.rng.IntN(len(all))]
	path := filepath.Join(l.top, name)
	f := l.now[name]
	other := all[l.rng.IntN(len(all))]
	otherPath := filepath.Join(l.top, other)
	spare := filepath.Join(l.spare, "new")
	switch what := l.rng.IntN(8); {
	case f == nil || what == 0: // create, or replace
		f = l.fresh()
		if err := os.WriteFile(spare, f.content, f.mode); err != nil {
			return err
		}
		if err := os.Rename(spare, path); err != nil {
			return err
		}
		l.put(name, f)
	case what == 1 || what == 2: // link
		if l.now[other] != nil || other == name {
			return nil
		}
		if err := os.Link(path, otherPath); err != nil {
			return err
		}
		l.put(other, f)
	case what == 3: // rename
		if l.now[other] == f { // two names of one file: rename does nothing
			return nil
		}
		if err := os.Rename(path, otherPath); err != nil {
			return err
		}
		l.drop(name)
		l.put(other, f)
	case what == 4: // truncate
		f.content = f.content[:len(f.content)/2]
		if err := os.Truncate(path, int64(len(f.content))); err != nil {
			return err
		}
		f.note()
	case what == 5: // append
		more := []byte(fmt.Sprintf("+%d", l.rng.IntN(1000)))
		f.content = append(bytes.Clone(f.content), more...)
		out, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		_, err = out.Write(more)
		if closeErr := out.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return err
		}
		f.note()
	case what == 6: // chmod
		f.mode ^= 0o040
		if err := os.Chmod(path, f.mode); err != nil {
			return err
		}
		f.note()
	default:
		if err := os.Remove(path); err != nil {
			return err
		}
		l.drop(name)
	}
	return nil
}

// backUp runs one backup while the source changes: before every look of the run at a file, and in odd runs all the
// time. So the seed says what meets the run, however busy the machine is.
func (l *living) backUp(t *testing.T, b *bench, allTheTime bool) Result {
	t.Helper()
	l.begin()
	var mu sync.Mutex
	var fault error
	change := func(steps int) {
		mu.Lock()
		defer mu.Unlock()
		for ; steps > 0 && fault == nil; steps-- {
			fault = l.step()
		}
	}
	looks := rand.New(rand.NewPCG(l.rng.Uint64(), 1))
	var looksMu sync.Mutex
	b.o.Gate = &Gate{between: func() {
		looksMu.Lock()
		n := looks.IntN(4)
		looksMu.Unlock()
		change(n)
	}}
	stop := make(chan struct{})
	var beside sync.WaitGroup
	if allTheTime {
		beside.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					change(1)
				}
			}
		})
	}
	res := b.run()
	close(stop)
	beside.Wait()
	if fault != nil {
		t.Fatal(fault)
	}
	return res
}

// Every file of a source that changes during the backup comes back in a state that this very file, one that had the name
// during the run, had at one instant of the run, or it is reported. None is missing that was there all the time.
func TestALivingSource(t *testing.T) {
	b := newBench(t)
	l := &living{top: b.src, spare: t.TempDir(), rng: rand.New(rand.NewPCG(*livingSeed, 20)), now: make(map[string]*livingFile)}
	if err := os.MkdirAll(filepath.Join(b.src, "c", "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(b.src, "b"), 0o755); err != nil {
		t.Fatal(err)
	}
	l.begin()
	for range 200 {
		if err := l.step(); err != nil {
			t.Fatal(err)
		}
	}
	told, back := 0, 0
	runs := *livingRuns
	if testing.Short() {
		runs = min(runs, 12)
	}
	for run := range runs {
		res := l.backUp(t, b, run%2 == 1)
		reported := make(map[string]bool)
		for _, p := range res.Problems {
			rel, err := filepath.Rel(b.src, p.Path)
			if err != nil {
				t.Fatal(err)
			}
			reported[rel] = true
		}
		got := restoredStates(t, b, res.Snapshot)
		for _, name := range livingNames() {
			switch {
			case reported[name]:
				told++
			case !l.was(name, got[name]):
				t.Fatalf("run %d of seed %d: %s came back as %q, which it never was", run, *livingSeed, name, got[name])
			case got[name] != "":
				back++
			}
		}
	}
	t.Logf("%d backups: %d files came back, %d were reported", runs, back, told)
	if back < runs {
		t.Errorf("only %d files came back: the source was not alive", back)
	}
}

// restoredStates restores a snapshot and returns the state of each file.
func restoredStates(t *testing.T, b *bench, s *repo.Snapshot) map[string]string {
	t.Helper()
	target := t.TempDir()
	res, err := restore.Run(t.Context(), restore.Options{Repository: b.o.Repository, Snapshot: s, Target: target})
	if err != nil || len(res.Problems) > 0 {
		t.Fatalf("%v %v", err, res.Problems)
	}
	top := filepath.Join(target, "src")
	out := make(map[string]string)
	for name, content := range filesBelow(t, top) {
		info, err := os.Lstat(filepath.Join(top, name))
		if err != nil {
			t.Fatal(err)
		}
		out[name] = (&livingFile{content: content, mode: info.Mode().Perm()}).state()
	}
	return out
}

// The test above is worth something: it finds the fault that a name took the content of another that was read from
// another file.
func TestALivingSourceFindsPlantedBugs(t *testing.T) {
	if testing.Short() {
		t.Skip("each bug is a build of its own; the run without -short has them")
	}
	for _, bug := range []struct{ name, from, to string }{
		{
			"a further name takes the first one's result",
			"	if first.ok && first.state == stateOf(&p.entry) {\n		p.result, p.state, p.ok = first.result, first.state, true\n",
			"	if true {\n		p.result, p.state, p.ok = first.result, first.state, first.ok\n",
		},
	} {
		t.Run(bug.name, func(t *testing.T) {
			file, err := filepath.Abs("links.go")
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Count(string(text), bug.from) != 1 {
				t.Fatalf("links.go does not hold, once: %s", bug.from)
			}
			dir := t.TempDir()
			mutated, overlay := filepath.Join(dir, "mutated.go"), filepath.Join(dir, "overlay.json")
			replace, err := json.Marshal(map[string]any{"Replace": map[string]string{file: mutated}})
			if err != nil {
				t.Fatal(err)
			}
			for path, content := range map[string][]byte{mutated: []byte(strings.Replace(string(text), bug.from, bug.to, 1)), overlay: replace} {
				if err := os.WriteFile(path, content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			run := exec.Command("go", "test", "-overlay", overlay, "-vet=off", "-timeout", "0", "-run", "^TestALivingSource$", ".",
				"-living.runs", "100", "-living.seed", fmt.Sprint(*livingSeed))
			out, err := run.CombinedOutput()
			if err == nil {
				t.Fatal("not found within 100 runs")
			}
			if !strings.Contains(string(out), "which it never was") {
				t.Fatalf("it failed otherwise: %s", out)
			}
		})
	}
}
