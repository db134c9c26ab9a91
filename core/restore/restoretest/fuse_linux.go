// Package restoretest has file systems that lack what others have, or are at fault, for tests of what restores into them and of what
// backs them up.
package restoretest

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
	"golang.org/x/text/unicode/norm"
)

// Options say what a file system lacks, and its faults.
type Options struct {
	Back      string // the folder behind; "": an empty one
	At        string // where it is mounted; "": somewhere
	FoldCase  bool   // names that differ in case are one
	FoldForms bool   // names that differ in their Unicode form are one
	NoLinks   bool
	NoModes   bool // nor owners
	// Fault, if not nil, is asked before each Lookup, Getattr, Open, Opendir, Readdir, Read, Write, Readlink and Listxattr, with the
	// path below the mount and the offset. What it returns is the answer, but 0. It may block.
	Fault func(op, path string, offset int64) syscall.Errno
	Hang  *Hang // may be nil
	// Size, if not nil, says how long a file claims to be.
	Size func(path string, size uint64) uint64
}

// Hang is a fault: calls of some kinds on one path get no answer until the test ends, and all ends well then.
type Hang struct {
	op, path string
	end      chan struct{}
	first    chan struct{} // closed when a call waits
	once     sync.Once
	waiting  sync.Map // the paths of calls that wait
}

// NewHang makes operations on a path and what is below it hang; "*" is any. op may be several, with blanks between them.
func NewHang(op, path string) *Hang {
	return &Hang{op: op, path: path, end: make(chan struct{}), first: make(chan struct{})}
}

func (h *Hang) wait(op, path string) {
	if (h.op == "*" || slices.Contains(strings.Fields(h.op), op)) && (h.path == "*" || path == h.path || strings.HasPrefix(path, h.path+"/")) {
		h.waiting.Store(path, true)
		h.once.Do(func() { close(h.first) })
		<-h.end
	}
}

// Waits reports whether a call on a path of the file system mounted at this place waits.
func (h *Hang) Waits(at, path string) bool {
	rel, err := filepath.Rel(at, path)
	if err != nil {
		return false
	}
	_, ok := h.waiting.Load(rel)
	return ok
}

// Begun is closed when the first call waits.
func (h *Hang) Begun() <-chan struct{} { return h.first }

// Mount mounts one over an empty folder until the test ends, and returns where.
func Mount(t testing.TB, o Options) string {
	t.Helper()
	if o.Back == "" {
		o.Back = t.TempDir()
	}
	if o.At == "" {
		o.At = t.TempDir()
	}
	root := &node{o: &o, path: o.Back}
	server, err := fs.Mount(o.At, root, &fs.Options{MountOptions: fuse.MountOptions{DirectMount: true, FsName: "lacking",
		DisableReadDirPlus: true}})
	if err != nil {
		t.Fatalf("mounting a file system of our own: %v (it needs /dev/fuse, and root)", err)
	}
	t.Cleanup(func() {
		if o.Hang != nil {
			close(o.Hang.end)
		}
		if err := unix.Unmount(o.At, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
		server.Wait() // until nothing is open in it any more
	})
	return o.At
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

	_ fs.NodeOpendirer   = (*node)(nil)
	_ fs.NodeReader      = (*node)(nil)
	_ fs.NodeWriter      = (*node)(nil)
	_ fs.NodeReadlinker  = (*node)(nil)
	_ fs.NodeListxattrer = (*node)(nil)
)

// fault is what an operation on a path in the folder behind answers before it is tried.
func (n *node) fault(op, path string, offset int64) syscall.Errno {
	rel, err := filepath.Rel(n.o.Back, path)
	if err != nil {
		return fs.ToErrno(err)
	}
	if n.o.Hang != nil {
		n.o.Hang.wait(op, rel)
	}
	if n.o.Fault == nil {
		return 0
	}
	return n.o.Fault(op, rel, offset)
}

// attr tells what the file system says of a file.
func (n *node) attr(path string, st *syscall.Stat_t, out *fuse.Attr) {
	out.FromStat(st)
	if rel, err := filepath.Rel(n.o.Back, path); err == nil && n.o.Size != nil && st.Mode&syscall.S_IFMT == syscall.S_IFREG {
		out.Size = n.o.Size(rel, out.Size)
	}
}

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
	n.attr(path, &st, &out.Attr)
	return n.NewInode(ctx, &node{o: n.o, path: path}, fs.StableAttr{Mode: st.Mode & syscall.S_IFMT, Ino: st.Ino}), 0
}

