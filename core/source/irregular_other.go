//go:build !linux && !windows

package source

import "io/fs"

// irregular is what a file is that Go has no word for.
func irregular(fs.FileInfo) Kind { return Socket }
