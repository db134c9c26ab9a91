package source

// Mark is one folder, known by what it is and not by how it is called: a link or a bind mount that leads to it is the same.
type Mark struct {
	device, inode uint64
	set           bool
}

// MarkOf returns the mark of the folder at a path.
func MarkOf(path string) (Mark, error) {
	d, e, isDir, err := Open(path)
	if err != nil {
		return Mark{}, err
	}
	return Mark{e.Device, e.Inode, isDir}, d.Close()
}

// Is reports whether an entry of a folder is the marked one. The zero Mark is none.
func (m Mark) Is(_ *Dir, e *Entry) bool {
	return m.set && e.Kind == Folder && e.Inode == m.inode && e.Device == m.device
}