// Lookup implements fs.NodeLookuper.
func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	path := n.at(name)
	if errno := n.fault("Lookup", path, 0); errno != 0 {
		return nil, errno
	}
	return n.child(ctx, path, out)
}

// Getattr implements fs.NodeGetattrer.
func (n *node) Getattr(ctx context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if errno := n.fault("Getattr", n.path, 0); errno != 0 {
		return errno
	}
	if g, ok := f.(fs.FileGetattrer); ok && n.o.Size == nil {
		return g.Getattr(ctx, out)
	}
	var st syscall.Stat_t
	if err := syscall.Lstat(n.path, &st); err != nil {
		return fs.ToErrno(err)
	}
	n.attr(n.path, &st, &out.Attr)
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
	if errno := n.fault("Open", n.path, 0); errno != 0 {
		return nil, 0, errno
	}
	fd, err := syscall.Open(n.path, int(flags), 0)
	if err != nil {
		return nil, 0, fs.ToErrno(err)
	}
	if n.o.Size != nil { // what is read is not cut off where the file claims to end
		return n.file(fd), fuse.FOPEN_DIRECT_IO, 0
	}
	return n.file(fd), 0, 0
}

// asked is a file whose reads and writes come here, and not by the kernel to the file behind.
type asked struct {
	fs.FileReader
	fs.FileWriter
	fs.FileGetattrer
	fs.FileFlusher
	fs.FileFsyncer
	fs.FileReleaser
	fs.FileAllocater
}

func (n *node) file(fd int) fs.FileHandle {
	f := fs.NewLoopbackFile(fd)
	if n.o.Fault == nil && n.o.Hang == nil && n.o.Size == nil {
		return f
	}
	type all interface {
		fs.FileReader
		fs.FileWriter
		fs.FileGetattrer
		fs.FileFlusher
		fs.FileFsyncer
		fs.FileReleaser
		fs.FileAllocater
	}
	l := f.(all)
	return asked{l, l, l, l, l, l, l}
}

// Opendir implements fs.NodeOpendirer.
func (n *node) Opendir(context.Context) syscall.Errno { return n.fault("Opendir", n.path, 0) }

// Read implements fs.NodeReader.
func (n *node) Read(ctx context.Context, f fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if errno := n.fault("Read", n.path, off); errno != 0 {
		return nil, errno
	}
	return f.(fs.FileReader).Read(ctx, dest, off)
}

// Write implements fs.NodeWriter.
func (n *node) Write(ctx context.Context, f fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	if errno := n.fault("Write", n.path, off); errno != 0 {
		return 0, errno
	}
	return f.(fs.FileWriter).Write(ctx, data, off)
}

// Readlink implements fs.NodeReadlinker.
func (n *node) Readlink(context.Context) ([]byte, syscall.Errno) {
	if errno := n.fault("Readlink", n.path, 0); errno != 0 {
		return nil, errno
	}
	target, err := os.Readlink(n.path)
	return []byte(target), fs.ToErrno(err)
}

// Listxattr implements fs.NodeListxattrer: there are none.
func (n *node) Listxattr(context.Context, []byte) (uint32, syscall.Errno) {
	return 0, n.fault("Listxattr", n.path, 0)
}

// Create implements fs.NodeCreater.
func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32,
	syscall.Errno) {
	path := n.at(name)
	fd, err := syscall.Open(path, int(flags)|os.O_CREATE, mode)
	if err != nil {
		return nil, nil, 0, fs.ToErrno(err)
	}
	child, errno := n.child(ctx, path, out)
	return child, n.file(fd), 0, errno
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
	if errno := n.fault("Readdir", n.path, 0); errno != 0 {
		return nil, errno
	}
	entries, err := os.ReadDir(n.path)
	if err != nil {
		return nil, fs.ToErrno(err)
	}
	list := make([]fuse.DirEntry, 0, len(entries))
	for _, e := range entries {
		mode := uint32(syscall.S_IFREG)
		switch {
		case e.IsDir():
			mode = syscall.S_IFDIR
		case e.Type() == os.ModeSymlink:
			mode = syscall.S_IFLNK
		}
		list = append(list, fuse.DirEntry{Name: e.Name(), Mode: mode})
	}
	return fs.NewListDirStream(list), 0
}
