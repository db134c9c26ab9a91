package vault_test

import (
	"context"
	"errors"

	"github.com/holdfast-backup/holdfast/core/opaque"
	"github.com/holdfast-backup/holdfast/vault/hsm"
	"github.com/holdfast-backup/holdfast/vault/store"
)

var errCrash = errors.New("the process is dead")

// fuse is the plug that a test pulls: at the step that it is set to, before or
// after that step took effect, and from then on nothing works.
type fuse struct {
	set, after, dead bool
	steps            int
	evaluations      int // of the OPRF, since it was read last
}

// step runs one durable step of the process, or not.
func (f *fuse) step(do func() error) error {
	if f.dead {
		return errCrash
	}
	blow := f.set && f.steps == 0
	f.steps--
	if blow && !f.after {
		f.dead = true
		return errCrash
	}
	err := do()
	if blow {
		f.dead = true
		return errCrash
	}
	return err
}

type fusedStore struct {
	store.Store
	f *fuse
}

func (s fusedStore) Commit(ctx context.Context, c []store.Change) error {
	return s.f.step(func() error { return s.Store.Commit(ctx, c) })
}

func (s fusedStore) Get(ctx context.Context, k store.Key) ([]byte, error) {
	if s.f.dead {
		return nil, errCrash
	}
	return s.Store.Get(ctx, k)
}

type fusedHSM struct {
	*hsm.HSM
	f *fuse
}

func (h fusedHSM) SetAnchor(ctx context.Context, place int, a string) error {
	return h.f.step(func() error { return h.HSM.SetAnchor(ctx, place, a) })
}

func (h fusedHSM) Anchors(ctx context.Context) ([hsm.Anchors]string, error) {
	if h.f.dead {
		return [hsm.Anchors]string{}, errCrash
	}
	return h.HSM.Anchors(ctx)
}

func (h fusedHSM) MakeStorage(ctx context.Context, g uint32) error {
	return h.f.step(func() error { return h.HSM.MakeStorage(ctx, g) })
}

func (h fusedHSM) DestroyStorage(ctx context.Context, g uint32) error {
	return h.f.step(func() error { return h.HSM.DestroyStorage(ctx, g) })
}

func (h fusedHSM) Lease(ctx context.Context) (hsm.Evaluator, error) {
	if h.f.dead {
		return nil, errCrash
	}
	l, err := h.HSM.Lease(ctx)
	return fusedLease{l, h.f}, err
}

type fusedLease struct {
	hsm.Evaluator
	f *fuse
}

func (l fusedLease) EvaluateOPRF(ctx context.Context, p opaque.Point) (q opaque.Point, err error) {
	err = l.f.step(func() error {
		l.f.evaluations++
		q, err = l.Evaluator.EvaluateOPRF(ctx, p)
		return err
	})
	return q, err
}
