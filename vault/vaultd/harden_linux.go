package main

import (
	"log/slog"

	"golang.org/x/sys/unix"
)

// forbidDumps keeps the process's memory out of core files and out of reach of
// other processes of the same user.
func forbidDumps() {
	err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	if e := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err == nil {
		err = e
	}
	if err != nil {
		slog.Warn("core dumps could not be forbidden", "error", err)
	}
}
