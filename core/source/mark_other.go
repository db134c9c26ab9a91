//go:build !linux

package source

import (
	"io/fs"
	"os"
)

// Mark is one folder, known by what it is and not by how it is called.
type Mark struct{ info fs.FileInfo }

// MarkOf returns the mark of the folder at a path.
func MarkOf(path string) (Mark, error) {
	info, err := os.Stat(path)
	return Mark{info}, err
}

// Is reports whether an entry of a folder is the marked one. The zero Mark is none.
func (m Mark) Is(d *Dir, e *Entry) bool {
	if m.info == nil || e.Kind != Folder {
		return false
	}
	info, err := os.Lstat(d.path(e.Name))
	return err == nil && os.SameFile(info, m.info)
}
