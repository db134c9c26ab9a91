package backup

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/holdfast-backup/holdfast/core/restore/restoretest"
)

// faulty mounts a file system with faults over the folder "m" of the source.
func (h *hanging) faulty(o restoretest.Options) {
	h.t.Helper()
	h.behind()
	o.Back, o.At = h.back, h.at
	restoretest.Mount(h.t, o)
}

// wantProblems holds the problems told against paths in "m".
func (h *hanging) wantProblems(res Result, want error, paths ...string) {
	h.t.Helper()
	told := make(map[string]error)
	for _, p := range res.Problems {
		told[p.Path] = p.Err
	}
	for _, path := range paths {
		if err := told[filepath.Join(h.at, path)]; !errors.Is(err, want) {
			h.t.Errorf("%s: %v", path, err)
		}
		h.without("m/" + path)
	}
	if len(res.Problems) != len(paths) {
		h.t.Errorf("%d told: %v", len(res.Problems), res.Problems)
	}
	h.wantFiles(res.Snapshot, h.want)
}

// A disk that cannot read some places is told, every name, and nothing else is lost.
func TestADiskWithBadPlaces(t *testing.T) {
	h := newHanging(t)
	bad := map[string]bool{"large": true, "large.jpg": true, "many/7": true}
	for i := range 40 {
		bad[fmt.Sprint("many/", 200+i)] = true
	}
	h.faulty(restoretest.Options{Fault: func(op, path string, offset int64) syscall.Errno {
		// In the middle of the large ones.
		if op == "Read" && bad[path] && (strings.HasPrefix(path, "many/") || offset > 1<<20) {
			return syscall.EIO
		}
		return 0
	}})
	var paths []string
	for path := range bad {
		paths = append(paths, path)
	}
	h.wantProblems(h.run(), syscall.EIO, paths...)
}

// So are folders that cannot be listed, names that cannot be looked at and files that cannot be opened.
func TestADiskWithBadFolders(t *testing.T) {
	for _, op := range []string{"Readdir", "Opendir", "Lookup", "Getattr"} {
		t.Run(op, func(t *testing.T) {
			h := newHanging(t)
			h.faulty(restoretest.Options{Fault: func(o, path string, _ int64) syscall.Errno {
				if o == op && (path == "folder/below" || path == "zz") {
					return syscall.EIO
				}
				return 0
			}})
			h.wantProblems(h.run(), syscall.EIO, "folder/below", "zz")
		})
	}
	h := newHanging(t)
	h.faulty(restoretest.Options{Fault: func(op, path string, _ int64) syscall.Errno {
		if op == "Open" && (path == "small" || path == "large" || path == "many/250") {
			return syscall.EIO
		}
		return 0
	}})
	h.wantProblems(h.run(), syscall.EIO, "small", "large", "many/250")
}

// Files that are shorter than they claim, as those of /sys are, are stored as they are, without a word.
func TestFilesThatClaimToBeLonger(t *testing.T) {
	h := newHanging(t)
	h.faulty(restoretest.Options{Size: func(_ string, size uint64) uint64 { return size + 4096 }})
	for range 2 {
		res := h.run()
		h.wantProblems(res, nil)
	}
}
