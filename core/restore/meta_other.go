//go:build !linux && !windows

package restore

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// setMeta gives a restored entry its mode and times.
func setMeta(dir *os.File, n *repo.Node, name string, _ *os.File, _ bool) (problems []error) {
	if n.Kind == repo.NodeSymlink {
		return nil
	}
	path := filepath.Join(dir.Name(), name)
	if err := os.Chmod(path, os.FileMode(n.Mode&0o777)); err != nil {
		problems = append(problems, &Missing{"mode", err})
	}
	t := time.Unix(n.MTime, int64(n.MNanos))
	if err := os.Chtimes(path, t, t); err != nil {
		problems = append(problems, &Missing{"time", err})
	}
	return problems
}

// superuser: there is none whom rights do not bind.
const superuser = false

func inherits(*os.File) bool { return false }

func makeNode(*os.File, *repo.Node, string) error {
	return errors.New("this system has no such kind of file")
}

func isNoSpace(err error) bool { return errors.Is(err, syscall.ENOSPC) }
