package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

const nonblock = 0

// syncDir does nothing: Windows has no such call.
func syncDir(*os.File) error { return nil }

// renameNoReplace renames in one step and to the disk. It goes by the folder's path: where that
// leads elsewhere by now, the file to be renamed is not there.
func renameNoReplace(d *os.File, from, to string) error {
	old, err := windows.UTF16PtrFromString(filepath.Join(d.Name(), from))
	if err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(filepath.Join(d.Name(), to))
	if err != nil {
		return err
	}
	err = windows.MoveFileEx(old, name, windows.MOVEFILE_WRITE_THROUGH)
	if errors.Is(err, windows.ERROR_INVALID_FUNCTION) || errors.Is(err, windows.ERROR_NOT_SUPPORTED) {
		return fmt.Errorf("%w: %w", errUnsupported, err)
	}
	return err
}

// remove deletes by the folder's handle. A file system that knows no such call, as Wine's and some of other makers, is asked by the path.
func remove(dir *os.Root, name string) error {
	err := dir.Remove(name)
	if errors.Is(err, windows.ERROR_INVALID_FUNCTION) {
		err = os.Remove(filepath.Join(dir.Name(), name))
	}
	return err
}

func classifyErrno(err error) error {
	var errno windows.Errno
	if !errors.As(err, &errno) {
		return nil
	}
	switch errno {
	case windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL, windows.ERROR_DISK_QUOTA_EXCEEDED:
		return ErrNoSpace
	case windows.ERROR_ACCESS_DENIED, windows.ERROR_WRITE_PROTECT:
		return ErrPermission
	case windows.ERROR_NOT_READY, windows.ERROR_BAD_NETPATH, windows.ERROR_NETNAME_DELETED, windows.ERROR_BAD_NET_NAME,
		windows.ERROR_DEV_NOT_EXIST, windows.ERROR_DEVICE_NOT_CONNECTED, windows.ERROR_NETWORK_UNREACHABLE,
		windows.ERROR_UNEXP_NET_ERR, windows.ERROR_SEM_TIMEOUT:
		return ErrUnreachable
	}
	return nil
}

// freeBytes is what this person may still write. Of a share, GetDiskFreeSpaceEx wants a backslash at the end.
func freeBytes(path string) (uint64, error) {
	name, err := windows.UTF16PtrFromString(strings.TrimRight(path, `\`) + `\`)
	if err != nil {
		return 0, err
	}
	var free uint64
	err = windows.GetDiskFreeSpaceEx(name, &free, nil, nil)
	return free, err
}
