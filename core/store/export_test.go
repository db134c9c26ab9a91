package store

// Without makes f a folder on a file system that lacks its first n ways of
// naming a written file.
func Without(f *Folder, n int) *Folder {
	f.publish = f.publish[n:]
	return f
}
