//go:build unix

package source

import "golang.org/x/sys/unix"

// HandleLimit is how many files this process may have open.
func HandleLimit() int {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 256
	}
	return int(min(l.Cur, 1<<16))
}
