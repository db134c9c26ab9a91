package source

import (
	"io/fs"
	"syscall"
)

// irregular is what a reparse point is that is neither a symbolic link nor a folder of its own: a junction, which is taken for a link
// as other systems have them and never entered, or a file that a cloud's program fetches when it is read.
func irregular(info fs.FileInfo) Kind {
	if data, ok := info.Sys().(*syscall.Win32FileAttributeData); ok && data.FileAttributes&syscall.FILE_ATTRIBUTE_DIRECTORY != 0 {
		return Symlink
	}
	return File
}
