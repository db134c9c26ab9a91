package simtest

import (
	"context"
	"errors"
	"sync"

	"github.com/holdfast-backup/holdfast/core/store"
)

// disk is a destination that may be full: then nothing is written that finds no room, and deleting makes room.
type disk struct {
	*store.Memory
	mu   sync.Mutex
	full bool
	room int64 // blocks, while it is full
}

const diskBlock = 4096

func blocks(n int64) int64 { return (n + diskBlock - 1) / diskBlock }

// fill leaves room for so many blocks.
func (d *disk) fill(room int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full, d.room = true, room
}

// relieve makes room for everything.
func (d *disk) relieve() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = false
}

func (d *disk) Put(ctx context.Context, name string, b []byte) error {
	return d.write(ctx, "put", name, b, d.Memory.Put)
}

func (d *disk) Replace(ctx context.Context, name string, b []byte) error {
	return d.write(ctx, "replace", name, b, d.Memory.Replace)
}

func (d *disk) write(ctx context.Context, op, name string, b []byte, write func(context.Context, string, []byte) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	need := blocks(int64(len(b))) // what is replaced is there until the new content is
	if d.full && need > d.room {
		return &store.Error{Op: op, Name: name, Location: "the disk", Err: store.ErrNoSpace}
	}
	before, err := d.held(ctx, name)
	if err != nil {
		return err
	}
	if err := write(ctx, name, b); err != nil {
		return err
	}
	d.room += before - need
	return nil
}

func (d *disk) Delete(ctx context.Context, name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	before, err := d.held(ctx, name)
	if err != nil {
		return err
	}
	d.room += before
	return d.Memory.Delete(ctx, name)
}

// held is how many blocks an object takes; none where it is not there.
func (d *disk) held(ctx context.Context, name string) (int64, error) {
	o, err := d.Stat(ctx, name)
	if errors.Is(err, store.ErrNotExist) {
		return 0, nil
	}
	return blocks(o.Size), err
}
