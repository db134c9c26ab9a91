package bucket

import "sync"

// Memory remembers so many ids by keys. One that is full forgets all.
type Memory struct {
	mu   sync.Mutex
	most int
	all  map[string]string
}

// NewMemory returns an empty one.
func NewMemory(most int) *Memory { return &Memory{most: most, all: make(map[string]string)} }

// Get returns the id of a key.
func (m *Memory) Get(key string) (id string, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id, ok = m.all[key]
	return id, ok
}

// Take is Get, and Forget.
func (m *Memory) Take(key string) (id string, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id, ok = m.all[key]
	delete(m.all, key)
	return id, ok
}

// Set remembers the id of a key.
func (m *Memory) Set(key, id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.all) >= m.most {
		clear(m.all)
	}
	m.all[key] = id
}

// Forget forgets the id of a key.
func (m *Memory) Forget(key string) { _, _ = m.Take(key) }
