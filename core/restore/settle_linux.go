package restore

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// beginWriting lets the disk begin with a range that was just written.
func beginWriting(f *os.File, offset, length int64) {
	_ = unix.SyncFileRange(int(f.Fd()), offset, length, unix.SYNC_FILE_RANGE_WRITE) // a hint
}

// awaitWritten waits until the range is on the disk and gives back its memory. What the
// disk could not write is an error; a file system that cannot wait is none.
func awaitWritten(f *os.File, offset, length int64) error {
	const all = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE | unix.SYNC_FILE_RANGE_WAIT_AFTER
	fd := int(f.Fd())
	err := unix.SyncFileRange(fd, offset, length, all)
	_ = unix.Fadvise(fd, offset, length, unix.FADV_DONTNEED) // a hint
	if errors.Is(err, unix.EIO) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return &os.PathError{Op: "write", Path: f.Name(), Err: err}
	}
	return nil
}
