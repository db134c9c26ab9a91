// Package opaque is OPAQUE (RFC 9807) as Holdfast uses it: P256-SHA256, with
// the server's scalars out of reach.
//
// OPAQUE lets a person prove a password to a server that never sees it, and
// gives the person's computer an export key that nobody else can compute. The
// parts of this package are
//
//   - the client half, a wrapper around github.com/bytemare/opaque that fixes
//     the suite: [StartRegistration], [StartLogin];
//   - the server half: [Server]. It needs of its two scalars only what [Keys] offers: to
//     multiply a point. An HSM can do that without ever giving them away;
//   - the group, P-256, as far as both need it: [Point], [Scalar].
//
// The OPRF key of an account is the product s·k of the account's own scalar s
// and the scalar k behind Keys. RFC 9807 allows keys for each client that are
// not derived from one seed (section 10.9); a client cannot tell the difference.
//
// # Promises
//
// Every decoder checks lengths, and that points are on the curve and not the
// identity, before anything else is done. The key stretching function is
// fixed: Argon2id with t=3, m=64 MiB, p=4. Labels stand in labels.go. The RFC's
// vectors C.1.5, C.1.6 and C.2.3 pass, and both halves work with bytemare's.
//
// # What it does not do
//
// It counts no guesses and stores nothing; that is the vault's work. Clearing
// of secrets is best effort: the Go runtime may have copied them. The package
// imports nothing else of Holdfast.
package opaque
