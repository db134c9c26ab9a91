//go:build !linux && !darwin && !windows

package store

import (
	"errors"
	"os"
)

func renameNoReplace(*os.File, string, string) error { return errUnsupported }

func freeBytes(string) (uint64, error) { return 0, errors.ErrUnsupported }
