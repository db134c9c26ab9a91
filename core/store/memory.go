package store

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Memory is a store in memory, for tests. It keeps all promises but the one
// about power loss.
type Memory struct {
	mu      sync.RWMutex
	objects map[string][]byte // the slices are never changed
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{objects: map[string][]byte{}} }

// Put implements Store.
func (m *Memory) Put(ctx context.Context, name string, data []byte) error {
	return m.write(ctx, "put", name, data, false)
}

// Replace implements Store.
func (m *Memory) Replace(ctx context.Context, name string, data []byte) error {
	return m.write(ctx, "replace", name, data, true)
}

func (m *Memory) write(ctx context.Context, op, name string, data []byte, replace bool) error {
	if err := m.check(ctx, op, name, CheckName); err != nil {
		return err
	}
	data = bytes.Clone(data)
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.objects[name]; ok && !replace {
		return m.fail(op, name, ErrExists)
	}
	m.objects[name] = data
	return nil
}

// ReadAt implements Store.
func (m *Memory) ReadAt(ctx context.Context, name string, p []byte, offset int64) error {
	data, err := m.get(ctx, "read", name)
	if err != nil {
		return err
	}
	if offset < 0 {
		return m.fail("read", name, fmt.Errorf("negative offset %d", offset))
	}
	if n := int64(len(data)); offset > n || int64(len(p)) > n-offset {
		return m.fail("read", name, fmt.Errorf("%d bytes at %d of %d: %w", len(p), offset, n, io.ErrUnexpectedEOF))
	}
	copy(p, data[offset:])
	return nil
}

// Stat implements Store.
func (m *Memory) Stat(ctx context.Context, name string) (Object, error) {
	data, err := m.get(ctx, "stat", name)
	if err != nil {
		return Object{}, err
	}
	return Object{name, int64(len(data))}, nil
}

func (m *Memory) get(ctx context.Context, op, name string) ([]byte, error) {
	if err := m.check(ctx, op, name, CheckName); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	data, ok := m.objects[name]
	if !ok {
		return nil, m.fail(op, name, ErrNotExist)
	}
	return data, nil
}

// List implements Store.
func (m *Memory) List(ctx context.Context, prefix string, fn func(Object) error) error {
	if err := m.check(ctx, "list", prefix, CheckPrefix); err != nil {
		return err
	}
	m.mu.RLock()
	objects := maps.Clone(m.objects)
	m.mu.RUnlock()
	for _, name := range slices.Sorted(maps.Keys(objects)) {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return m.fail("list", prefix, err)
		}
		if err := fn(Object{name, int64(len(objects[name]))}); err != nil {
			return err
		}
	}
	return nil
}

// Delete implements Store.
func (m *Memory) Delete(ctx context.Context, name string) error {
	if err := m.check(ctx, "delete", name, CheckName); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, name)
	return nil
}

// Properties implements Store.
func (m *Memory) Properties() Properties { return Properties{Location: "memory", Connections: 4} }

// Close implements Store. It does nothing, so that a test can open again what
// it closed.
func (m *Memory) Close() error { return nil }

func (m *Memory) check(ctx context.Context, op, name string, valid func(string) error) error {
	if err := valid(name); err != nil {
		return m.fail(op, name, err)
	}
	if err := ctx.Err(); err != nil {
		return m.fail(op, name, err)
	}
	return nil
}

func (m *Memory) fail(op, name string, err error) error {
	return &Error{Op: op, Name: name, Location: m.Properties().Location, Err: err}
}

// LookBelow implements BelowLooker. Nobody knows when anything was put.
func (m *Memory) LookBelow(ctx context.Context, l Look, fn func(Below) error) error {
	if err := m.check(ctx, "look", "", func(string) error { return CheckLook(l) }); err != nil {
		return err
	}
	var folders []string
	err := m.List(ctx, "", func(o Object) error {
		if folder, object, _ := strings.Cut(o.Name, "/"); object == l.Object && o.Size <= l.MaxBytes {
			folders = append(folders, folder)
		}
		return nil
	})
	for _, folder := range folders {
		if err != nil {
			return err
		}
		var data []byte
		if data, err = m.get(ctx, "look", folder+"/"+l.Object); err == nil {
			err = fn(Below{Folder: folder, Data: data})
		}
	}
	return err
}
