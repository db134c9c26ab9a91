package vaultclient

import (
	"errors"
	"fmt"
	"time"
)

// What the app decides on; the exit codes of the command line stand beside.
var (
	ErrWrongPassword = errors.New("the password is wrong")                                 // 4; see WrongPasswordError
	ErrDestroyed     = errors.New("the account is destroyed")                              // 5; see DestroyedError
	ErrUnreachable   = errors.New("the vault cannot be reached")                           // 6
	ErrAbsent        = fmt.Errorf("%w: its token is not at this computer", ErrUnreachable) // 6
	ErrWait          = errors.New("the vault accepts no guess yet")                        // 7; see WaitError
	ErrNoAccount     = errors.New("the vault does not know this account")                  // 1
	ErrNotTheVault   = errors.New("this is not the vault that the card names")             // 1
	ErrCertificate   = errors.New("the certificate of the vault's server is not valid")    // 6
	ErrNotProven     = errors.New("the new password did not open the account")             // 1
	ErrManagement    = errors.New("the backup key is not the one of this account")         // 4
	ErrEnrolment     = errors.New("the vault takes new accounts only with a token")        // 1
	ErrRefused       = errors.New("the vault refused the request")                         // 1
	ErrCard          = errors.New("not a vault card")                                      // 2
	ErrNewerCard     = errors.New("the vault card was made by a newer version")            // 1
	ErrPIN           = errors.New("the token does not accept the PIN")                     // 4
	ErrNoPIN         = errors.New("the token needs a PIN")                                 // 2
	ErrNoKeys        = errors.New("the token has no vault")                                // 1
	ErrIncapable     = errors.New("the token cannot hold a vault")                         // 1
	ErrStore         = errors.New("the token's accounts are not those it has last seen")   // 1
)

// WrongPasswordError is an ErrWrongPassword that knows what is left.
type WrongPasswordError struct{ GuessesLeft int }

func (e *WrongPasswordError) Error() string {
	return fmt.Sprintf("%v; %d guesses left", ErrWrongPassword, e.GuessesLeft)
}

// Is makes it an ErrWrongPassword.
func (e *WrongPasswordError) Is(target error) bool { return target == ErrWrongPassword }

// DestroyedError is an ErrDestroyed that knows why.
type DestroyedError struct {
	// Reason is "guesses" (ten wrong ones) or "restored" (the vault's operator
	// restored an older backup; a computer that has the key can set the password anew).
	Reason string
	// Now: this very guess was the last one.
	Now bool
}

func (e *DestroyedError) Error() string {
	if e.Now {
		return fmt.Sprintf("%v: that was the last guess", ErrDestroyed)
	}
	return fmt.Sprintf("%v: %s", ErrDestroyed, e.Reason)
}

// Is makes it an ErrDestroyed.
func (e *DestroyedError) Is(target error) bool { return target == ErrDestroyed }

// WaitError is an ErrWait that knows until when.
type WaitError struct{ Until time.Time }

func (e *WaitError) Error() string {
	return fmt.Sprintf("%v, not before %s", ErrWait, e.Until.UTC().Format(time.RFC3339))
}

// Is makes it an ErrWait.
func (e *WaitError) Is(target error) bool { return target == ErrWait }
