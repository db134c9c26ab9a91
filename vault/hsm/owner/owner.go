// Package owner tells who may change a file: the file itself, and every folder
// above it, since whoever may rename a folder may put another file in its place.
//
// A library that this program loads runs with all that the program may do. So
// modules are taken only from where an administrator put them, or, where the
// person names the file, from where nobody but that person or an administrator writes.
package owner

import (
	"errors"
	"fmt"
	"path/filepath"
)

// ErrOthers: somebody else may change the file.
var ErrOthers = errors.New("others may change it")

// who may have written a file.
type who int

const (
	administrator who = iota
	person            // or an administrator
)

// Administrators returns nil if only an administrator may change the file at
// path. Links are followed first: what counts is the file they end at. ErrOthers, and those of the file system.
func Administrators(path string) error { return check(path, administrator) }

// Persons returns nil if only this process's user or an administrator may
// change the file at path. Errors: as Administrators.
func Persons(path string) error { return check(path, person) }

func check(path string, w who) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	for at, below := real, ""; ; at, below = filepath.Dir(at), at {
		if err := checkOne(at, below != "", w); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		if filepath.Dir(at) == at {
			return nil
		}
	}
}
