package vault

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/holdfast-backup/holdfast/core/opaque"
	"github.com/holdfast-backup/holdfast/vault/store"
)

const (
	// sweepEvery is how often starts are looked through for those that waited too long.
	sweepEvery = time.Second
	// sweepFor is how long the sweep waits for an account that is busy.
	sweepFor = time.Second
	// lateAnswer is how long an evaluation may take before the client's minute begins only with its end.
	lateAnswer = 5 * time.Second
)

// starts are what this process knows of starts between KE1 and KE3. It is in memory only.
type starts struct {
	mu    sync.Mutex
	known map[startKey]*start
	// owed are those that are to be given back or kept as right, and could not be yet.
	owed map[startKey]struct{}
}

type startKey struct {
	account store.Key
	id      startID
}

// start is one evaluated, or only counted, start.
type start struct {
	begun time.Time
	login *opaque.Login // nil: not evaluated by this process
	who   AccountID     // whose, once there is a login
	// released is the answer to the right KE3; non-nil once that came.
	released []byte
	// recorded: the account's record has it as open.
	recorded bool
	// counted: this process counted it, on a record whose last start was lastStart.
	counted   bool
	lastStart int64
	// output: an output of the token for it has reached this process, so it is never given back.
	output bool
	// held: the token failed half way. Its minute begins when the token is back.
	held bool
	// owed: it is to be given back.
	owed bool
	// proved: the right KE3 has come, and could not be kept yet.
	proved bool
}

func (st *start) waits(now time.Time) bool {
	return st.held || st.owed || st.proved || now.Sub(st.begun) < OpenFor
}

func (s *starts) init() { s.known, s.owed = map[startKey]*start{}, map[startKey]struct{}{} }

// len counts those that wait for their KE3.
func (s *starts) len() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.known {
		if st.recorded {
			n++
		}
	}
	return n
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
		c.login = &opaque.Login{KE2: known.login.KE2, ExpectedKE3: bytes.Clone(known.login.ExpectedKE3),
			SessionKey: bytes.Clone(known.login.SessionKey)}
	}
	return &c
}

// whole finds the start of an account whose id begins like a short one; k itself if there is none.
func (s *starts) whole(k startKey) startKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	for known := range s.known {
		if known.account == k.account && known.id.is(k.id) {
			return known
		}
	}
	return k
}

// put sets what is known.
func (s *starts) put(k startKey, st start) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[k] = &st
	if st.owed || st.proved {
		s.owed[k] = struct{}{}
	} else {
		delete(s.owed, k)
	}
}

// state is what an account's step needs to know.
func (s *starts) state(k startKey, now time.Time) startState {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.known[k]
	switch {
	case st == nil:
		return startUnknown
	case now.Before(st.begun): // the clock has gone back
		st.begun = now
		return startWaits
	case st.waits(now):
		return startWaits
	}
	return startOver
}

// drop forgets those of an account that fit.
func (s *starts) drop(account store.Key, fits func(startKey, *start) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, st := range s.known {
		if k.account == account && fits(k, st) {
			st.clear()
			delete(s.known, k)
			delete(s.owed, k)
		}
	}
}

// dropAccount forgets all starts of an account.
func (s *starts) dropAccount(account store.Key) {
	s.drop(account, func(startKey, *start) bool { return true })
}

// debts returns those of an account in owed; of all accounts for nil.
func (s *starts) debts(account *store.Key) (owed []startKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.owed {
		if account == nil || k.account == *account {
			owed = append(owed, k)
		}
	}
	return owed
}

// hold lets the minute of all that wait begin anew: the vault cannot hear them now.
func (s *starts) hold(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.known {
		if st.recorded && st.waits(now) {
			st.begun = now
		}
	}
}

