package restore

import (
	"errors"
	"os"
	"os/user"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/holdfast-backup/holdfast/core/repo"
)

var superuser = os.Geteuid() == 0

// setMeta gives a restored entry in a directory its owner, attributes, mode and times, in the order in which the kernel
// keeps them. file may be nil. inherited: the directory it was made in hands an access control list down, which the
// entry is not to have.
func setMeta(dir *os.File, n *repo.Node, name string, file *os.File, inherited bool) (problems []error) {
	at := int(dir.Fd())
	report := func(what string, err error) {
		if err != nil {
			problems = append(problems, &Missing{what, err})
		}
	}
	uid, gid := ids.resolve(n.Owner)
	if superuser {
		report("owner", unix.Fchownat(at, name, uid, gid, unix.AT_SYMLINK_NOFOLLOW))
	} else if err := unix.Fchownat(at, name, -1, gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		// Not one of this person's groups. A folder with the set-group-ID bit must not give the file to its own.
		report("group", unix.Fchownat(at, name, -1, os.Getegid(), unix.AT_SYMLINK_NOFOLLOW))
	}
	if inherited && n.Kind != repo.NodeSymlink {
		dropACL(at, name, file, n)
	}
	for _, x := range n.Xattrs {
		report("attribute "+x.Name, setXattr(at, name, file, x))
	}
	if n.Kind != repo.NodeSymlink {
		mode := n.Mode
		if !superuser {
			mode &^= 0o6000 // set-id bits belong to the owner that cannot be restored
		}
		if file != nil {
			report("mode", unix.Fchmod(int(file.Fd()), mode))
		} else {
			report("mode", unix.Fchmodat(at, name, mode, 0))
		}
	}
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: n.MTime, Nsec: int64(n.MNanos)}}
	report("time", unix.UtimesNanoAt(at, name, times, unix.AT_SYMLINK_NOFOLLOW))
	return problems
}

// The attributes that hold access control lists.
const (
	accessACL  = "system.posix_acl_access"
	defaultACL = "system.posix_acl_default"
)

// dropACL takes off what the entry inherited and did not have.
func dropACL(at int, name string, file *os.File, n *repo.Node) {
	for _, acl := range []string{accessACL, defaultACL} {
		if slices.ContainsFunc(n.Xattrs, func(x repo.Xattr) bool { return x.Name == acl }) {
			continue // it is replaced
		}
		if file != nil {
			_ = unix.Fremovexattr(int(file.Fd()), acl) // it may have none
		} else {
			_ = unix.Lremovexattr("/proc/self/fd/"+strconv.Itoa(at)+"/"+name, acl)
		}
	}
}

// inherits reports whether what is made in a directory gets an access control list from it.
func inherits(dir *os.File) bool {
	n, err := unix.Fgetxattr(int(dir.Fd()), defaultACL, nil)
	return err == nil && n > 0
}

func setXattr(at int, name string, file *os.File, x repo.Xattr) error {
	if file != nil {
		return unix.Fsetxattr(int(file.Fd()), x.Name, x.Value, 0)
	}
	// There is no setxattrat before Linux 6.13: the handle's own path stands in.
	return unix.Lsetxattr("/proc/self/fd/"+strconv.Itoa(at)+"/"+name, x.Name, x.Value, 0)
}

// makeNode makes a FIFO or a device node.
func makeNode(dir *os.File, n *repo.Node, name string) error {
	kind := map[repo.NodeKind]uint32{repo.NodeFIFO: unix.S_IFIFO, repo.NodeChar: unix.S_IFCHR, repo.NodeBlock: unix.S_IFBLK}[n.Kind]
	return unix.Mknodat(int(dir.Fd()), name, kind|0o600, int(n.Rdev))
}

func isNoSpace(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// ids finds this computer's numbers for the names of users and groups.
var ids = &idCache{users: make(map[string]int), groups: make(map[string]int)}

type idCache struct {
	mu            sync.Mutex
	users, groups map[string]int
}

// resolve prefers names over numbers: on another computer the same person
// may have another number.
func (c *idCache) resolve(o repo.Owner) (uid, gid int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	uid = c.number(c.users, o.User, int(o.UID), func(name string) (string, error) {
		u, err := user.Lookup(name)
		if err != nil {
			return "", err
		}
		return u.Uid, nil
	})
	gid = c.number(c.groups, o.Group, int(o.GID), func(name string) (string, error) {
		g, err := user.LookupGroup(name)
		if err != nil {
			return "", err
		}
		return g.Gid, nil
	})
	return uid, gid
}

func (c *idCache) number(known map[string]int, name string, fallback int, look func(string) (string, error)) int {
	if name == "" {
		return fallback
	}
	if n, ok := known[name]; ok {
		if n < 0 {
			return fallback
		}
		return n
	}
	known[name] = -1
	if s, err := look(name); err == nil {
		if n, err := strconv.Atoi(s); err == nil {
			known[name] = n
			return n
		}
	}
	return fallback
}
