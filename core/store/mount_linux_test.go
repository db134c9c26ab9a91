package store

import "golang.org/x/sys/unix"

// mountTmpfs mounts 1 MiB, or makes the mount read-only.
func mountTmpfs(dir string, readOnly bool) error {
	var flags uintptr
	if readOnly {
		flags = unix.MS_REMOUNT | unix.MS_RDONLY
	}
	return unix.Mount("tmpfs", dir, "tmpfs", flags, "size=1m")
}

func unmount(dir string) error { return unix.Unmount(dir, unix.MNT_DETACH) }