// due returns accounts with a start that is over. It forgets those that the records do not have as
// open, and lets the minute of those that were held begin: the token is back.
func (s *starts) due(now time.Time) (accounts []store.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[store.Key]bool{}
	for k, st := range s.known {
		if st.held {
			st.held, st.begun = false, now
		}
		switch {
		case now.Before(st.begun):
			st.begun = now
		case st.waits(now):
		case st.recorded:
			if !seen[k.account] {
				seen[k.account] = true
				accounts = append(accounts, k.account)
			}
		default:
			st.clear()
			delete(s.known, k)
		}
	}
	return accounts
}

func (s *starts) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.known {
		st.clear()
	}
	clear(s.known)
	clear(s.owed)
}

func (st *start) clear() {
	if st.login != nil {
		st.login.Clear()
	}
}

// takeOver takes over, at Open, what the store has as under way.
func (v *Vault) takeOver(key store.Key, r *record) {
	now := v.p.Now()
	v.timers.take(key, r, now, v.steady.Now())
	for _, s := range r.open {
		begun := time.UnixMilli(s.begun)
		if begun.After(now) { // the clock has gone back
			begun = now
		}
		v.starts.put(startKey{key, s.id}, start{begun: begun, recorded: true})
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

// sweep gives back what is owed and closes starts that waited too long for their KE3. What
// cannot be changed now is tried again. While the vault cannot work, nobody's minute runs.
func (v *Vault) sweep(ctx context.Context) {
	if !v.able(ctx) {
		v.starts.hold(v.p.Now())
		return
	}
	var group sync.WaitGroup
	slots := make(chan struct{}, 64)
	each := func(key store.Key, do func() error) {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			limited, cancel := context.WithTimeout(ctx, sweepFor)
			defer cancel()
			release, err := v.locks.take(limited, key)
			if err != nil {
				return
			}
			defer release()
			if err := do(); err != nil && !errors.Is(err, ErrNoAccount) {
				v.p.Log.Warn("an account could not be brought up to date", "error", err)
			}
		})
	}
	for _, k := range v.starts.debts(nil) {
		each(k.account, func() error { return v.settle(ctx, k.account) })
	}
	for _, key := range v.starts.due(v.p.Now()) {
		each(key, func() error { return v.expire(ctx, key) })
	}
	for _, key := range v.timers.due(v.steady.Now()) {
		each(key, func() error { return v.expire(ctx, key) })
	}
	group.Wait()
}

// able reports whether a client that waits could be answered. The token is asked only where one waits.
func (v *Vault) able(ctx context.Context) bool {
	if v.starts.len() == 0 {
		return v.ledger.problem() == nil
	}
	return v.Ready(ctx) == nil
}

// expire closes what is over of an account. The caller holds the account's lock.
func (v *Vault) expire(ctx context.Context, key store.Key) error {
	_, _, err := v.do(ctx, key, lookRequest{})
	if err == nil || errors.Is(err, ErrNoAccount) {
		now := v.p.Now()
		v.starts.drop(key, func(_ startKey, st *start) bool { return !st.waits(now) })
	}
	return err
}

// settle gives back the guesses of an account that are owed: counted by this process, for which it never got
// anything of the token. It keeps as right those that were proved while nothing could be kept. The caller holds the account's lock.
func (v *Vault) settle(ctx context.Context, key store.Key) error {
	for _, k := range v.starts.debts(&key) {
		st := v.starts.get(k)
		if st == nil {
			continue
		}
		if st.proved {
			if _, err := v.keepRight(ctx, k, st); err != nil && !errors.Is(err, ErrStale) && !errors.Is(err, ErrDestroyed) &&
				!errors.Is(err, ErrNoAccount) {
				return err
			}
			continue
		}
		_, _, err := v.do(ctx, key, returnRequest{k.id, st.lastStart})
		if err != nil && !errors.Is(err, errStored) {
			return err
		}
		v.starts.drop(key, func(known startKey, _ *start) bool { return known == k })
		v.counts.returned.Add(1)
	}
	return nil
}
