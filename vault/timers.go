package vault

import (
	"sync"
	"time"

	"github.com/holdfast-backup/holdfast/vault/store"
)

const (
	// unprovenFor is how long a new account may wait for the first right guess before it is removed.
	unprovenFor = 24 * time.Hour
	// deletedFor is how long a deleted account leaves its version behind: as long as a ticket from before could be good.
	deletedFor = ticketFor
)

// timers say when an account that does not stay is over. It is in memory only; where the clock
// jumps, what this process knows counts, not the times in the record.
type timers struct {
	mu sync.Mutex
	at map[store.Key]time.Time
	// deleted are the keys of deleted accounts.
	deleted map[store.Key]struct{}
}

func (t *timers) init() { t.at, t.deleted = map[store.Key]time.Time{}, map[store.Key]struct{}{} }

// state is startUnknown for an account that stays.
func (t *timers) state(key store.Key, now time.Time) startState {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.at[key]
	switch {
	case !ok:
		return startUnknown
	case now.Before(at):
		return startWaits
	}
	return startOver
}

// note sets or ends the timer of an account that became next.
func (t *timers) note(key store.Key, before, next *record, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case next == nil, !next.passes():
		delete(t.at, key)
		delete(t.deleted, key)
	case next.deleted:
		if before == nil || !before.deleted {
			t.at[key] = now.Add(deletedFor)
			t.deleted[key] = struct{}{}
		}
	case before == nil || before.deleted || before.registered != next.registered:
		t.at[key] = now.Add(unprovenFor)
		delete(t.deleted, key)
	}
}

// take takes over, at Open, an account of an earlier process. now is by the clock that its times are by.
func (t *timers) take(key store.Key, r *record, now, steady time.Time) {
	if !r.passes() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	began, lasts := time.UnixMilli(r.registered), unprovenFor
	if r.deleted {
		began, lasts = time.UnixMilli(r.changed), deletedFor
		t.deleted[key] = struct{}{}
	}
	if began.After(now) { // the clock has gone back
		began = now
	}
	t.at[key] = steady.Add(began.Add(lasts).Sub(now))
}

// due returns the accounts that are over.
func (t *timers) due(now time.Time) (keys []store.Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, at := range t.at {
		if !now.Before(at) {
			keys = append(keys, key)
		}
	}
	return keys
}

// tombstones is how many deleted accounts are kept.
func (t *timers) tombstones() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.deleted)
}
