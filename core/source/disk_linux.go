package source

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Disk names the file system that a path is on, the same after a restart where the file system has a number of its own. It
// is "" where that is not known.
func Disk(path string) string {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil || st.Fsid.Val == [2]int32{} {
		return ""
	}
	return fmt.Sprintf("%x-%08x%08x", st.Type, uint32(st.Fsid.Val[0]), uint32(st.Fsid.Val[1]))
}
