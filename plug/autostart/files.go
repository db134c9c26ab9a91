//go:build !windows

package autostart

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// An entry is a file with the system's suffix in the system's folder.

func (e Entry) path() (string, error) {
	dir, err := folder()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, e.ID+suffix), nil
}

// Set starts the program at login from now on, or not.
func (e Entry) Set(on bool) error {
	path, err := e.path()
	if err != nil {
		return err
	}
	icon, err := e.iconPath()
	if err != nil {
		return err
	}
	if !on {
		if icon != "" {
			err = remove(icon)
		}
		return errors.Join(remove(path), err)
	}
	command, err := e.command()
	if err != nil {
		return err
	}
	if icon != "" {
		if err := replace(icon, e.Icon); err != nil {
			return err
		}
	}
	return replace(path, e.content(command))
}

// replace writes a file as a whole, and makes the folder it is in.
func replace(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp := fmt.Sprintf("%s.%d.tmp", path, os.Getpid())
	if err := os.WriteFile(tmp, content, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// remove deletes a file; one that is not there is removed.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
