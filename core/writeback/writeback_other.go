//go:build !linux

package writeback

import "os"

// Begin does nothing on this system.
func Begin(*os.File, int64, int64) {}

// Await does nothing on this system.
func Await(*os.File, int64, int64) error { return nil }

// Forget does nothing on this system.
func Forget(*os.File, int64, int64) {}
