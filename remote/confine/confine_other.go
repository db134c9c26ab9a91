//go:build !linux

// Package confine takes from this process what it does not need.
package confine

// Files is for Linux alone so far.
func Files() error { return nil }

// Works reports whether the kernel can confine files.
func Works() bool { return false }
