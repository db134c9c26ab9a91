package core

import (
	"context"
	"fmt"
	"time"
)

// Vaults reaches the vaults that hold backup keys behind passwords (package
// vaultclient has it; docs/vault-protocol.md). A card is public JSON that names a vault
// and, once it is registered, an account. Errors are *VaultError around the
// Err… of this package that begin with "the vault" or "the password".
type Vaults interface {
	// Register puts a key behind a password and returns the card of the account.
	// A place whose card has no account gets a new one; where it has one, what the
	// account holds is replaced. It proves the password: the vault has given the key
	// back for it when there is no error.
	Register(ctx context.Context, at VaultPlace, account NewAccount) (VaultCard, error)
	// Recover uses one guess and returns the key.
	Recover(ctx context.Context, at VaultPlace, password []byte) (key []byte, err error)
	// State asks about the account and uses no guess.
	State(ctx context.Context, at VaultPlace) (VaultState, error)
	// Remove deletes the account; one that is not there is removed. seeds are as in NewAccount.
	Remove(ctx context.Context, at VaultPlace, seeds func(publicKey, account []byte) (seed, before []byte)) error
	// Tokens lists the PKCS#11 tokens that this computer can see.
	Tokens() []VaultToken
	// SoftwareToken is the address of a token of this computer's own that needs
	// no hardware; "" where that cannot be.
	SoftwareToken() (address string)
}

// NewAccount is what Register puts into an account. The caller clears it.
type NewAccount struct {
	Password []byte
	Key      []byte // 32 bytes
	// Seeds gives the seed, 32 bytes, of the key that manages an account, and the
	// seed that an account may have from a version before; the callee clears both.
	Seeds func(publicKey, account []byte) (seed, before []byte)
	// Enrolment is what some vaults want for a new account; nil: none.
	Enrolment []byte
}

// VaultToken is a token that can be a vault for this computer alone.
type VaultToken struct {
	Label   string
	Address string // an RFC 7512 URI
}

// VaultState is what a vault says of an account.
type VaultState struct {
	Name    string `json:"name"`    // of the vault
	Address string `json:"address"` // URL, or the URI of a token
	Local   bool   `json:"local"`   // a token at this computer
	// Destroyed: all guesses are used up. Absent: it was never there, or was removed.
	Destroyed   bool `json:"destroyed,omitempty"`
	Absent      bool `json:"absent,omitempty"`
	GuessesLeft int  `json:"guesses_left"`
	GuessLimit  int  `json:"guess_limit"`
	// Wrong are the times of the wrong guesses that the vault remembers, also of those that a right one followed: the owner's
	// own right guess must not hide somebody else's wrong ones. WrongTotal counts all since the password was set.
	Wrong      []time.Time `json:"wrong,omitempty"`
	WrongTotal int         `json:"wrong_total,omitempty"`
	LastRight  time.Time   `json:"last_right,omitzero"` // the newest right guess
	WaitUntil  time.Time   `json:"wait_until,omitzero"` // no guess is taken before
	Asked      time.Time   `json:"asked"`
}

// WrongNow are the wrong guesses since the last right one.
func (s *VaultState) WrongNow() []time.Time {
	var now []time.Time
	for _, t := range s.Wrong {
		if !t.Before(s.LastRight) {
			now = append(now, t)
		}
	}
	return now
}

// VaultError tells what a vault said beyond the kind of its answer.
type VaultError struct {
	Kind error // ErrWrongPassword, ErrPasswordGone, ErrVaultUnreachable, ErrVaultWait, ErrVaultRefused or ErrVaultSuspect
	// GuessesLeft, of ErrWrongPassword; negative when not told.
	GuessesLeft int
	// Until when, of ErrVaultWait.
	Until time.Time
	// LastGuess: this very try used the last guess up (ErrPasswordGone).
	LastGuess bool
	// Restored: the operator had to restore an old state, so that no password counts any more (ErrPasswordGone).
	Restored bool
	Vault    string // the vault's name
	Cause    error  // may be nil
}

func (e *VaultError) Error() string {
	s := e.Kind.Error()
	if e.Vault != "" {
		s = fmt.Sprintf("%s (%s)", s, e.Vault)
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap returns the kind and the cause.
func (e *VaultError) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

// PasswordRequest is a password and the vault that is to check it.
type PasswordRequest struct {
	Password []byte // cleared by nobody but its owner
	// Vault is the one that the person named; zero: the one that the backup has already.
	Vault TypedVault
	// Trust is the person's agreement to contact the vault that only the card at a
	// destination names. Nobody needs it for this computer's own backup.
	Trust VaultTrust
	// Enrolment is the token that some vaults want for a new account. nil: the
	// one in the card's file, if that has one.
	Enrolment []byte
}
