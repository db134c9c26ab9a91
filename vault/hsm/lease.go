package hsm

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/miekg/pkcs11"

	"github.com/holdfast-backup/holdfast/core/opaque"
)

// Evaluator evaluates one guess, on a session that is kept for it. One goroutine at a time may use it.
type Evaluator interface {
	opaque.Keys
	// Output reports whether an output of the OPRF scalar has reached this process.
	// While it has not, the guess told nobody anything.
	Output() bool
	// Release gives the session back. Calling it again is harmless.
	Release()
}

// lease is an Evaluator.
type lease struct {
	h      *HSM
	login  *login
	kept   *pkcs11.SessionHandle // nil: given back, lost, or the token has one session for all
	output atomic.Bool
}

// Lease waits for a session and has the token answer once. It is taken before a guess
// is counted, so that none is counted while nothing can evaluate it. The caller
// gives it back with Release. ErrSilent where ctx ends first; errors of Open.
func (h *HSM) Lease(ctx context.Context) (Evaluator, error) {
	l := &lease{h: h}
	err := h.token.call(ctx, forAccounts, func(s session) error {
		key, err := s.privateKey(h.oprfName)
		if err != nil {
			return err
		}
		_, err = s.module.GetAttributeValue(s.handle, key, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_ID, nil)})
		return err
	})
	if err != nil {
		return nil, err
	}
	for {
		login, err := h.token.login(ctx)
		if err != nil {
			return nil, err
		}
		if login.alone() { // the anchor needs it too, before the evaluation
			return l, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrSilent, ctx.Err())
		case <-login.gone: // dropped while this one waited
		case s := <-login.free[forAccounts]:
			l.login, l.kept = login, &s
			return l, nil
		}
	}
}

// Output implements Evaluator.
func (l *lease) Output() bool { return l.output.Load() }

// Release implements Evaluator.
func (l *lease) Release() {
	if l.kept != nil {
		l.h.token.giveBack(l.login, forAccounts, *l.kept)
		l.kept = nil
	}
}

// PublicKeys implements opaque.Keys.
func (l *lease) PublicKeys() (oprf, ake opaque.Point) { return l.h.PublicKeys() }

// EvaluateOPRF implements opaque.Keys.
func (l *lease) EvaluateOPRF(ctx context.Context, p opaque.Point) (opaque.Point, error) {
	return l.evaluate(ctx, l.h.oprfName, l.h.oprf, p, &l.output)
}

// EvaluateAKE implements opaque.Keys.
func (l *lease) EvaluateAKE(ctx context.Context, p opaque.Point) (opaque.Point, error) {
	return l.evaluate(ctx, l.h.akeName, l.h.ake, p, nil)
}

// evaluate runs on the kept session until the call returns: its callers wait with a deadline of
// their own. If the token was pulled and put back, it goes on with a session of the new login.
func (l *lease) evaluate(ctx context.Context, name string, public, p opaque.Point, output *atomic.Bool) (opaque.Point, error) {
	if l.kept != nil {
		work, err := twoDerives(name, public, p, output)
		if err != nil {
			return opaque.Point{}, err
		}
		q, err := work(session{l.h.token, l.login, *l.kept})
		if !lost(err) {
			return q, words(err)
		}
		l.Release()
		l.h.token.drop(l.login)
	}
	return l.h.evaluate(ctx, forAccounts, name, public, p, output)
}
