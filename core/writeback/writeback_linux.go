package writeback

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Begin lets the disk begin with a range that was just written. It does not wait.
func Begin(f *os.File, offset, length int64) {
	_ = unix.SyncFileRange(int(f.Fd()), offset, length, unix.SYNC_FILE_RANGE_WRITE) // a hint
}

// Await waits until a range is on the disk and forgets it. What the disk could not
// write is an error; a file system that cannot wait is none.
func Await(f *os.File, offset, length int64) error {
	const all = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE | unix.SYNC_FILE_RANGE_WAIT_AFTER
	err := unix.SyncFileRange(int(f.Fd()), offset, length, all)
	Forget(f, offset, length)
	if errors.Is(err, unix.EIO) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return &os.PathError{Op: "write", Path: f.Name(), Err: err}
	}
	return nil
}

// Forget gives back the memory in which the system keeps a range that is on the disk
// already; length 0 is all from offset on.
func Forget(f *os.File, offset, length int64) {
	_ = unix.Fadvise(int(f.Fd()), offset, length, unix.FADV_DONTNEED) // a hint
}
