// Package privatefile writes files that hold a secret: a key, a recovery kit.
//
// Such a file is for its owner alone from its first byte on: it is written under
// another name with mode 0600, synced, and then gets its name. So no moment lets
// another user read it, whatever stood there before, and a crash leaves the old file
// or the whole new one. On Windows and on disks without owners, the folder's rights hold.
package privatefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Replace writes b to path, in place of a file that is there.
func Replace(path string, b []byte) error {
	return write(path, b, func(temp string) error { return os.Rename(temp, path) })
}

// Create writes b to path, where nothing may be. Errors: fs.ErrExist.
func Create(path string, b []byte) error {
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	return write(path, b, func(temp string) error {
		err := os.Link(temp, path) // unlike a rename, it never takes the place of a file
		if err == nil || errors.Is(err, fs.ErrExist) {
			return errors.Join(err, os.Remove(temp))
		}
		return copyNew(path, b, temp) // a disk without links
	})
}

// copyNew is Create where a file cannot get a second name.
func copyNew(path string, b []byte, temp string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return os.Remove(temp)
}

func write(path string, b []byte, name func(temp string) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".holdfast-*.tmp") // of mode 0600
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = name(f.Name())
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the cause is reported
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // it has no such call
	}
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrPermission) {
		return nil // a folder to write to and not to read
	}
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) {
		return errors.Join(err, d.Close())
	}
	return d.Close()
}
