// Package restoretest has file systems that lack what others have, for tests of what restores into them.
package restoretest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/text/unicode/norm"
)

// Options say what a file system lacks.
type Options struct {
	FoldCase  bool // names that differ in case are one
	FoldForms bool // names that differ in their Unicode form are one
	NoLinks   bool
	NoModes   bool // nor owners
}

// Mount mounts one over an empty folder until the test ends, and returns where.
func Mount(t testing.TB, o Options) string {
	t.Helper()
	back, at := t.TempDir(), t.TempDir()
	root := &node{o: &o, path: back}
	server, err := fs.Mount(at, root, &fs.Options{MountOptions: fuse.MountOptions{DirectMount: true, FsName: "lacking"}})
	if err != nil {
		t.Fatalf("mounting a file system of our own: %v (it needs /dev/fuse, and root)", err)
	}
	t.Cleanup(func() {
		if err := server.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return at
}

// node is a file or folder, known by its path in the folder behind.
type node struct {
	fs.Inode
	o    *Options
	path string
}

var (
	_ fs.NodeLookuper  = (*node)(nil)
	_ fs.NodeGetattrer = (*node)(nil)
	_ fs.NodeSetattrer = (*node)(nil)
	_ fs.NodeOpener    = (*node)(nil)
	_ fs.NodeCreater   = (*node)(nil)
	_ fs.NodeMkdirer   = (*node)(nil)
	_ fs.NodeUnlinker  = (*node)(nil)
	_ fs.NodeRmdirer   = (*node)(nil)
	_ fs.NodeRenamer   = (*node)(nil)
	_ fs.NodeReaddirer = (*node)(nil)
	_ fs.NodeLinker    = (*node)(nil)
)

func (n *node) fold(name string) string {
	if n.o.FoldForms {
		name = norm.NFC.String(name)
	}
	if n.o.FoldCase {
		name = strings.ToLower(name)
	}
	return name
}

// at is the path of a name in this folder: that of the entry which the file system takes for it, if there is one.
func (n *node) at(name string) string {
	entries, err := os.ReadDir(n.path)
	if err == nil {
		for _, e := range entries {
			if n.fold(e.Name()) == n.fold(name) {
				return filepath.Join(n.path, e.Name())
			}
		}
	}
	return filepath.Join(n.path, name)
}

func (n *node) child(ctx context.Context, path string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	var st syscall.Stat_t
	if err := syscall.Lstat(path, &st); err != nil {
		return nil, fs.ToErrno(err)
	}
	out.FromStat(&st)
	return n.NewInode(ctx, &node{o: n.o, path: path}, fs.StableAttr{Mode: st.Mode & syscall.S_IFMT, Ino: st.Ino}), 0
}

// Lookup implements fs.NodeLookuper.
func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return n.child(ctx, n.at(name), out)
}

// Getattr implements fs.NodeGetattrer.
func (n *node) Getattr(ctx context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if g, ok := f.(fs.FileGetattrer); ok {
		return g.Getattr(ctx, out)
	}
	var st syscall.Stat_t
	if err := syscall.Lstat(n.path, &st); err != nil {
		return fs.ToErrno(err)
	}
	out.FromStat(&st)
	return 0
}

// Setattr implements fs.NodeSetattrer.
func (n *node) Setattr(ctx context.Context, f fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	_, owner := in.GetUID()
	mode, chmod := in.GetMode()
	if n.o.NoModes && (owner || chmod) {
		return syscall.EPERM
	}
	if chmod {
		if err := syscall.Chmod(n.path, mode); err != nil {
			return fs.ToErrno(err)
		}
	}
	if size, ok := in.GetSize(); ok {
		if err := syscall.Truncate(n.path, int64(size)); err != nil {
			return fs.ToErrno(err)
		}
	}
	if t, ok := in.GetMTime(); ok {
		if err := os.Chtimes(n.path, t, t); err != nil {
			return fs.ToErrno(err)
		}
	}
	return n.Getattr(ctx, f, out)
}

// Open implements fs.NodeOpener.
func (n *node) Open(_ context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	fd, err := syscall.Open(n.path, int(flags), 0)
	if err != nil {
		return nil, 0, fs.ToErrno(err)
	}
	return fs.NewLoopbackFile(fd), 0, 0
}

// Create implements fs.NodeCreater.
func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	path := n.at(name)
	fd, err := syscall.Open(path, int(flags)|os.O_CREATE, mode)
	if err != nil {
		return nil, nil, 0, fs.ToErrno(err)
	}
	child, errno := n.child(ctx, path, out)
	return child, fs.NewLoopbackFile(fd), 0, errno
}

// Mkdir implements fs.NodeMkdirer.
func (n *node) Mkdir(ctx context.Context, name string, _ uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	path := n.at(name)
	if err := os.Mkdir(path, 0o755); err != nil {
		return nil, fs.ToErrno(err)
	}
	return n.child(ctx, path, out)
}

// Unlink implements fs.NodeUnlinker.
func (n *node) Unlink(_ context.Context, name string) syscall.Errno {
	return fs.ToErrno(syscall.Unlink(n.at(name)))
}

// Rmdir implements fs.NodeRmdirer.
func (n *node) Rmdir(_ context.Context, name string) syscall.Errno {
	return fs.ToErrno(syscall.Rmdir(n.at(name)))
}

// Rename implements fs.NodeRenamer. It knows no flags, as many file systems do not.
func (n *node) Rename(_ context.Context, name string, parent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	if flags != 0 {
		return syscall.EINVAL
	}
	to := parent.(*node).at(newName)
	if err := os.Rename(n.at(name), to); err != nil {
		return fs.ToErrno(err)
	}
	if child := n.GetChild(name); child != nil {
		child.Operations().(*node).path = to
	}
	return 0
}

// Link implements fs.NodeLinker.
func (n *node) Link(ctx context.Context, target fs.InodeEmbedder, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if n.o.NoLinks {
		return nil, syscall.EPERM
	}
	path := n.at(name)
	if err := os.Link(target.(*node).path, path); err != nil {
		return nil, fs.ToErrno(err)
	}
	return n.child(ctx, path, out)
}

// Readdir implements fs.NodeReaddirer.
func (n *node) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	entries, err := os.ReadDir(n.path)
	if err != nil {
		return nil, fs.ToErrno(err)
	}
	list := make([]fuse.DirEntry, 0, len(entries))
	for _, e := range entries {
		mode := uint32(syscall.S_IFREG)
		if e.IsDir() {
			mode = syscall.S_IFDIR
		}
		list = append(list, fuse.DirEntry{Name: e.Name(), Mode: mode})
	}
	return fs.NewListDirStream(list), 0
}
