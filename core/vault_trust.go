package core

import (
	"errors"
	"fmt"

	"github.com/holdfast-backup/holdfast/core/account"
	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/vaults"
	vaultcard "github.com/holdfast-backup/holdfast/vault/card"
)

// VaultCard is what a client must know of a vault. A holder of the
// destination can write one there.
type VaultCard = vaultcard.Card

// TypedVault is a vault that a person named on this computer. The zero value names none.
type TypedVault = vaultcard.Typed

// ParseVault reads what a person gave for a vault: a card's text, or the RFC
// 7512 URI of a token. Errors: ErrInvalid, ErrNewerFormat.
func ParseVault(text string) (TypedVault, error) {
	t, err := vaultcard.ParseTyped(text)
	switch {
	case errors.Is(err, vaultcard.ErrNewer):
		return TypedVault{}, raise(err)
	case err != nil:
		return TypedVault{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return t, nil
}

// ParseEnrolment checks what a person gave as the token that a vault wants for new accounts. Errors: ErrInvalid.
func ParseEnrolment(token []byte) error {
	if err := vaultcard.CheckEnrolment(token); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nil
}

// What a person is shown of a vault that only a destination's card names, and agrees to.
type (
	VaultTrust           = vaults.Trust
	VaultNotTrustedError = vaults.NotTrustedError
)

// Question returns what to show of the card at a destination before its
// vault is contacted. known: this computer's own backup has this vault, so there is
// nothing to ask. Nothing is contacted. Errors: ErrDamaged, ErrNewerFormat.
func (pw Passwords) Question(card []byte) (show VaultTrust, known bool, err error) {
	p, _, err := vaults.Landed(card)
	if err != nil {
		return VaultTrust{}, false, raise(err)
	}
	return vaults.TrustOf(p), pw.accounts().Knows(p), nil
}

// placeOf decides which vault is contacted for the backup that has the card there, nil: none.
// Errors: *VaultNotTrustedError, ErrNoPassword, ErrDamaged, ErrNewerFormat.
func placeOf(there []byte, typed TypedVault, trust VaultTrust, known func(VaultPlace) bool) (VaultPlace, error) {
	if there == nil && typed.IsZero() {
		return VaultPlace{}, ErrNoPassword
	}
	p, err := vaults.Decide(there, typed, trust, known)
	return p, raise(err)
}

// Single is the one vault of the password, as somebody would name it; false: there are several, it is a token, or there is none.
func (pw Passwords) Single() (TypedVault, bool) { return pw.accounts().Single() }

// Own are the vaults of this backup's password, each as a person is shown it: what they compare elsewhere before they agree to it.
// nil: there is no password.
func (pw Passwords) Own() []VaultTrust {
	card := account.Vouched(pw.app.profile.Settings())
	if card == nil {
		return nil
	}
	p, _, err := vaults.Landed(card)
	if err != nil {
		return nil
	}
	return vaults.TrustOf(p).Members()
}

// UseAddress keeps how the person names the token of the profile's vault: with
// a module or a file with the PIN, which nobody but a person on this computer can say.
// Errors: ErrNotSetUp, ErrNoPassword, ErrInvalid (it is another token, or none).
func (pw Passwords) UseAddress(typed TypedVault) error {
	set := pw.app.profile.Settings()
	switch {
	case set.Repository == "":
		return ErrNotSetUp
	case account.Vouched(set) == nil:
		return ErrNoPassword
	}
	p, _, err := vaults.Landed(set.VaultCard)
	if err != nil {
		return raise(err)
	}
	if !p.Fits(typed) {
		return fmt.Errorf("%w: the vault of this backup is %s", ErrInvalid, vaults.TrustOf(p).Address)
	}
	return pw.app.profile.Update(func(s *profile.Settings) { account.RememberAddress(s, typed) })
}

// What core and the faces know of vaults.
type (
	Vaults     = vaults.Vaults
	NewAccount = vaults.NewAccount
	VaultToken = vaults.Token
	VaultState = vaults.State
	VaultError = vaults.Error
	VaultPlace = vaults.Place
	// VaultReport and VaultFinding tell what the vaults of a shared password did.
	VaultReport  = vaults.Report
	VaultFinding = vaults.Finding
	VaultLie     = vaults.Lie
)

// What a vault of a shared password may have done.
const (
	LieRegistration = vaults.OtherRegistration
	LieEvaluation   = vaults.WrongEvaluation
	LieRecord       = vaults.WrongRecord
	LieProof        = vaults.WrongProof
	LieKey          = vaults.WrongKey
	LieNoAccount    = vaults.NoAccount
)

// GuessLimit is how many guesses an account has.
const GuessLimit = vaults.Guesses

// PasswordRequest is a password and the vault that is to check it.
type PasswordRequest struct {
	Password []byte // cleared by nobody but its owner
	// Vault is the one that the person named; zero: the one that the backup has already.
	Vault TypedVault
	// Trust is the person's agreement to contact the vault that only the card at a
	// destination names. Nobody needs it for this computer's own backup.
	Trust VaultTrust
	// Others are further vaults: with Vault they are the vaults of a shared password. Threshold of them open it; 0: the majority.
	Others    []TypedVault
	Threshold int
	// Enrolment is the token that some vaults want for a new account. nil: the
	// one in the card's file, if that has one.
	Enrolment []byte
	// Report, if not nil, is told what the vaults of a shared password did while it was recovered.
	Report func(VaultReport)
}

func (req PasswordRequest) request() account.Request {
	r := account.Request{Password: req.Password, Threshold: req.Threshold, Enrolment: req.Enrolment}
	if !req.Vault.IsZero() {
		r.Named = append([]TypedVault{req.Vault}, req.Others...)
	}
	return r
}
