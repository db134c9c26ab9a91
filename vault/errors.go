package vault

import (
	"errors"
	"fmt"
	"time"
)

// What a client decides on. Each may be wrapped with details; use errors.Is.
var (
	ErrInvalid     = errors.New("the request is not valid")
	ErrEnrolment   = errors.New("a new account needs the enrolment token")
	ErrWrongProof  = errors.New("the proof of the password is wrong")
	ErrSignature   = errors.New("the management key's signature does not fit")
	ErrNoAccount   = errors.New("no such account")
	ErrStale       = errors.New("the account has changed meanwhile")
	ErrDestroyed   = errors.New("the account is destroyed")
	ErrWait        = errors.New("the account accepts no guess yet")
	ErrUnavailable = errors.New("the vault cannot work now")
)

// What Open and the operator's commands can find.
var (
	ErrOlder = errors.New("the store is older than the token's anchor: it was restored from a copy")
	// ErrTokenOlder comes with ErrTampered: it is the token that was put back, not the store.
	ErrTokenOlder = errors.New("the token is older than the store: it was restored from a copy")
	ErrNoKeys     = errors.New("the token has no storage key")
	ErrMoved      = errors.New("the token's anchor was changed by another process")
)

// WaitError is an ErrWait that knows until when.
type WaitError struct{ Until time.Time }

func (e *WaitError) Error() string {
	return fmt.Sprintf("%v, not before %s", ErrWait, e.Until.UTC().Format(time.RFC3339))
}

// Is makes it an ErrWait.
func (e *WaitError) Is(target error) bool { return target == ErrWait }

// DestroyedError is an ErrDestroyed that knows why.
type DestroyedError struct{ Reason Reason }

func (e *DestroyedError) Error() string { return fmt.Sprintf("%v: %s", ErrDestroyed, e.Reason) }

// Is makes it an ErrDestroyed.
func (e *DestroyedError) Is(target error) bool { return target == ErrDestroyed }

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrInvalid, fmt.Errorf(format, args...))
}

func unavailable(what string, err error) error {
	return fmt.Errorf("%w: %s: %w", ErrUnavailable, what, err)
}
