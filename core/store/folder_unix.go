//go:build unix

package store

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

const nonblock = unix.O_NONBLOCK

// syncDir makes the names in a folder durable. Some file systems cannot (FUSE,
// SMB); on those there is nothing more to be done.
func syncDir(d *os.File) error {
	err := d.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOTTY) {
		return nil
	}
	return err
}

func classifyErrno(err error) error {
	var errno unix.Errno
	if !errors.As(err, &errno) {
		return nil
	}
	switch errno {
	case unix.ENOSPC, unix.EDQUOT:
		return ErrNoSpace
	case unix.EACCES, unix.EPERM, unix.EROFS:
		return ErrPermission
	case unix.ENOTDIR: // a part of the path is a file: the object cannot be there
		return ErrNotExist
	case unix.ENODEV, unix.ENXIO, unix.ESTALE, unix.ENOTCONN, unix.EHOSTDOWN, unix.EHOSTUNREACH, unix.ENETDOWN,
		unix.ENETUNREACH, unix.ETIMEDOUT, unix.ECONNREFUSED, unix.ECONNRESET:
		return ErrUnreachable
	}
	return nil
}

// renameResult tells what a rename that must not overwrite cannot do from
// what it refused.
func renameResult(err error) error {
	for _, e := range []error{unix.EINVAL, unix.ENOSYS, unix.ENOTSUP, unix.EOPNOTSUPP} {
		if errors.Is(err, e) {
			return errUnsupported
		}
	}
	return err
}
