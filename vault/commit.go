package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-backup/holdfast/vault/store"
)

// maxGroup is how many changes are committed together.
const maxGroup = 256

// errRotated: a value was sealed just before the storage key was rotated; seal it anew.
var errRotated = errors.New("sealed under a storage key that is going")

// errStored: a change is in the store, and the token does not show it yet. It will
// count once the token does, or when the vault is opened again.
var errStored = errors.New("a change is kept, and the token does not show it yet")

const (
	// healEvery is how often the ledger tries again to write what could not be written.
	healEvery = time.Second
	// slowWrite is how long a group may take before the vault counts as not ready.
	slowWrite = time.Second
)

// ledger makes changes of the store durable in groups and keeps the token's
// anchor in step. It owns the head.
type ledger struct {
	store store.Store
	hsm   HSM

	queue    chan *entry
	queueFor time.Duration // how long a change waits for its turn
	done     chan struct{} // closed when the goroutine has ended

	// writing is held by whoever writes to the store and the token. A call of the token may hang, so nobody who
	// only wants to know something waits for it.
	writing sync.Mutex

	mu      sync.Mutex // the state below; the caller must also hold writing to change it
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
	// failing is why the last write did not succeed, nil if it did.
	failing error
	// since is when the write under way began; zero: none is.
	since time.Time

	groups, commits uint64
}

// problem says why nothing can be written now, nil if it can, as far as is known.
func (l *ledger) problem() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.broken != nil:
		return l.broken
	case l.failing != nil:
		return l.failing
	case !l.since.IsZero() && time.Since(l.since) > slowWrite:
		return fmt.Errorf("%w: store or token do not answer", ErrUnavailable)
	}
	return nil
}

// isAnchored reports whether the token shows all that was answered: no write that was kept waits for it.
func (l *ledger) isAnchored() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failing == nil && l.broken == nil
}

// entry is one change on its way.
type entry struct {
	change     store.Change
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
	heal := time.NewTicker(healEvery)
	defer heal.Stop()
	busy := false
	for {
		select {
		case <-heal.C:
			l.heal()
		case first, ok := <-l.queue:
			if !ok {
				return
			}
			group := l.waiting([]*entry{first})
			if busy {
				timer.Reset(patience)
				group = l.waitFor(group, timer.C)
			}
			busy = len(group) > 1
			l.commitGroup(group)
		}
	}
}

// heal writes again after a write that failed, so that the vault is ready again once token and disk are.
func (l *ledger) heal() {
	l.mu.Lock()
	needed := l.failing != nil && l.broken == nil
	l.mu.Unlock()
	if needed {
		_ = l.prove() // problem tells
	}
}

// prove makes a commit without a change, so that store and token show that they can be written.
func (l *ledger) prove() error {
	l.writing.Lock()
	defer l.writing.Unlock()
	return l.write(nil, l.head, l.current)
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

// commitSealed seals plain, nil for a deletion, as the next value under key and commits it. erase: nothing of the old value may remain.
func (l *ledger) commitSealed(key store.Key, old, plain []byte, erase bool) error {
	for {
		change := store.Change{Key: key, Old: old, Erase: erase}
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
func (l *ledger) commit(change store.Change) error {
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
	timer := time.NewTimer(l.queueFor)
	defer timer.Stop()
	select {
	case l.queue <- e:
		return <-e.result
	case <-timer.C: // it was never begun
		return unavailable("store or token do not answer", errors.New("too many changes wait"))
	}
}

func (l *ledger) summand(key store.Key, value []byte) (digest, error) {
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
	l.writing.Lock()
	defer l.writing.Unlock()
	next := l.head
	changes := make([]store.Change, 0, len(group)+1)
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

// set changes the state.
func (l *ledger) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

// write is the one way in which the store changes. The caller holds writing. errStored: all is in the
// store, and the token does not show it yet. Any other error: nothing is.
func (l *ledger) write(changes []store.Change, next head, keys *storageKeys) (err error) {
	ctx := context.Background() // must not stop half way
	if l.broken != nil {
		return l.broken
	}
	l.set(func() { l.since = time.Now() })
	defer func() { l.set(func() { l.since, l.failing = time.Time{}, err }) }()
	if err := l.anchor(ctx); err != nil { // the group before
		return err
	}
	next.number = l.head.number + 1
	next.previous = ""
	if l.value != nil {
		next.previous = l.current.anchorOf(l.head)
	}
	value := keys.sealValue(labelHead, store.Key{}, next.encode())
	// A change that the group before has overtaken cannot be: accounts are locked.
	err = l.store.Commit(ctx, append(slices.Clip(changes), store.Change{Key: store.Key{}, Old: l.value, New: value}))
	switch {
	case errors.Is(err, store.ErrConflict):
		err = unavailable("the store was changed by another process", err)
		l.set(func() { l.broken = err })
		return err
	case err != nil:
		now, look := l.store.Get(ctx, store.Key{})
		if look != nil && !errors.Is(look, store.ErrNotFound) {
			err = unavailable("the store cannot tell whether it kept a change", errors.Join(err, look))
			l.set(func() { l.broken = err })
			return err
		}
		if !bytes.Equal(now, value) {
			return unavailable("the store did not keep a change", err)
		}
	}
	l.set(func() {
		l.head, l.value, l.anchored, l.current = next, value, false, keys
		l.groups++
		l.commits += uint64(len(changes))
	})
	if err := l.anchor(ctx); err != nil {
		return fmt.Errorf("%w: %w", errStored, err)
	}
	return nil
}

// anchor makes the token show the head. The caller holds writing.
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
		switch {
		case now.anchor == l.shown:
		case anchorNumber(now.anchor) < anchorNumber(l.shown):
			// The newest place could not be read just now, or the token was put back to an older state: nothing is written over it.
			return unavailable("the token shows an older anchor than this process wrote", ErrMoved)
		default:
			err := unavailable("two vaults use one token", ErrMoved)
			l.set(func() { l.broken = err })
			return err
		}
		if err := l.hsm.SetAnchor(ctx, now.next, want); err != nil {
			return unavailable("the token's anchor cannot be written", err)
		}
	}
	l.set(func() { l.shown, l.anchored = want, true })
	return nil
}
