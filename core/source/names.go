package source

import (
	"os/user"
	"strconv"
)

// Names finds the names of users and groups, each once. It is for one goroutine.
type Names struct{ users, groups map[uint32]string }

// NewNames returns an empty Names.
func NewNames() *Names {
	return &Names{users: make(map[uint32]string), groups: make(map[uint32]string)}
}

// User returns a user's name, "" if there is none.
func (n *Names) User(uid uint32) string {
	name, ok := n.users[uid]
	if !ok {
		if u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10)); err == nil {
			name = u.Username
		}
		n.users[uid] = name
	}
	return name
}

// Group returns a group's name, "" if there is none.
func (n *Names) Group(gid uint32) string {
	name, ok := n.groups[gid]
	if !ok {
		if g, err := user.LookupGroupId(strconv.FormatUint(uint64(gid), 10)); err == nil {
			name = g.Name
		}
		n.groups[gid] = name
	}
	return name
}
