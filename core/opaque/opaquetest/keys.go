package opaquetest

import (
	"context"
	"sync/atomic"

	"github.com/holdfast-backup/holdfast/core/opaque"
)

// Keys are two scalars in memory, and a count of what they were used for.
type Keys struct {
	OPRF, AKE   *opaque.Scalar
	Evaluations atomic.Int64 // of the OPRF
}

// NewKeys makes random ones.
func NewKeys() *Keys { return &Keys{OPRF: opaque.NewScalar(), AKE: opaque.NewScalar()} }

// EvaluateOPRF implements opaque.Keys.
func (k *Keys) EvaluateOPRF(ctx context.Context, p opaque.Point) (opaque.Point, error) {
	k.Evaluations.Add(1)
	return k.OPRF.Multiply(p), ctx.Err()
}

// EvaluateAKE implements opaque.Keys.
func (k *Keys) EvaluateAKE(ctx context.Context, p opaque.Point) (opaque.Point, error) {
	return k.AKE.Multiply(p), ctx.Err()
}

// PublicKeys implements opaque.Keys.
func (k *Keys) PublicKeys() (oprf, ake opaque.Point) {
	return k.OPRF.MultiplyBase(), k.AKE.MultiplyBase()
}
