//go:build !linux

package restore

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// setByName gives a restored entry its mode and times by its path.
func setByName(dir *os.File, n *repo.Node, name string) (problems []error) {
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
