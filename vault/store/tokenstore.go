package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/holdfast-backup/holdfast/vault/hsm"
)

// Objects are data objects of a token; *hsm.HSM has them.
type Objects interface {
	Objects(ctx context.Context) ([]hsm.Object, error)
	PutObject(ctx context.Context, o hsm.Object) error
	DeleteObject(ctx context.Context, label string) error
}

// Token is a Store on the token itself, so that a person's vault can be
// carried to another computer. All values are in one data object, replaced as
// a whole: PKCS#11 has no way to change several objects at once. It is meant for a few accounts.
//
// A token has no locks. Two processes that use one at the same time notice
// each other most of the time (ErrConflict); the opener keeps others away.
type Token struct {
	objects Objects
	mu      sync.Mutex
	number  uint64 // of the newest object, 0 for none
	values  map[Key][]byte
}

var errTokenObject = errors.New("the token's data object is not a store")

// OpenToken reads the store on the token; none there is an empty store. Objects that a broken
// commit left are removed.
func OpenToken(ctx context.Context, objects Objects) (*Token, error) {
	t := &Token{objects: objects, values: map[Key][]byte{}}
	all, newest, err := t.list(ctx)
	if err != nil {
		return nil, err
	}
	for number, value := range all {
		if number == newest {
			if t.values, err = decodeValues(value); err != nil {
				return nil, err
			}
			t.number = number
		}
	}
	for number := range all {
		if number != newest {
			if err := objects.DeleteObject(ctx, tokenLabel(number)); err != nil {
				return nil, fmt.Errorf("clean up the token's store: %w", err)
			}
		}
	}
	return t, nil
}

func tokenLabel(number uint64) string { return fmt.Sprintf("%016x", number) }

func (t *Token) list(ctx context.Context) (all map[uint64][]byte, newest uint64, err error) {
	objects, err := t.objects.Objects(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("read the token's store: %w", err)
	}
	all = map[uint64][]byte{}
	for _, o := range objects {
		var number uint64
		if _, err := fmt.Sscanf(o.Label, "%016x", &number); err != nil || tokenLabel(number) != o.Label || number == 0 {
			return nil, 0, fmt.Errorf("%w: label %q", errTokenObject, o.Label)
		}
		all[number] = o.Value
		newest = max(newest, number)
	}
	return all, newest, nil
}

// Get implements Store.
func (t *Token) Get(ctx context.Context, key Key) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	value, ok := t.values[key]
	if err := ctx.Err(); err != nil || !ok {
		return nil, errors.Join(err, ErrNotFound)
	}
	return bytes.Clone(value), nil
}

// Commit implements Store.
func (t *Token) Commit(ctx context.Context, changes []Change) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range changes {
		if value, ok := t.values[c.Key]; ok != (c.Old != nil) || !bytes.Equal(value, c.Old) {
			return ErrConflict
		}
	}
	_, newest, err := t.list(ctx)
	if err != nil {
		return err
	}
	if newest != t.number {
		return fmt.Errorf("%w: another process changed the token", ErrConflict)
	}
	next := maps.Clone(t.values)
	for _, c := range changes {
		if c.New == nil {
			delete(next, c.Key)
		} else {
			next[c.Key] = bytes.Clone(c.New)
		}
	}
	if err := t.objects.PutObject(ctx, hsm.Object{Label: tokenLabel(t.number + 1), Value: encodeValues(next)}); err != nil {
		return fmt.Errorf("write the token's store: %w", err)
	}
	old := t.number
	t.number, t.values = t.number+1, next
	if old > 0 {
		// If this fails, the newest object counts, and OpenToken cleans up.
		_ = t.objects.DeleteObject(ctx, tokenLabel(old))
	}
	return nil
}

// Iterate implements Store.
func (t *Token) Iterate(ctx context.Context, fn func(Key, []byte) error) error {
	t.mu.Lock()
	values := maps.Clone(t.values)
	t.mu.Unlock()
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

// Close implements Store. The token itself is its opener's.
func (t *Token) Close() error { return nil }

// tokenFormat is the first byte of an object on the token.
const tokenFormat = 1

// encodeValues is, for each value, its key, its length in 4 bytes, and itself.
func encodeValues(values map[Key][]byte) []byte {
	b := []byte{tokenFormat}
	for key, value := range values {
		b = append(b, key[:]...)
		b = binary.BigEndian.AppendUint32(b, uint32(len(value)))
		b = append(b, value...)
	}
	return b
}

func decodeValues(b []byte) (map[Key][]byte, error) {
	if len(b) == 0 || b[0] != tokenFormat {
		return nil, errTokenObject
	}
	values := map[Key][]byte{}
	for b = b[1:]; len(b) > 0; {
		if len(b) < 36 {
			return nil, errTokenObject
		}
		key, n := Key(b[:32]), int(binary.BigEndian.Uint32(b[32:]))
		if n > len(b)-36 {
			return nil, errTokenObject
		}
		values[key] = bytes.Clone(b[36 : 36+n])
		b = b[36+n:]
	}
	return values, nil
}
