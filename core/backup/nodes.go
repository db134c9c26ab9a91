package backup

import (
	"context"
	"errors"
	"io/fs"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/source"
)

// node turns an lstat into a node without content.
func (r *run) node(e *source.Entry) repo.Node {
	return repo.Node{
		Kind: nodeKind(e.Kind), Name: e.Name, Mode: e.Mode, Owner: r.owner(e), Link: linkOf(e),
		MTime: e.MTime.Sec, MNanos: uint32(e.MTime.Nsec), Size: e.Size, Rdev: e.Rdev,
		Local: appendSignature(nil, e),
	}
}

func (r *run) owner(e *source.Entry) repo.Owner { return r.names.of(e) }

// ownerNames finds the names of owners, for one goroutine.
type ownerNames struct{ *source.Names }

func (n ownerNames) of(e *source.Entry) repo.Owner {
	return repo.Owner{UID: e.UID, GID: e.GID, User: n.User(e.UID), Group: n.Group(e.GID)}
}

func nodeKind(k source.Kind) repo.NodeKind {
	switch k {
	case source.File:
		return repo.NodeFile
	case source.Folder:
		return repo.NodeDir
	case source.Symlink:
		return repo.NodeSymlink
	case source.FIFO:
		return repo.NodeFIFO
	case source.Socket:
		return repo.NodeSocket
	case source.CharDevice:
		return repo.NodeChar
	default:
		return repo.NodeBlock
	}
}

// unchanged reports whether the file need not be read: lstat says the same as
// in the run before, to the nanosecond of its ctime, and all its chunks are there.
func (r *run) unchanged(ctx context.Context, e *source.Entry, old *repo.Node) bool {
	if old == nil || old.Kind != nodeKind(e.Kind) || old.MTime != e.MTime.Sec || old.MNanos != uint32(e.MTime.Nsec) ||
		old.Mode != e.Mode || old.Size != e.Size || old.Rdev != e.Rdev || old.Owner != r.owner(e) {
		return false
	}
	r.signature = appendSignature(r.signature[:0], e)
	return string(old.Local) == string(r.signature) && r.stored(ctx, old)
}

// stored reports whether all chunks of a file are there.
func (r *run) stored(ctx context.Context, old *repo.Node) bool {
	for _, x := range old.Content.Extents {
		if !x.Hole && !r.has(x.Chunk) {
			return false
		}
	}
	return old.Content.Depth == 0 || r.hasBelow(ctx, old.Content)
}

// hasBelow reports whether what extent lists name is there: after a prune, a
// list may be left in a pack that others need when what it names is gone.
func (r *run) hasBelow(ctx context.Context, c repo.Content) bool {
	return r.o.Repository.Extents(ctx, c, func(e repo.Extent) error {
		if !e.Hole && !r.has(e.Chunk) {
			return repo.ErrDamaged
		}
		return nil
	}) == nil
}

// has asks the index, remembering the last answer: neighbours share chunks.
func (r *run) has(id repo.ID) bool {
	if r.lastKnown != id {
		if !r.o.Repository.Has(id) {
			return false
		}
		r.lastKnown = id
	}
	return true
}

// fillXattrs reads what lstat does not tell.
func (r *run) fillXattrs(dir *source.Dir, n *repo.Node, name string) error {
	list, err := dir.Xattrs(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	n.Xattrs = toXattrs(list)
	return err
}

func toXattrs(list []source.Xattr) (out []repo.Xattr) {
	for _, x := range list {
		out = append(out, repo.Xattr{Name: x.Name, Value: x.Value})
	}
	return out
}
