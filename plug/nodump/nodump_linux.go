package nodump

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Forbid forbids dumps of this process, as for a command. Call it before any secret is read.
func Forbid() error {
	// A limit of 0 stops files of the kernel's own. A program that the kernel hands
	// dumps to is not bound by it, so the dump holds no mapping at all (core(5)).
	limit := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	filter := os.WriteFile("/proc/self/coredump_filter", []byte("0"), 0)
	return errors.Join(limit, filter, unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0))
}

// ForWindow lets the desktop look at this process again. It still leaves no memory in a dump.
func ForWindow() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) }
