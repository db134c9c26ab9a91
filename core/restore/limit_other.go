//go:build !unix

package restore

import "os"

// fileID is what the file system knows a file by; nothing here.
type fileID struct{}

func idOf(os.FileInfo) (fileID, bool) { return fileID{}, false }
