package drive

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"github.com/holdfast-backup/holdfast/core/store"
)

// memory remembers so many things by their keys. One that is full forgets all: nothing depends on it.
type memory[V any] struct {
	mu   *sync.Mutex
	most int
	all  map[string]V
}

func newMemory[V any](most int) memory[V] {
	return memory[V]{mu: new(sync.Mutex), most: most, all: make(map[string]V)}
}

func (m memory[V]) get(key string) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.all[key]
	return v, ok
}

// take is get, and forget.
func (m memory[V]) take(key string) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.all[key]
	delete(m.all, key)
	return v, ok
}

func (m memory[V]) set(key string, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.all) >= m.most {
		clear(m.all)
	}
	m.all[key] = v
}

func (m memory[V]) forget(key string) { _, _ = m.take(key) }

// attempt is a put of which nobody knows whether it is done, as its answer was lost. The next put of the same bytes has
// the same id: the service then makes no second file, whenever it does the first.
type attempt struct{ sum, id string }

// spare are ids that the service has given, for files that are still to be made.
type spare struct {
	turn chan struct{} // who holds it may use what follows
	ids  *[]string
}

func newSpare() spare { return spare{make(chan struct{}, 1), new([]string)} }

// newID returns an id that no file has had (Files: generateIds).
func (s *service) newID(ctx context.Context) (string, error) {
	select {
	case s.spare.turn <- struct{}{}:
		defer func() { <-s.spare.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if len(*s.spare.ids) == 0 {
		var answer struct {
			IDs []string `json:"ids"`
		}
		query := url.Values{"count": {"100"}, "space": {"drive"}, "type": {"files"}, "fields": {"ids"}}
		if err := s.ask(ctx, http.MethodGet, "/files/generateIds", query, nil, &answer); err != nil {
			return "", err
		}
		if len(answer.IDs) == 0 {
			return "", fmt.Errorf("%w: the service gives no ids", store.ErrUnreachable)
		}
		*s.spare.ids = answer.IDs
	}
	id := (*s.spare.ids)[0]
	*s.spare.ids = (*s.spare.ids)[1:]
	return id, nil
}
