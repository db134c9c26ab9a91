//go:build !linux && !windows

package restore

import (
	"errors"
	"os"
	"syscall"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// setMeta gives a restored entry its mode and times.
func setMeta(dir *os.File, n *repo.Node, name string, _ *os.File, _ bool) (problems []error) {
	if n.Kind == repo.NodeSymlink {
		return nil
	}
	return setByName(dir, n, name)
}

func isNoSpace(err error) bool { return errors.Is(err, syscall.ENOSPC) }
