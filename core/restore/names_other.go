//go:build !windows

package restore

import (
	"io/fs"
	"os"
)

// localName is the name that an entry gets: all names are valid here.
func localName(name string) string { return name }

// replaceable does nothing: a file's mode keeps nobody from replacing it.
func replaceable(*os.Root, string, fs.FileInfo) error { return nil }
