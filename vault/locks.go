package vault

import (
	"context"
	"sync"

	"github.com/holdfast-backup/holdfast/vault/store"
)

// locks let one goroutine at a time work on an account.
type locks struct {
	mu   sync.Mutex
	held map[store.Key]*lock
}

type lock struct {
	free  chan struct{} // holds one element while nobody has the lock
	users int           // who have it or wait for it
}

// take waits for the account's lock until ctx ends. The function it returns gives it back.
func (l *locks) take(ctx context.Context, key store.Key) (release func(), err error) {
	l.mu.Lock()
	one := l.held[key]
	if one == nil {
		one = &lock{free: make(chan struct{}, 1)}
		one.free <- struct{}{}
		l.held[key] = one
	}
	one.users++
	l.mu.Unlock()
	leave := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if one.users--; one.users == 0 {
			delete(l.held, key)
		}
	}
	select {
	case <-one.free:
		return func() { one.free <- struct{}{}; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
