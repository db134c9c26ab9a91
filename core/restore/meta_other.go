//go:build !linux

package restore

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// setMeta gives a restored entry its mode and times.
func setMeta(f *folder, n *repo.Node, name string, _ *os.File) (problems []error) {
	if n.Kind == repo.NodeSymlink {
		return nil
	}
	if err := f.root.Chmod(name, os.FileMode(n.Mode&0o777)); err != nil {
		problems = append(problems, fmt.Errorf("mode not restored: %w", err))
	}
	t := time.Unix(n.MTime, int64(n.MNanos))
	if err := f.root.Chtimes(name, t, t); err != nil {
		problems = append(problems, fmt.Errorf("time not restored: %w", err))
	}
	return problems
}

func makeNode(*folder, *repo.Node, string) error {
	return errors.New("this system has no such kind of file")
}

func isNoSpace(err error) bool { return errors.Is(err, syscall.ENOSPC) }
