package store

import (
	"context"
	"errors"
)

// What a caller decides on. They come wrapped in an *Error.
var (
	ErrNotExist    = errors.New("no such object")
	ErrExists      = errors.New("the object exists already")
	ErrNoSpace     = errors.New("no space left")
	ErrPermission  = errors.New("not permitted")
	ErrUnreachable = errors.New("the destination cannot be reached")
	ErrInvalidName = errors.New("not a valid object name")
	ErrTooLarge    = errors.New("the object is too large")
	ErrClosed      = errors.New("the store is closed")
	ErrSignIn      = errors.New("the place asks to sign in")
	ErrIdentity    = errors.New("nobody has agreed to the key of this server")
	ErrImpostor    = errors.New("the server shows another key than the one that was agreed to")
)

// IdentityError says that a server shows a key or a certificate that nobody has agreed to.
type IdentityError struct {
	Server      string // host and port
	Kind        string // "ssh" or "tls"
	Fingerprint string // SHA256:…, as ssh-keygen and browsers show it
	Key         string // what to remember, as the place's settings keep it
	Changed     bool   // another one was agreed to before
}

func (e *IdentityError) Error() string {
	return e.Unwrap().Error() + ": " + e.Server + ", " + e.Fingerprint
}

// Unwrap returns ErrIdentity, or ErrImpostor where another key was agreed to before.
func (e *IdentityError) Unwrap() error {
	if e.Changed {
		return ErrImpostor
	}
	return ErrIdentity
}

// Error says which operation failed on which object, and where.
type Error struct {
	Op       string // "put", "replace", "read", "stat", "list", "delete", "open", …
	Name     string // of the object; empty where there is none
	Location string // of the store, for people
	Err      error
}

func (e *Error) Error() string {
	s := e.Op
	if e.Name != "" {
		s += " " + e.Name
	}
	return s + " at " + e.Location + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// IsPermanent reports whether the same call would fail again if it were repeated
// at once: then a caller must do something else, or ask the person. Everything
// else may pass, ErrUnreachable and unknown errors among it. nil is not
// permanent; an ended context is.
func IsPermanent(err error) bool {
	for _, permanent := range []error{
		ErrNotExist, ErrExists, ErrNoSpace, ErrPermission, ErrInvalidName, ErrTooLarge, ErrClosed, ErrSignIn, ErrIdentity, ErrImpostor,
		context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, permanent) {
			return true
		}
	}
	return false
}
