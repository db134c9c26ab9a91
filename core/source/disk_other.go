//go:build !linux

package source

// Disk names the file system that a path is on. It is not known here.
func Disk(string) string { return "" }
