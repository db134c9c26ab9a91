//go:build unix && !linux

package store

import "errors"

func mountTmpfs(string, bool) error { return errors.ErrUnsupported }
func unmount(string) error          { return errors.ErrUnsupported }
