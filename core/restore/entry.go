package restore

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// restore restores what is no directory.
func (r *run) restore(f *folder, n *repo.Node, path string) error {
	switch {
	case n.Kind == repo.NodeSocket:
		return nil // a socket means nothing without the program that made it
	case !r.o.DevicesAndSetuid && (n.Kind == repo.NodeChar || n.Kind == repo.NodeBlock):
		r.leftOut()
		return nil
	}
	r.o.Counters.FilesTotal.Add(1)
	name, err := localName(n.Name), error(nil)
	var what outcome
	var info os.FileInfo
	err = r.in(f, func(root *os.Root, _ *os.File) (err error) {
		what, info, err = r.look(f, root, name)
		if err == nil && what == beside {
			name, err = freeName(root, name)
		}
		return err
	})
	if err != nil {
		r.problem(path, err)
		return nil
	}
	if what == kept {
		return r.keepOrCompare(f, n, path, info)
	}
	out := &output{folder: f, node: n, path: path, name: name}
	if n.Link != 0 && !r.firstOf(out) {
		r.later = append(r.later, laterLink{f.hold(), path, name, n.Link})
		return nil
	}
	f.hold()
	if n.Kind != repo.NodeFile {
		return out.special(r)
	}
	return r.file(out)
}

// keepOrCompare counts an entry that stays as it is. A file of the same size and another time is compared.
func (r *run) keepOrCompare(f *folder, n *repo.Node, path string, info os.FileInfo) error {
	if n.Kind == repo.NodeFile && info.Mode().IsRegular() && info.Size() == n.Size &&
		!info.ModTime().Equal(time.Unix(n.MTime, int64(n.MNanos))) &&
		n.Content.Depth == 0 && n.Size <= batchBytes/2 && r.chunkBytes(n.Content.Extents) <= loadedBytes {
		return r.gather(&output{folder: f.hold(), node: n, path: path, name: localName(n.Name), differ: true})
	}
	r.keep(n, info)
	return nil
}

// keep counts an entry that stays as it is; info, if not nil, tells what it is.
func (r *run) keep(n *repo.Node, info os.FileInfo) {
	r.count(0, 1, 0, 0)
	if info == nil || !same(n, info) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.result.Differ++
	}
}

// same reports whether what is there looks like the entry: its kind, and a file's size and time.
func same(n *repo.Node, info os.FileInfo) bool {
	switch n.Kind {
	case repo.NodeFile:
		return info.Mode().IsRegular() && info.Size() == n.Size && info.ModTime().Equal(time.Unix(n.MTime, int64(n.MNanos)))
	case repo.NodeSymlink:
		return info.Mode()&fs.ModeSymlink != 0
	}
	return info.Mode()&(fs.ModeNamedPipe|fs.ModeDevice) != 0
}

// compare holds a file that is kept against what load fetched of its extents.
func (o *output) compare(w *worker, extents []repo.Extent) {
	r := w.r
	defer r.release(o.folder)
	equal := r.in(o.folder, func(root *os.Root, _ *os.File) error {
		file, err := root.Open(o.name)
		if err != nil {
			return err
		}
		defer file.Close() //nolint:errcheck // only read from
		at := int64(0)
		for _, e := range extents {
			want := make([]byte, e.Length)
			if !e.Hole {
				if want, err = w.piece(e); err != nil {
					return err
				}
			}
			got := make([]byte, e.Length)
			if _, err := file.ReadAt(got, at); err != nil {
				return err
			}
			if !bytes.Equal(got, want) {
				return errDiffers
			}
			at += e.Length
		}
		return nil
	}) == nil
	r.count(0, 1, 0, 0)
	if !equal {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.result.Differ++
	}
}

var errDiffers = errors.New("it differs")

// special makes what is neither a file nor a directory.
func (o *output) special(r *run) error {
	o.temp = tempName()
	r.mu.Lock()
	r.unfinished[o] = true
	r.mu.Unlock()
	err := r.in(o.folder, func(root *os.Root, dir *os.File) error {
		if o.node.Kind == repo.NodeSymlink {
			return root.Symlink(o.node.Target, o.temp)
		}
		return makeNode(dir, o.node, o.temp)
	})
	return o.finish(r, err)
}
