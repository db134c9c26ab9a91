package source

import "errors"

// Kind is what a name in a folder is.
type Kind uint8

// The kinds of entries.
const (
	File Kind = iota + 1
	Folder
	Symlink
	FIFO
	Socket
	CharDevice
	BlockDevice
)

// Time is a moment as the kernel keeps it: seconds since 1970, also before,
// and nanoseconds from 0 to 999,999,999.
type Time struct {
	Sec  int64
	Nsec int32
}

// Entry is what one lstat tells of a name.
type Entry struct {
	Name         string // raw bytes
	Kind         Kind
	Mode         uint32 // the low 12 bits of POSIX
	UID, GID     uint32
	Size         int64 // files: bytes
	MTime, CTime Time
	Inode        uint64
	Device       uint64
	Links        uint64
	Rdev         uint64 // devices
	Logged       bool   // by Batches: a name of its own with -wal or -journal stands beside it, as with SQLite's databases
}

// Xattr is one extended attribute.
type Xattr struct {
	Name  string
	Value []byte
}

// Problem is a name that could not be looked at.
type Problem struct {
	Name string
	Err  error
}

// ErrChanged: the name is not the file any more that was listed.
var ErrChanged = errors.New("the file was replaced while the folder was read")
