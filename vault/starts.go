package vault

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/holdfast-backup/holdfast/core/opaque"
)

// sweepEvery is how often starts are looked through for those that waited too long.
const sweepEvery = time.Second

// starts are what this process knows of starts between KE1 and KE3. It is in memory only.
type starts struct {
	mu    sync.Mutex
	known map[startKey]*start
	queue []startKey // oldest first
}

type startKey struct {
	account Key
	id      startID
}

// start is one evaluated, or only counted, start.
type start struct {
	begun time.Time
	login *opaque.Login // nil: not evaluated by this process
	// released is the answer to the right KE3; non-nil once that came.
	released []byte
	// recorded: the account's record has it as open.
	recorded bool
}

func (s *starts) init() { s.known = map[startKey]*start{} }

func (s *starts) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.known)
}

// get returns a copy of what is known, nil for nothing.
func (s *starts) get(k startKey) *start {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.known[k]
	if known == nil {
		return nil
	}
	c := *known
	if known.login != nil { // the sweeper may clear its own at any time
		c.login = &opaque.Login{KE2: known.login.KE2, ExpectedKE3: bytes.Clone(known.login.ExpectedKE3), SessionKey: bytes.Clone(known.login.SessionKey)}
	}
	return &c
}

// put sets what is known.
func (s *starts) put(k startKey, st start) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known[k] == nil {
		s.queue = append(s.queue, k)
	}
	s.known[k] = &st
}

// dropAccount forgets all starts of an account.
func (s *starts) dropAccount(account Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, st := range s.known {
		if k.account == account {
			st.clear()
			delete(s.known, k)
		}
	}
}

// due takes out those that began OpenFor ago, or in the future: the clock has gone back.
func (s *starts) due(now time.Time) (accounts []Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.queue[:0]
	for _, k := range s.queue {
		st := s.known[k]
		switch {
		case st == nil: // dropped
		case now.Before(st.begun) || now.Sub(st.begun) >= OpenFor:
			if st.recorded {
				accounts = append(accounts, k.account)
			}
			st.clear()
			delete(s.known, k)
		default:
			kept = append(kept, k)
		}
	}
	s.queue = kept
	return accounts
}

func (s *starts) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.known {
		st.clear()
	}
	clear(s.known)
	s.queue = nil
}

func (st *start) clear() {
	if st.login != nil {
		st.login.Clear()
	}
}

// noteOpen takes over, at Open, a start that the store has as open.
func (v *Vault) noteOpen(key Key, r *record) {
	for _, s := range r.open {
		v.starts.put(startKey{key, s.id}, start{begun: time.UnixMilli(s.begun), recorded: true})
	}
}

func (v *Vault) sweepUntilStopped() {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-v.stop:
			return
		case <-ticker.C:
			v.sweep(context.Background())
		}
	}
}

// sweep closes starts that waited too long for their KE3. An account that
// cannot be changed now is looked at again at its next request, or at Open.
func (v *Vault) sweep(ctx context.Context) {
	var group sync.WaitGroup
	slots := make(chan struct{}, 64)
	for _, key := range v.starts.due(v.p.Now()) {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			release, err := v.locks.take(ctx, key)
			if err != nil {
				return
			}
			defer release()
			if _, _, err := v.do(ctx, key, lookRequest{}); err != nil && !errors.Is(err, ErrNoAccount) {
				v.p.Log.Warn("a guess without an answer could not be closed", "error", err)
			}
		})
	}
	group.Wait()
}
