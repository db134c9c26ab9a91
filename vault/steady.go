package vault

import (
	"sync"
	"time"
)

// steady is a clock that never goes back: what the process's own timers run by. The system's
// clock is steady within a process already; one that a test sets, or a system without, is made so.
type steady struct {
	read func() time.Time
	mu   sync.Mutex
	last time.Time
	now  time.Time
}

func newSteady(read func() time.Time) *steady {
	now := read()
	return &steady{read: read, last: now, now: now}
}

// Now is the time that has passed since newSteady, after the time at that moment.
func (s *steady) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.read()
	s.now = s.now.Add(max(0, now.Sub(s.last)))
	s.last = now
	return s.now
}
