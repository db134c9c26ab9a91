package store

import (
	"os"

	"golang.org/x/sys/unix"
)

func renameNoReplace(d *os.File, from, to string) error {
	fd := int(d.Fd())
	return renameResult(unix.Renameat2(fd, from, fd, to, unix.RENAME_NOREPLACE))
}

func freeBytes(path string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, err
	}
	return st.Bavail * uint64(st.Bsize), nil //nolint:gosec // a block size is positive
}
