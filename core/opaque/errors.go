package opaque

import "errors"

// What a caller decides on. Each is wrapped with details; use errors.Is.
var (
	// ErrMessage: bytes that are no message of this protocol: a wrong length,
	// a point that is not on the curve, the identity, a nonce or MAC of zeros.
	ErrMessage = errors.New("not a valid message")
	// ErrPassword: the password does not open this record; or the server lied.
	// A client cannot tell the two apart.
	ErrPassword = errors.New("the password does not open the record")
	// ErrServer: the password opened the record, but the answer is not from the
	// server it was made with, or was changed on the way.
	ErrServer = errors.New("the server's proof is not valid")
	// ErrUsed: a client half was used twice. Each is for one run.
	ErrUsed = errors.New("this run of the protocol is over")
	// ErrNoPassword: the password is empty.
	ErrNoPassword = errors.New("the password is empty")
	// ErrScalar: bytes that are no scalar between 1 and the group's order.
	ErrScalar = errors.New("not a valid scalar")
)
