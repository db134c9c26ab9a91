package opaque

import "context"

// Keys are the server's two long-lived scalars, wherever they are. An
// implementation may be called by several goroutines at once and honours ctx.
//
// The points it is given are on the curve and not the identity. It returns the
// whole point, sign included, since the transcript is made from compressed
// points (RFC 9807, section 6.4.3). An HSM that gives the x-coordinate only
// can still do this: see vault/hsm.
type Keys interface {
	// EvaluateOPRF returns k·p for the OPRF scalar k (RFC 9497, section 3.3.1,
	// BlindEvaluate).
	EvaluateOPRF(ctx context.Context, p Point) (Point, error)
	// EvaluateAKE returns k·p for the AKE scalar k, the server's private key
	// (RFC 9807, section 6.4.1, DiffieHellman).
	EvaluateAKE(ctx context.Context, p Point) (Point, error)
	// PublicKeys returns k·G for both. They do not change and need no call to the HSM.
	PublicKeys() (oprf, ake Point)
}
