package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/restore/restoretest"
	"github.com/holdfast-backup/holdfast/core/source"
)

// hanging is a source in which the folder "m" is a file system of its own, and a hang.
type hanging struct {
	*bench
	at   string // where it is mounted
	back string // the folder that is mounted there
	want map[string][]byte
}

func newHanging(t *testing.T) *hanging {
	b := newBench(t)
	h := &hanging{bench: b, at: filepath.Join(b.src, "m"), want: make(map[string][]byte)}
	for i := range 300 {
		h.add(fmt.Sprintf("a/%d", i), 100)
		h.add(fmt.Sprintf("m/many/%d", i), 100)
		h.add(fmt.Sprintf("z/%d", i), 100)
	}
	h.add("m/folder/one", 100)
	h.add("m/folder/below/two", 100)
	h.add("m/small", 1000)
	h.add("m/large", 3_000_000)
	h.add("m/large.jpg", 5_000_000)
	h.add("m/zz/last", 100)
	if err := os.Symlink("small", filepath.Join(h.at, "link")); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *hanging) add(name string, size int) {
	h.want[name] = random(size)
	h.write(name, h.want[name])
}

// without forgets what is expected of a path and what is below it.
func (h *hanging) without(path string) {
	for name := range h.want {
		if name == path || strings.HasPrefix(name, path+"/") {
			delete(h.want, name)
		}
	}
}

// behind moves what is in the folder to where a file system has it.
func (h *hanging) behind() {
	h.t.Helper()
	h.back = filepath.Join(h.t.TempDir(), "back")
	if err := os.Rename(h.at, h.back); err != nil {
		h.t.Fatal(err)
	}
	if err := os.Mkdir(h.at, 0o755); err != nil {
		h.t.Fatal(err)
	}
}

// mount puts a file system over the folder that holds what was in it, and lets it hang.
func (h *hanging) mount(hang *restoretest.Hang) {
	h.t.Helper()
	h.behind()
	restoretest.Mount(h.t, restoretest.Options{Back: h.back, At: h.at, Hang: hang})
	h.o.hangs = func(path string) bool { return hang.Waits(h.at, path) }
}

// Whatever call on a path has no answer, the path is named while the run waits, told and left out; everything else is backed up.
func TestWhatHasNoAnswerIsLeftOut(t *testing.T) {
	for _, test := range []struct{ op, path string }{
		{"Lookup", "small"}, {"Lookup", "folder"}, {"Getattr", "large"}, {"Opendir", "folder"}, {"Readdir", "folder/below"},
		{"Readdir Listxattr", "folder/below"}, {"Open", "small"}, {"Open", "large"}, {"Read", "small"}, {"Read", "large"}, {"Read", "large.jpg"},
		{"Readlink", "link"}, {"Listxattr", "small"},
		{"Lookup", "many/7"}, {"Lookup", "many/277"}, {"Read", "many/7"},
	} {
		t.Run(test.op+" "+test.path, func(t *testing.T) {
			h := newHanging(t)
			hang := restoretest.NewHang(test.op, test.path)
			h.mount(hang)
			path := filepath.Join(h.at, test.path)
			var named atomic.Bool
			h.o.Counters = &Counters{}
			hangs := h.o.hangs
			h.o.hangs = func(p string) bool {
				if h.o.Counters.Waiting() == path {
					named.Store(true)
				}
				return hangs(p)
			}
			res, err := Run(t.Context(), h.o)
			if err != nil {
				t.Fatal(err)
			}
			if len(res.Problems) != 1 || res.Problems[0].Path != path || !errors.Is(res.Problems[0].Err, source.ErrNoAnswer) {
				t.Errorf("told: %v", res.Problems)
			}
			if !named.Load() {
				t.Error("it was not named while the run waited")
			}
			if h.o.Counters.Waiting() != "" {
				t.Errorf("the run still waits for %s", h.o.Counters.Waiting())
			}
			h.without("m/" + test.path)
			h.wantFiles(res.Snapshot, h.want)
		})
	}
}

// A file system that does not answer at all is left out after a few calls; it is told once more that all of it is left out.
func TestAFileSystemThatIsAway(t *testing.T) {
	for _, test := range []struct{ op, path string }{{"*", "*"}, {"Lookup", "many"}, {"Open", "many"}, {"Read", "*"}} {
		t.Run(test.op+" "+test.path, func(t *testing.T) {
			h := newHanging(t)
			hang := restoretest.NewHang(test.op, test.path)
			h.mount(hang)
			res := h.run()
			told := 0
			for _, p := range res.Problems {
				if !errors.Is(p.Err, source.ErrNoAnswer) || !strings.HasPrefix(p.Path, h.at) {
					t.Errorf("%s: %v", p.Path, p.Err)
				}
				told++
			}
			if told == 0 || told > 8 {
				t.Errorf("%d told: %v", told, res.Problems)
			}
			got := h.restored(res.Snapshot)
			for name, content := range h.want {
				if !strings.HasPrefix(name, "m/") && string(got[name]) != string(content) {
					t.Errorf("%s is not there", name)
				}
			}
		})
	}
}

// The run ends when it is cancelled while a call has no answer.
func TestCancelWhileACallHasNoAnswer(t *testing.T) {
	for _, test := range []struct{ op, path string }{{"Lookup", "small"}, {"Readdir", "many"}, {"Open", "many/7"}, {"Read", "large"},
		{"Read", "large.jpg"}} {
		t.Run(test.op+" "+test.path, func(t *testing.T) {
			h := newHanging(t)
			hang := restoretest.NewHang(test.op, test.path)
			h.mount(hang)
			h.o.hangs, h.o.Patience = nil, 1000*time.Hour
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				<-hang.Begun()
				cancel()
			}()
			if _, err := Run(ctx, h.o); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
}

// A source that does not answer is told, and counts as away: what it held is not replaced, nor by a part of it.
func TestASourceWithoutAnAnswer(t *testing.T) {
	for _, test := range []struct{ op, path string }{{"*", "."}, {"Opendir", "*"}, {"Readdir", "*"}, {"Read", "*"}} {
		t.Run(test.op+" "+test.path, func(t *testing.T) {
			h := newHanging(t)
			h.o.Sources = []repo.Source{{Name: "a", Path: filepath.Join(h.src, "a")}, {Name: "m", Path: h.at}}
			first := h.run()
			hang := restoretest.NewHang(test.op, test.path)
			h.mount(hang)
			h.o.Held = first.Held
			res := h.run()
			if len(res.Snapshot.Sources) != 1 || res.Snapshot.Sources[0].Name != "a" || res.Snapshot.Files != 300 {
				t.Errorf("%v with %d files takes the place of what was backed up", res.Snapshot.Sources, res.Snapshot.Files)
			}
			if n := len(res.Problems); n == 0 || !errors.Is(res.Problems[n-1].Err, source.ErrNoAnswer) || res.Problems[n-1].Path != h.at {
				t.Errorf("told: %v", res.Problems)
			}
			h.o.Sources = h.o.Sources[1:]
			if _, err := Run(t.Context(), h.o); !errors.Is(err, ErrNoSource) || !errors.Is(err, source.ErrNoAnswer) {
				t.Error(err)
			}
		})
	}
}
