package restore

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// renameNew gives temp another name in its folder, and fails with fs.ErrExist where that is taken.
func renameNew(root *os.Root, dir *os.File, temp, as string) error {
	at := int(dir.Fd())
	err := unix.Renameat2(at, temp, at, as, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EOPNOTSUPP) {
		return renameByPlaceholder(root, temp, as)
	}
	return err
}
