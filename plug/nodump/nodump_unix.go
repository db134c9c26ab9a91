//go:build unix && !linux

package nodump

import "golang.org/x/sys/unix"

// Forbid forbids dumps of this process. Call it before any secret is read.
func Forbid() error { return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) }

// ForWindow does nothing here.
func ForWindow() error { return nil }
