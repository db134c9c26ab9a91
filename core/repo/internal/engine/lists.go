package engine

import (
	"os"
	"path/filepath"
	"sync"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/store/cached"
)

// lists are copies of extent lists in a folder of this computer. A backup asks each hour whether all chunks of a large file
// are there, and would fetch the file's lists each time. nil: there are none.
type lists struct {
	dir  string
	mu   sync.Mutex
	used map[format.ID]bool
}

// KeepLists keeps copies of extent lists of a place far away in a folder, from now on. It is for backups: what checks the
// place must not read copies. A snapshot that is written ends copies that nobody has asked for since.
func (eng *Engine) KeepLists(dir string) {
	if eng.Store.Properties().Far {
		eng.lists = &lists{dir: dir, used: make(map[format.ID]bool)}
	}
}

// KeptList returns the copy of an extent list that is at the destination, too.
func (eng *Engine) KeptList(id format.ID) ([]byte, bool) {
	if eng.lists == nil || !eng.Has(id) {
		return nil, false
	}
	block, ok := cached.ReadCopy(eng.lists.use(id))
	return block, ok
}

// KeepList keeps a copy of an extent list, if copies are kept.
func (eng *Engine) KeepList(id format.ID, block []byte) {
	if eng.lists != nil {
		cached.KeepCopy(eng.lists.use(id), block)
	}
}

// use returns where a copy is.
func (l *lists) use(id format.ID) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.used[id] = true
	return filepath.Join(l.dir, id.String())
}

// end removes copies that nobody has asked for.
func (l *lists) end() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	keep := make(map[string]bool, len(l.used))
	for id := range l.used {
		keep[id.String()] = true
	}
	entries, _ := os.ReadDir(l.dir) // none where it is not there
	for _, e := range entries {
		if !keep[e.Name()] {
			_ = os.Remove(filepath.Join(l.dir, e.Name())) // the next run tries again
		}
	}
}
