//go:build !windows

package store

import (
	"os"
	"syscall"

	"go.etcd.io/bbolt"
)

// replace puts the new file, which stays open, in the place of the old one.
func (b *Bolt) replace(to *bbolt.DB, temporary string) (*bbolt.DB, error) {
	if err := os.Rename(temporary, b.path); err != nil {
		return to, err
	}
	return to, syncFolder(b.path)
}

// sameOwner gives a file the owner of another.
func sameOwner(as, path string) error {
	info, err := os.Stat(as)
	if err != nil {
		return err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		return os.Chown(path, int(owner.Uid), int(owner.Gid))
	}
	return nil
}
