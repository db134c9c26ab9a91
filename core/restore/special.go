package restore

import (
	"errors"
	"fmt"
	"os"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// special restores what is neither a file nor a directory.
func (r *run) special(f *folder, n *repo.Node, at string) error {
	if n.Kind == repo.NodeSocket {
		return nil // a socket means nothing without the program that made it
	}
	if !r.o.DevicesAndSetuid && (n.Kind == repo.NodeChar || n.Kind == repo.NodeBlock) {
		r.leftOut()
		return nil
	}
	r.o.Counters.FilesTotal.Add(1)
	as, renamed, skip, err := r.place(f, n.Name)
	if err != nil {
		r.problem(at, err)
		return nil
	}
	if skip {
		r.count(0, 1, 0, 0)
		return nil
	}
	if n.Link != 0 {
		if r.links[n.Link] != nil {
			r.later = append(r.later, laterLink{folder: f.hold(), name: as, number: n.Link})
			return nil
		}
		r.links[n.Link] = &linked{path: joinPath(f.path, as)}
	}
	if r.o.Conflict == Overwrite {
		if err := clearWay(f.root, as); err != nil {
			r.problem(at, err)
			return nil
		}
	}
	switch n.Kind {
	case repo.NodeSymlink:
		err = f.root.Symlink(n.Target, as)
	default:
		err = makeNode(f, n, as)
	}
	if err != nil {
		r.problem(at, err)
		return fatal(err)
	}
	for _, p := range setMeta(f, r.harmless(n), as, nil) {
		r.problem(at, p)
	}
	if n.Link != 0 {
		r.mu.Lock()
		r.links[n.Link].done = true
		r.mu.Unlock()
	}
	renamedN := int64(0)
	if renamed {
		renamedN = 1
	}
	r.count(1, 0, renamedN, 0)
	return nil
}

// clearWay removes what is under a name, unless it is a folder.
func clearWay(root *os.Root, name string) error {
	info, err := root.Lstat(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.IsDir() {
		return fmt.Errorf("a folder is in the way of %q", name)
	}
	return root.Remove(name)
}

// finishLinks makes the further names of files with several, after all files
// are complete. Until then their folders are held open.
func (r *run) finishLinks(root *os.Root) {
	for _, l := range r.later {
		at := joinPath(l.folder.path, l.name)
		switch first := r.links[l.number]; {
		case !first.done:
			r.problem(at, fmt.Errorf("its other name %q could not be restored", first.path))
		default:
			if err := r.link(root, first.path, at); err != nil {
				r.problem(at, err)
			} else {
				r.count(1, 0, 0, 0)
			}
		}
		r.release(l.folder)
	}
}

func (r *run) link(root *os.Root, first, name string) error {
	if r.o.Conflict == Overwrite {
		if err := clearWay(root, name); err != nil {
			return err
		}
	}
	return root.Link(first, name)
}
