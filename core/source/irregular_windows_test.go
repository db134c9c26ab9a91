package source

import (
	"io/fs"
	"syscall"
	"testing"
	"testing/fstest"
)

// reparse is what os.Lstat tells of a reparse point.
type reparse struct {
	fs.FileInfo
	attributes uint32
}

func (r reparse) Sys() any { return &syscall.Win32FileAttributeData{FileAttributes: r.attributes} }

func TestReparsePoints(t *testing.T) {
	points := fstest.MapFS{"point": {Mode: fs.ModeIrregular | 0o666, Data: []byte("12345")}}
	info, err := points.Stat("point")
	if err != nil {
		t.Fatal(err)
	}
	const point = syscall.FILE_ATTRIBUTE_REPARSE_POINT
	if e := toEntry("cloud", reparse{info, point}); e.Kind != File || e.Size != 5 {
		t.Errorf("a file that is in the cloud is of kind %v, with %d bytes", e.Kind, e.Size)
	}
	if e := toEntry("junction", reparse{info, point | syscall.FILE_ATTRIBUTE_DIRECTORY}); e.Kind != Symlink {
		t.Errorf("a junction is of kind %v", e.Kind)
	}
}
