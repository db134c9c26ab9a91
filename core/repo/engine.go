package repo

import (
	"maps"
	"sync"
	"time"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/index"
	"github.com/holdfast-backup/holdfast/core/store"
)

// Engine reads and writes the objects and the chunks of a repository. It is safe for concurrent use, except that nothing
// else may run while a change of protection replaces its fields.
type Engine struct {
	Store  store.Store
	Header *format.Header
	ID     RepositoryID
	Key    *backupkey.Key // nil without encryption
	Epochs []*Epoch       // all that can be read, the newest last
	Writes *Epoch         // the one that is written
	Trust  Trust          // what counts of closed epochs
	Seen   Seen           // of the keyring that was opened
	Index  *index.Index
	Ahead  time.Duration // of the clock by which snapshots are dated; tests set it

	mu     sync.Mutex
	loaded map[Name]bool // indexes in memory
	listed map[Name]bool // packs that some loaded index names
	missed map[Name]bool // packs that were found to be gone
}

// NewEngine returns an engine of which nothing is loaded, and which writes under the newest epoch.
func NewEngine(s store.Store, h *format.Header, key *backupkey.Key, epochs []*Epoch) *Engine {
	return &Engine{
		Store: s, Header: h, ID: h.ID(), Key: key, Epochs: epochs, Writes: epochs[len(epochs)-1],
		Index: index.New(), loaded: make(map[Name]bool), listed: make(map[Name]bool), missed: make(map[Name]bool),
	}
}

// Loaded returns the names of the indexes in memory.
func (eng *Engine) Loaded() map[Name]bool {
	eng.mu.Lock()
	defer eng.mu.Unlock()
	return maps.Clone(eng.loaded)
}

// Listed returns the names of the packs that some index in memory names.
func (eng *Engine) Listed() map[Name]bool {
	eng.mu.Lock()
	defer eng.mu.Unlock()
	return maps.Clone(eng.listed)
}

// Take forgets what is in memory and takes packs for all that the named indexes say.
func (eng *Engine) Take(indexes []Name, packs map[Name]format.PackList) {
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
	fresh := NewEngine(eng.Store, eng.Header, eng.Key, eng.Epochs)
	fresh.Writes, fresh.Trust, fresh.Seen, fresh.Ahead = eng.Writes, eng.Trust, eng.Seen, eng.Ahead
	return fresh
}
