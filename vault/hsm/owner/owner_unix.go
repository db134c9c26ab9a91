//go:build unix

package owner

import (
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"syscall"
)

// homebrewAdmin is the group of administrators on macOS, whom Homebrew's folders belong to.
const homebrewAdmin = 80

func checkOne(path string, folder bool, w who) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return fmt.Errorf("%w: its owner is not known", ErrOthers)
	case !folder && !info.Mode().IsRegular():
		return fmt.Errorf("%w: it is no file", fs.ErrInvalid)
	}
	own := int(st.Uid) == os.Geteuid()
	if !rootOwned(st) && !(w == person && own) {
		return fmt.Errorf("%w: it belongs to user %d", ErrOthers, st.Uid)
	}
	mode := info.Mode()
	sticky := w == person && folder && mode&fs.ModeSticky != 0 // as /tmp: others make files there, and rename only their own
	if mode.Perm()&0o002 != 0 && !sticky {
		return fmt.Errorf("%w: everybody may write it", ErrOthers)
	}
	if mode.Perm()&0o020 != 0 && !sticky && !groupTrusted(st, w) {
		return fmt.Errorf("%w: group %d may write it", ErrOthers, st.Gid)
	}
	return nil
}

// rootOwned also takes what belongs to this user on macOS, where that user is an
// administrator: Homebrew is installed that way.
func rootOwned(st *syscall.Stat_t) bool {
	return st.Uid == 0 || runtime.GOOS == "darwin" && int(st.Uid) == os.Geteuid() && administratorOfMac()
}

func administratorOfMac() bool {
	groups, err := os.Getgroups()
	return err == nil && slices.Contains(groups, homebrewAdmin)
}

// groupTrusted reports whether the members of a file's group may write it. root's
// group on Unix and the administrators' on macOS may; a person's own primary group
// too, which many systems make for one user alone.
func groupTrusted(st *syscall.Stat_t, w who) bool {
	switch {
	case runtime.GOOS == "darwin" && (st.Gid == homebrewAdmin || st.Gid == 0):
		return true
	case w == person:
		return st.Gid == 0 || int(st.Gid) == os.Getegid()
	}
	return false
}
