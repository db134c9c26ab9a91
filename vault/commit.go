package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// maxGroup is how many changes are committed together.
const maxGroup = 256

// errRotated: a value was sealed just before the storage key was rotated; seal it anew.
var errRotated = errors.New("sealed under a storage key that is going")

// ledger makes changes of the store durable in groups and keeps the token's
// anchor in step. It owns the head.
type ledger struct {
	store Store
	hsm   HSM

	queue chan *entry
	done  chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex // the state below; only the goroutine and Rotate change it
	keys    map[uint32]*storageKeys
	current *storageKeys
	head    head
	value   []byte // of the head, as stored; nil: none yet
	// anchored: the token shows the anchor of head; else it shows head.previous.
	anchored bool
	// shown is the newest anchor that the token shows, "" before the first.
	shown string
	// broken: the store or the token was changed by someone else. Final.
	broken error

	groups, commits uint64
}

// entry is one change on its way.
type entry struct {
	change     Change
	difference digest // of the sum
	accounts   int    // one more or one less
	result     chan error
}

func (l *ledger) start() {
	l.queue = make(chan *entry, maxGroup)
	l.done = make(chan struct{})
	go l.run()
}

// stop ends the goroutine after what is queued; no commit may come after it.
func (l *ledger) stop() {
	close(l.queue)
	<-l.done
}

// patience is how long a group waits for company when the one before had
// some: a commit costs an fsync and two calls of the token, whatever its size.
// A change that comes alone never waits.
const patience = 2 * time.Millisecond

func (l *ledger) run() {
	defer close(l.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	busy := false
	for first := range l.queue {
		group := l.waiting([]*entry{first})
		if busy {
			timer.Reset(patience)
			group = l.waitFor(group, timer.C)
		}
		busy = len(group) > 1
		l.commitGroup(group)
	}
}

// waiting adds what is queued.
func (l *ledger) waiting(group []*entry) []*entry {
	for len(group) < maxGroup {
		select {
		case e, ok := <-l.queue:
			if !ok {
				return group
			}
			group = append(group, e)
		default:
			return group
		}
	}
	return group
}

// waitFor adds what comes before the time is over.
func (l *ledger) waitFor(group []*entry, over <-chan time.Time) []*entry {
	for len(group) < maxGroup {
		select {
		case e, ok := <-l.queue:
			if !ok {
				return group
			}
			group = append(group, e)
		case <-over:
			return group
		}
	}
	return group
}

// commitSealed seals plain, nil for a deletion, as the next value under key and commits it.
func (l *ledger) commitSealed(key Key, old, plain []byte) error {
	for {
		change := Change{Key: key, Old: old}
		if plain != nil {
			change.New = l.newest().sealValue(labelRecord, key, plain)
		}
		if err := l.commit(change); !errors.Is(err, errRotated) {
			return err
		}
	}
}

// commit makes one change durable and anchored; it returns when it is, or is not.
// It does not end with a context: what is queued may become true at any moment.
func (l *ledger) commit(change Change) error {
	e := &entry{change: change, result: make(chan error, 1)}
	if change.Old != nil {
		s, err := l.summand(change.Key, change.Old)
		if err != nil {
			return err
		}
		e.difference = e.difference.minus(s)
		e.accounts--
	}
	if change.New != nil {
		s, err := l.summand(change.Key, change.New)
		if err != nil {
			return err
		}
		e.difference = e.difference.plus(s)
		e.accounts++
	}
	l.queue <- e
	return <-e.result
}

func (l *ledger) summand(key Key, value []byte) (digest, error) {
	keys, err := l.keysOf(value)
	if err != nil {
		return digest{}, err
	}
	return keys.summand(key, value), nil
}

func (l *ledger) keysOf(value []byte) (*storageKeys, error) {
	generation, err := valueGeneration(value)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	keys := l.keys[generation]
	if keys == nil {
		return nil, fmt.Errorf("%w: its storage key, generation %d, is gone", errSeal, generation)
	}
	return keys, nil
}

func (l *ledger) newest() *storageKeys {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.current
}

// commitGroup makes all of a group durable, or none, and answers each.
func (l *ledger) commitGroup(group []*entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := l.head
	changes := make([]Change, 0, len(group)+1)
	group = slices.DeleteFunc(group, func(e *entry) bool {
		if e.change.New == nil {
			return false
		}
		if g, err := valueGeneration(e.change.New); err != nil || g != l.current.generation {
			e.result <- errRotated
			return true
		}
		return false
	})
	for _, e := range group {
		changes = append(changes, e.change)
		next.sum = next.sum.plus(e.difference)
		next.accounts += uint64(e.accounts)
	}
	var err error
	if len(group) > 0 {
		err = l.write(changes, next, l.current)
	}
	for _, e := range group {
		e.result <- err
	}
}

// write is the one way in which the store changes. mu is held.
func (l *ledger) write(changes []Change, next head, keys *storageKeys) error {
	ctx := context.Background() // must not stop half way
	if l.broken != nil {
		return l.broken
	}
	if err := l.anchor(ctx); err != nil { // the group before
		return err
	}
	next.number = l.head.number + 1
	next.previous = ""
	if l.value != nil {
		next.previous = l.current.anchorOf(l.head)
	}
	value := keys.sealValue(labelHead, Key{}, next.encode())
	// A change that the group before has overtaken cannot be: accounts are locked.
	err := l.store.Commit(ctx, append(slices.Clip(changes), Change{Key{}, l.value, value}))
	switch {
	case errors.Is(err, ErrConflict):
		l.broken = unavailable("the store was changed by another process", err)
		return l.broken
	case err != nil:
		now, look := l.store.Get(ctx, Key{})
		if look != nil && !errors.Is(look, ErrNotFound) {
			l.broken = unavailable("the store cannot tell whether it kept a change", errors.Join(err, look))
			return l.broken
		}
		if !bytes.Equal(now, value) {
			return unavailable("the store did not keep a change", err)
		}
	}
	l.head, l.value, l.anchored, l.current = next, value, false, keys
	l.groups++
	l.commits += uint64(len(changes))
	return l.anchor(ctx)
}

// anchor makes the token show the head. mu is held.
func (l *ledger) anchor(ctx context.Context) error {
	if l.anchored {
		return nil
	}
	now, err := readAnchor(ctx, l.hsm)
	if err != nil {
		return unavailable("the token's anchor cannot be read", err)
	}
	want := l.current.anchorOf(l.head)
	if now.anchor != want {
		if now.anchor != l.shown {
			l.broken = unavailable("two vaults use one token", ErrMoved)
			return l.broken
		}
		if err := l.hsm.SetAnchor(ctx, now.next, want); err != nil {
			return unavailable("the token's anchor cannot be written", err)
		}
	}
	l.shown, l.anchored = want, true
	return nil
}
