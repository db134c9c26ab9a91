package main

import (
	"bytes"
	"log/slog"
	"os"

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

// maxLocked is the largest store with which all memory is locked: the pages of its file would be, too.
const maxLocked = 256 << 20

// lockMemory keeps the process's memory from swap. It says so where it cannot and the computer swaps.
func lockMemory(store string, log *slog.Logger) {
	if lockable(store) && unix.Mlockall(unix.MCL_CURRENT|unix.MCL_FUTURE|unix.MCL_ONFAULT) == nil {
		return
	}
	if swaps, err := os.ReadFile("/proc/swaps"); err == nil && bytes.Count(swaps, []byte("\n")) > 1 && !unswapped() {
		log.Warn("memory may be written to swap, with keys in it: turn swap off, or allow LimitMEMLOCK=infinity and MemorySwapMax=0")
	}
}

func lockable(store string) bool {
	if info, err := os.Stat(store); err == nil && info.Size() > maxLocked {
		return false
	}
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit) != nil {
		return false
	}
	if limit.Cur != limit.Max { // as much as is allowed
		limit.Cur = limit.Max
		_ = unix.Setrlimit(unix.RLIMIT_MEMLOCK, &limit)
	}
	// With a limit the process would end where it needs more.
	return limit.Cur == unix.RLIM_INFINITY
}

// unswapped reports whether the control group of the process may not swap (MemorySwapMax=0 in the unit).
func unswapped() bool {
	group, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return false
	}
	_, path, ok := bytes.Cut(bytes.TrimSpace(group), []byte("0::"))
	if !ok {
		return false
	}
	most, err := os.ReadFile("/sys/fs/cgroup" + string(path) + "/memory.swap.max")
	return err == nil && string(bytes.TrimSpace(most)) == "0"
}
