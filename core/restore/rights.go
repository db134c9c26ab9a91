package restore

import (
	"slices"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// Bits of a mode that run a program as the file's owner or group.
const (
	setIDs = 0o6000
	setUID = 0o4000
)

// capability is the attribute with a file's capabilities (capabilities(7)).
const capability = "security.capability"

// harmless is an entry as it is restored unless the person asked for more: it
// gives no rights over this computer. On a folder the group's bit stays, since it
// only says which group new files belong to.
func (r *run) harmless(n *repo.Node) *repo.Node {
	drop := uint32(setIDs)
	if n.Kind == repo.NodeDir {
		drop = setUID
	}
	isCapability := func(x repo.Xattr) bool { return x.Name == capability }
	if r.o.DevicesAndSetuid || n.Kind == repo.NodeSymlink || n.Mode&drop == 0 && !slices.ContainsFunc(n.Xattrs, isCapability) {
		return n
	}
	r.leftOut()
	plain := *n
	plain.Mode &^= drop
	plain.Xattrs = slices.DeleteFunc(slices.Clone(n.Xattrs), isCapability)
	return &plain
}

func (r *run) leftOut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.LeftOut++
}
