//go:build !unix

package restore

import "os"

// handleLimit is how many files this process may have open.
func handleLimit() int { return 512 }

// fileID is what the file system knows a file by; nothing here.
type fileID struct{}

func idOf(os.FileInfo) (fileID, bool) { return fileID{}, false }
