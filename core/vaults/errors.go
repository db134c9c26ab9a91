package vaults

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// What a caller decides on.
var (
	ErrWrongPassword = errors.New("the password is not right")
	ErrPasswordGone  = errors.New("the vault has destroyed this account")
	ErrUnreachable   = errors.New("the vault cannot be reached")
	// ErrCertificate is an ErrUnreachable whose server has a certificate that has expired, or that nobody vouches for.
	ErrCertificate = fmt.Errorf("%w: its certificate is not valid", ErrUnreachable)
	// ErrElsewhere is an ErrUnreachable that is a token, and not at this computer: the password works where it is.
	ErrElsewhere = fmt.Errorf("%w: its token is not at this computer", ErrUnreachable)
	ErrWait      = errors.New("the vault asks to wait")
	ErrRefused   = errors.New("the vault refused")
	ErrSuspect   = errors.New("the vault gave what is not the key of this backup")
	ErrPIN       = errors.New("the token does not accept the PIN")
	ErrEnrolment = errors.New("the vault takes new accounts only with its enrolment token")
	// ErrCard: what names the vault is no card, or one of a newer version.
	ErrCard  = errors.New("not a vault card")
	ErrNoPIN = errors.New("the token needs its PIN: name a file with it as pin-source in the token's URI")
)

// kinds are the kinds of an Error that need no more than themselves, those within others first.
var kinds = []error{ErrWrongPassword, ErrPasswordGone, ErrCertificate, ErrElsewhere, ErrUnreachable, ErrWait, ErrSuspect, ErrPIN,
	ErrEnrolment}

// Told returns err as an *Error of the kind that it is, and ErrRefused where it is of none.
// What is cancelled, ErrCard and ErrNoPIN stay as they are.
func Told(err error) error {
	var told *Error
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, ErrCard) || errors.Is(err, ErrNoPIN) || errors.As(err, &told) {
		return err
	}
	for _, k := range kinds {
		if errors.Is(err, k) {
			return &Error{Kind: k, GuessesLeft: -1, Cause: err}
		}
	}
	return &Error{Kind: ErrRefused, GuessesLeft: -1, Cause: err}
}

// Error tells what a vault said beyond the kind of its answer.
type Error struct {
	Kind error // ErrWrongPassword, ErrPasswordGone, ErrUnreachable, ErrWait, ErrRefused or ErrSuspect
	// GuessesLeft, of ErrWrongPassword; negative when not told.
	GuessesLeft int
	// Until when, of ErrWait.
	Until time.Time
	// LastGuess: this very try used the last guess up (ErrPasswordGone).
	LastGuess bool
	// Restored: the operator had to restore an old state, so that no password counts any more (ErrPasswordGone).
	Restored bool
	// Repeated: the password was typed before and was wrong, so it was not sent again and no guess was used (ErrWrongPassword).
	Repeated bool
	Cause    error // may be nil
}

func (e *Error) Error() string {
	switch {
	case e.Cause == nil:
		return e.Kind.Error()
	case errors.Is(e.Cause, e.Kind): // its words say the kind already
		return e.Cause.Error()
	}
	return e.Kind.Error() + ": " + e.Cause.Error()
}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}
