package backup

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"strings"
	"sync"

	"github.com/zeebo/blake3"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/source"
)

// A file with several names is read once. What was read counts for another name only when that name was listed as
// the very file that was read, in the same state: device, inode, size, modification and change time. The inode alone
// does not do: a file system gives the number of a deleted file to the next one. Every other name is read by itself.

type inode struct{ device, inode uint64 }

// linkTable is what a run knows of files with several names. Walk and assembler use it.
type linkTable struct {
	mu    sync.Mutex
	files map[inode]linked
}

type linked struct {
	first *pending // the name whose content is read; nil while all names are as in the run before
	state uint64   // in which the names that are in the snapshot were; 0: none is yet
}

var stateSeed = maphash.MakeSeed()

// stateOf is the state of a file that one lstat or fstat told, for comparisons within this process.
func stateOf(e *source.Entry) uint64 {
	var b [64]byte
	s := appendSignature(b[:0], e)
	s = binary.AppendVarint(s, e.Size)
	s = binary.AppendVarint(s, e.MTime.Sec)
	s = binary.AppendUvarint(s, uint64(e.MTime.Nsec))
	return maphash.Bytes(stateSeed, s)
}

// mayKeep reports whether an entry that is as in the run before may be kept. It may not when another name of the
// file was read, or is: the two may come back as one file.
func (t *linkTable) mayKeep(e *source.Entry) bool {
	if e.Links < 2 || e.Kind != source.File {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	key, state := inode{e.Device, e.Inode}, stateOf(e)
	l := t.files[key]
	if l.first != nil || l.state != 0 && l.state != state {
		return false
	}
	t.files[key] = linked{state: state}
	return true
}

// first returns the name of the file of p that is read already. If there is none it returns nil, and p is the one.
func (t *linkTable) first(p *pending) *pending {
	if p.entry.Links < 2 {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	key := inode{p.entry.Device, p.entry.Inode}
	l := t.files[key]
	if l.first == nil {
		t.files[key] = linked{first: p, state: l.state}
	}
	return l.first
}

// forget takes back that p is read.
func (t *linkTable) forget(p *pending) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := inode{p.entry.Device, p.entry.Inode}
	if l := t.files[key]; l.first == p {
		t.files[key] = linked{state: l.state}
	}
}

// settle notes the state in which a name of a file was read, and reports whether the file's other names in the
// snapshot are of the same state.
func (t *linkTable) settle(e *source.Entry, state uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := inode{e.Device, e.Inode}
	l := t.files[key]
	if l.state != 0 && l.state != state {
		return false
	}
	l.state = state
	t.files[key] = l
	return true
}

// anotherName sets the result of a further name of a file.
func (a *assembler) anotherName(ctx context.Context, p *pending, n repo.Node) error {
	first := p.first
	p.first = nil
	if first.ok && first.state == stateOf(&p.entry) {
		p.result, p.state, p.ok = first.result, first.state, true
		return nil
	}
	dir, err := a.reopen(p.top, p.path)
	if err != nil {
		return a.setResult(ctx, p, n, repo.Content{}, p.entry, err)
	}
	p.dir = newDirRef(dir)
	defer p.dir.release()
	content, entry, err := a.storeAlone(ctx, p)
	return a.setResult(ctx, p, n, content, entry, err)
}

// reopen opens the folder that holds path again, without following a link below the source. A folder is not held open for each
// further name of a file: there may be more of them than this process may have handles.
func (r *run) reopen(top, path string) (*source.Dir, error) {
	dir, _, isDir, err := r.watch.Open(top)
	if err != nil || !isDir {
		return dir, err
	}
	rel := strings.TrimPrefix(strings.TrimPrefix(path, top), "/")
	elements := strings.Split(rel, "/")
	for _, name := range elements[:len(elements)-1] {
		child, err := dir.OpenDir(name)
		if err = errors.Join(err, dir.Close()); err != nil {
			return nil, err
		}
		dir = child
	}
	return dir, nil
}

// linkOf is the link number of a file, 0 for one with a single name.
func linkOf(e *source.Entry) uint64 {
	if e.Links < 2 || e.Kind == source.Folder {
		return 0
	}
	return linkNumber(e.Device, e.Inode)
}

// linkNumber names a file with several names within a snapshot.
func linkNumber(device, inode uint64) uint64 {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], device)
	binary.BigEndian.PutUint64(b[8:], inode)
	sum := blake3.Sum256(b[:])
	return binary.BigEndian.Uint64(sum[:]) | 1
}
