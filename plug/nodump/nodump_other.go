//go:build !unix

package nodump

// Forbid does nothing here: forbid dumps by the system's means.
func Forbid() error { return nil }

// ForWindow does nothing here.
func ForWindow() error { return nil }
