package vault

import (
	"context"

	"github.com/holdfast-backup/holdfast/core/opaque"
	"github.com/holdfast-backup/holdfast/vault/hsm"
)

// HSM is what the vault needs of a token; *hsm.HSM has it.
type HSM interface {
	opaque.Keys // for new passwords
	// Lease takes a session for one guess.
	Lease(ctx context.Context) (hsm.Evaluator, error)
	// Storages lists the storage scalars, oldest first.
	Storages(ctx context.Context) ([]hsm.Storage, error)
	// StorageSecret returns x(k·p), 32 bytes, for the storage scalar k of a generation.
	StorageSecret(ctx context.Context, generation uint32, p opaque.Point) ([]byte, error)
	// StorageSecrets is StorageSecret for each key of a generation, where two rotations at once left more than
	// one, and KeepStorage destroys all but that of the secret x.
	StorageSecrets(ctx context.Context, generation uint32, p opaque.Point) ([][]byte, error)
	KeepStorage(ctx context.Context, generation uint32, p opaque.Point, x []byte) error
	// Anchors returns, and SetAnchor writes, durably, a text of at most 40
	// characters in each of two places. "" is one that was never written, or broke while it was.
	Anchors(ctx context.Context) ([hsm.Anchors]string, error)
	SetAnchor(ctx context.Context, place int, anchor string) error
	// MakeStorage generates a storage scalar, DestroyStorage destroys one for good.
	MakeStorage(ctx context.Context, generation uint32) error
	DestroyStorage(ctx context.Context, generation uint32) error
	// Ping tells with an error that the token cannot be used now.
	Ping(ctx context.Context) error
}
