//go:build unix

package main

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// becomeOwner gives up root for the user that the folder belongs to, so that what a command makes there, and on
// a token that keeps its objects in files, belongs to the user that serves. It does nothing for others than root.
func becomeOwner(dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil //nolint:nilerr // the command itself says what it misses
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return nil
	}
	gid, groups := int(owner.Gid), []int{int(owner.Gid)}
	if u, err := user.LookupId(strconv.Itoa(int(owner.Uid))); err == nil {
		if n, err := strconv.Atoi(u.Gid); err == nil {
			gid = n
		}
		if all, err := u.GroupIds(); err == nil {
			groups = nil
			for _, text := range all {
				if n, err := strconv.Atoi(text); err == nil {
					groups = append(groups, n)
				}
			}
		}
	}
	for _, step := range []error{syscall.Setgroups(groups), syscall.Setgid(gid), syscall.Setuid(int(owner.Uid))} {
		if step != nil {
			return fmt.Errorf("become user %d, who owns %s: %w", owner.Uid, dir, step)
		}
	}
	return nil
}

// readableByOthers reports whether more than the owner and its group may read the file.
func readableByOthers(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Perm()&0o004 != 0 // the group may be vaultd's
}
