package api

import (
	"context"
	"sync"
	"time"
)

// readyFor is how long the answer to "is the vault ready" is kept, so that frequent questions do not keep the token busy.
const readyFor = 250 * time.Millisecond

// readiness is the newest such answer.
type readiness struct {
	mu   sync.Mutex
	at   time.Time // zero: never asked
	last error
}

// isReady says why the vault cannot work, nil if it can.
func (s *Server) isReady(ctx context.Context) error {
	r := &s.readiness
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); r.at.IsZero() || now.Sub(r.at) >= readyFor {
		r.last = s.p.Vault.Ready(context.WithoutCancel(ctx)) // it ends by itself
		r.at = time.Now()
	}
	return r.last
}
