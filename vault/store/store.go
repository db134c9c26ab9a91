package store

import (
	"context"
	"errors"
)

// Key is where a value is in the store: the hash of an account id, or zeros for the head.
type Key [32]byte

// Change is a compare-and-swap of one value.
type Change struct {
	Key Key
	Old []byte // the value that must be there now; nil: none
	New []byte // the value to be there; nil: none
	// Erase: nothing of what was there may remain. A store that is an Eraser keeps that in mind.
	Erase bool
}

// Store keeps sealed values. It needs to be neither secret nor honest: the
// vault encrypts what it stores and notices when it gets something else back.
//
// All methods may be called by several goroutines at once, but no two Commits
// at the same time. storetest.Run holds every implementation against this text.
type Store interface {
	// Get returns a copy of the value under key, or ErrNotFound.
	Get(ctx context.Context, key Key) ([]byte, error)

	// Commit makes all changes or none, durably: after a nil return they
	// survive a power loss. If any present value is not the change's Old,
	// ErrConflict, and nothing is changed. After any other error all or none
	// may have been made; the caller looks with Get. No key is in two changes.
	// The store does not keep the slices.
	Commit(ctx context.Context, changes []Change) error

	// Iterate calls fn once for each value, in no certain order, as of one
	// moment. The slice is fn's only until it returns. fn's error ends it and is returned.
	Iterate(ctx context.Context, fn func(key Key, value []byte) error) error

	// Close releases the store; using it afterwards is an error. Closing again is harmless.
	Close() error
}

// Eraser is a Store that can leave nothing behind of what a Change with Erase replaced.
type Eraser interface {
	// Erase does so for all such changes so far, also those of earlier processes. Commits wait meanwhile.
	Erase(ctx context.Context) error
}

// What a store can answer.
var (
	ErrNotFound = errors.New("not in the store")
	ErrConflict = errors.New("the store has another value")
	ErrInUse    = errors.New("another process has the store open")
	// ErrTampered: what is there was not written by a vault, or not by the one that it belongs to.
	ErrTampered = errors.New("the store is not the one that the token is anchored to")
)
