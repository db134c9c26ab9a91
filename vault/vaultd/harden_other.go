//go:build !linux

package main

import "log/slog"

// forbidDumps does nothing here: forbid core dumps by the system's means.
func forbidDumps() {}

// lockMemory does nothing here: turn swap off by the system's means.
func lockMemory(string, *slog.Logger) {}
