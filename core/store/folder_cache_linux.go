package store

import (
	"os"

	"golang.org/x/sys/unix"
)

// beginWriting lets the disk begin with a range that was just written.
func beginWriting(f *os.File, offset, length int64) {
	_ = unix.SyncFileRange(int(f.Fd()), offset, length, unix.SYNC_FILE_RANGE_WRITE) // a hint
}

// forgetCached gives back the memory in which the system keeps what is on the disk already.
func forgetCached(f *os.File) {
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) // a hint
}
