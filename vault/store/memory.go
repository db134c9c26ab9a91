package store

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"sync"
)

var errStoreClosed = errors.New("the store is closed")

// Memory is a Store that is lost with the process. Tests use it, and Clone to go back in time.
type Memory struct {
	mu     sync.Mutex
	values map[Key][]byte
	closed bool
}

// NewMemory returns an empty one.
func NewMemory() *Memory { return &Memory{values: map[Key][]byte{}} }

// Clone returns an independent copy, open even if m is closed.
func (m *Memory) Clone() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &Memory{values: maps.Clone(m.values)} // values themselves never change
}

// Get implements Store.
func (m *Memory) Get(ctx context.Context, key Key) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usable(ctx); err != nil {
		return nil, err
	}
	value, ok := m.values[key]
	if !ok {
		return nil, ErrNotFound
	}
	return bytes.Clone(value), nil
}

// Commit implements Store.
func (m *Memory) Commit(ctx context.Context, changes []Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usable(ctx); err != nil {
		return err
	}
	for _, c := range changes {
		if value, ok := m.values[c.Key]; ok != (c.Old != nil) || !bytes.Equal(value, c.Old) {
			return ErrConflict
		}
	}
	for _, c := range changes {
		if c.New == nil {
			delete(m.values, c.Key)
		} else {
			m.values[c.Key] = bytes.Clone(c.New)
		}
	}
	return nil
}

// Iterate implements Store.
func (m *Memory) Iterate(ctx context.Context, fn func(Key, []byte) error) error {
	m.mu.Lock()
	err := m.usable(ctx)
	values := maps.Clone(m.values)
	m.mu.Unlock()
	if err != nil {
		return err
	}
	for key, value := range values {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(key, value); err != nil {
			return err
		}
	}
	return nil
}

// Close implements Store.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

func (m *Memory) usable(ctx context.Context) error {
	if m.closed {
		return errStoreClosed
	}
	return ctx.Err()
}
