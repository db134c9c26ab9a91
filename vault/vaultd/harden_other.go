//go:build !linux

package main

// forbidDumps does nothing here: forbid core dumps by the system's means.
func forbidDumps() {}
