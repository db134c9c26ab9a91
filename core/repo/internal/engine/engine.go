package engine

import (
	"maps"
	"sync"
	"time"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/index"
	"github.com/holdfast-backup/holdfast/core/repo/internal/sealed"
)

// Engine reads and writes the chunks of a repository, and through its Objects all else. It is safe for concurrent use, except
// that nothing else may run while a change of protection replaces fields of Objects.
type Engine struct {
	*sealed.Objects
	Index *index.Index
	Ahead time.Duration // of the clock by which snapshots are dated; tests set it
	near  near          // of a place far away
	lists *lists

	mu     sync.Mutex
	loaded map[format.Name]bool // indexes in memory
	listed map[format.Name]bool // packs that some loaded index names
	missed map[format.Name]bool // packs that were found to be gone
}

// New returns an engine. It has no index in memory yet.
func New(o *sealed.Objects) *Engine {
	return &Engine{Objects: o, Index: index.New(), loaded: make(map[format.Name]bool), listed: make(map[format.Name]bool),
		missed: make(map[format.Name]bool)}
}

// Loaded returns the names of the indexes in memory.
func (eng *Engine) Loaded() map[format.Name]bool {
	eng.mu.Lock()
	defer eng.mu.Unlock()
	return maps.Clone(eng.loaded)
}

// Listed returns the names of the packs that some index in memory names.
func (eng *Engine) Listed() map[format.Name]bool {
	eng.mu.Lock()
	defer eng.mu.Unlock()
	return maps.Clone(eng.listed)
}

// Take forgets what is in memory and takes packs for all that the named indexes say.
func (eng *Engine) Take(indexes []format.Name, packs map[format.Name]format.PackList) {
	eng.mu.Lock()
	defer eng.mu.Unlock()
	eng.Index.Reset()
	clear(eng.loaded)
	clear(eng.listed)
	for _, n := range indexes {
		eng.loaded[n] = true
	}
	for n, list := range packs {
		eng.listed[n] = true
		eng.Index.Add(list)
	}
}

// Fresh returns the same engine with nothing loaded yet.
func (eng *Engine) Fresh() *Engine {
	o := *eng.Objects
	fresh := New(&o)
	fresh.Ahead = eng.Ahead
	return fresh
}

// IsListed reports whether some index in memory names a pack.
func (eng *Engine) IsListed(n format.Name) bool {
	eng.mu.Lock()
	defer eng.mu.Unlock()
	return eng.listed[n]
}
