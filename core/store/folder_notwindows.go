//go:build !windows

package store

import "os"

func remove(dir *os.Root, name string) error { return dir.Remove(name) }
