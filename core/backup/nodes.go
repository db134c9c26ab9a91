package backup

import (
	"context"
	"errors"
	"io/fs"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/source"
)

// node turns an lstat into a node without content.
func (n ownerNames) node(e *source.Entry) repo.Node {
	return repo.Node{
		Kind: nodeKind(e.Kind), Name: e.Name, Mode: e.Mode, Owner: n.of(e), Link: linkOf(e),
		MTime: e.MTime.Sec, MNanos: uint32(e.MTime.Nsec), Size: e.Size, Rdev: e.Rdev,
		Local: appendSignature(nil, e),
	}
}

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
func (w *walker) unchanged(ctx context.Context, e *source.Entry, old *repo.Node) bool {
	if old == nil || old.Kind != nodeKind(e.Kind) || old.MTime != e.MTime.Sec || old.MNanos != uint32(e.MTime.Nsec) ||
		old.Mode != e.Mode || old.Size != e.Size || old.Rdev != e.Rdev || old.Owner != w.names.of(e) {
		return false
	}
	w.signature = appendSignature(w.signature[:0], e)
	return string(old.Local) == string(w.signature) && w.chunks.hold(ctx, old)
}

// chunks asks a repository which chunks are there. It is for one goroutine.
type chunks struct {
	of   *repo.Repository
	last repo.ID // that is there: neighbours share chunks
}

// hold reports whether all chunks of a file are there.
func (c *chunks) hold(ctx context.Context, old *repo.Node) bool {
	for _, x := range old.Content.Extents {
		if !x.Hole && !c.has(x.Chunk) {
			return false
		}
	}
	return old.Content.Depth == 0 || c.hasBelow(ctx, old.Content)
}

// hasBelow reports whether what extent lists name is there: after a prune, a
// list may be left in a pack that others need when what it names is gone.
func (c *chunks) hasBelow(ctx context.Context, content repo.Content) bool {
	return c.of.Extents(ctx, content, func(e repo.Extent) error {
		if !e.Hole && !c.has(e.Chunk) {
			return repo.ErrDamaged
		}
		return nil
	}) == nil
}

// has asks the index, and remembers the last answer.
func (c *chunks) has(id repo.ID) bool {
	if c.last != id {
		if !c.of.Has(id) {
			return false
		}
		c.last = id
	}
	return true
}

// fillXattrs reads what lstat does not tell.
func fillXattrs(dir *source.Dir, n *repo.Node, name string) error {
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
