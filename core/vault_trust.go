package core

import (
	"errors"
	"fmt"

	"github.com/holdfast-backup/holdfast/core/backupkey"
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
	if err != nil {
		return TypedVault{}, cardError(err, ErrInvalid)
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

// VaultTrust is what a person was shown of a vault that only a destination's
// card names, and agreed to contact. It holds for a card that says all of this and
// nothing else, so a destination that shows another card afterwards gains nothing.
type VaultTrust struct {
	Name    string // what the vault calls itself
	Address string // its URL, or the token's identity as pkcs11:…
	Host    string // of the URL, with its port; "" for a token
	// Fingerprint of the vault's public key, Certificate that of the one
	// certificate that its server may have, "" without; "SHA256:…".
	Fingerprint, Certificate string
}

// VaultNotTrustedError is ErrVaultNotTrusted with what the person is to be shown.
type VaultNotTrustedError struct{ VaultTrust }

func (e *VaultNotTrustedError) Error() string {
	text := fmt.Sprintf("%v: it calls itself %q, is at %s, and its key is %s", ErrVaultNotTrusted, e.Name, e.Address, e.Fingerprint)
	if e.Certificate != "" {
		text += ", its certificate " + e.Certificate
	}
	return text
}

// Unwrap returns ErrVaultNotTrusted.
func (e *VaultNotTrustedError) Unwrap() error { return ErrVaultNotTrusted }

func trustOf(c VaultCard) VaultTrust {
	return VaultTrust{Name: c.Name, Address: string(c.URL), Host: c.URL.Host(), Fingerprint: c.Fingerprint(),
		Certificate: c.CertificateFingerprint()}
}

// Question returns what to show of the card at a destination before its
// vault is contacted. known: this computer's own backup has this vault, so there is
// nothing to ask. Nothing is contacted. Errors: ErrDamaged, ErrNewerFormat.
func (pw Passwords) Question(card []byte) (show VaultTrust, known bool, err error) {
	c, err := landedCard(card)
	if err != nil {
		return VaultTrust{}, false, err
	}
	return trustOf(c), pw.knows(c), nil
}

// landedCard reads the card in a header, from whatever version.
func landedCard(text []byte) (VaultCard, error) {
	c, _, err := vaultcard.ParseLanded(text)
	if err != nil {
		return VaultCard{}, cardError(err, ErrDamaged)
	}
	return c, nil
}

func cardError(err, kind error) error {
	if errors.Is(err, vaultcard.ErrNewer) {
		kind = ErrNewerFormat
	}
	return fmt.Errorf("%w: %w", kind, err)
}

// placeOf decides which vault is contacted for the backup that has the card
// there, nil: none. It is the one way from a card that nobody vouches for to a vault.
// Errors: *VaultNotTrustedError, ErrNoPassword, ErrDamaged, ErrNewerFormat.
func placeOf(there []byte, typed TypedVault, trust VaultTrust, known func(VaultCard) bool) (VaultPlace, error) {
	if there == nil && typed.IsZero() {
		return VaultPlace{}, ErrNoPassword
	}
	var c VaultCard
	var err error
	if there != nil {
		c, err = landedCard(there)
	}
	if given, ok := typed.Card(); ok {
		// An operator's card names no account: then it is the destination's.
		if len(given.Account) == 0 && err == nil {
			given = given.WithAccount(c)
		}
		return VaultPlace{Card: &given, Typed: typed}, nil
	}
	switch at, token := typed.Token(); {
	case err != nil:
		return VaultPlace{}, err
	case token && there == nil:
		return VaultPlace{Typed: typed}, nil
	case token:
		c.URL, c.Certificate = at.URL(), nil
		return VaultPlace{Card: &c, Typed: typed}, nil
	case trust != trustOf(c) && !known(c):
		return VaultPlace{}, &VaultNotTrustedError{trustOf(c)}
	}
	return VaultPlace{Card: &c}, nil
}

// vouchedCard is the vault card that the profile keeps and that a key vouches
// for, nil: none. In the header of a backup without encryption anybody can write one.
func vouchedCard(set profile.Settings) []byte {
	if set.Protection != string(ProtectionKey) && set.Change == "" {
		return nil
	}
	return set.VaultCard
}

// knows reports whether this computer's own backup has this vault.
func (pw Passwords) knows(c VaultCard) bool {
	text := vouchedCard(pw.app.profile.Settings())
	if text == nil {
		return false
	}
	own, err := landedCard(text)
	return err == nil && own.Same(c)
}

// ownPlace is the vault of the profile's backup. A key vouches for the card.
func (pw Passwords) ownPlace(card []byte) (VaultPlace, error) {
	c, err := landedCard(card)
	if err != nil {
		return VaultPlace{}, err
	}
	place := VaultPlace{Card: &c}
	typed, err := vaultcard.ParseTyped(pw.app.profile.Settings().VaultAddress)
	if err != nil {
		return place, nil //nolint:nilerr // what the card says will do
	}
	if at, ok := typed.Token(); ok && c.URL.IsToken() {
		if of, err := c.URL.Address(); err == nil && at.Fits(of) {
			place.Typed = typed
		}
	}
	return place, nil
}

// UseAddress keeps how the person names the token of the profile's vault: with
// a module or a file with the PIN, which nobody but a person on this computer can say.
// Errors: ErrNotSetUp, ErrNoPassword, ErrInvalid (it is another token, or none).
func (pw Passwords) UseAddress(typed TypedVault) error {
	set := pw.app.profile.Settings()
	switch {
	case set.Repository == "":
		return ErrNotSetUp
	case vouchedCard(set) == nil:
		return ErrNoPassword
	}
	c, err := landedCard(set.VaultCard)
	if err != nil {
		return err
	}
	at, token := typed.Token()
	if of, err := c.URL.Address(); !token || err != nil || !at.Fits(of) {
		return fmt.Errorf("%w: the vault of this backup is %s", ErrInvalid, c.URL)
	}
	return pw.app.profile.Update(func(s *profile.Settings) { rememberAddress(s, typed) })
}

// chosenPlace is the vault for a new password of the profile's backup: the one
// that the person named, or else the one of the card there.
func (pw Passwords) chosenPlace(typed TypedVault, there []byte) (VaultPlace, error) {
	switch c, isCard := typed.Card(); {
	case isCard:
		return VaultPlace{Card: &c, Typed: typed}, nil
	case !typed.IsZero():
		return VaultPlace{Typed: typed}, nil
	case there == nil:
		return VaultPlace{}, fmt.Errorf("%w: no vault is named", ErrInvalid)
	}
	return pw.ownPlace(there)
}

// registered is the vault of an account that this computer made just now.
func registered(card VaultCard, typed TypedVault) VaultPlace {
	return VaultPlace{Card: &card, Typed: typed}
}

// cardToPublish is the profile's vault card, fit for a header: without what a
// version before this one kept of a computer in it. nil: none.
func (pw Passwords) cardToPublish(set profile.Settings) []byte {
	text := vouchedCard(set)
	if text == nil {
		return nil
	}
	c, err := landedCard(text)
	if err != nil {
		pw.app.p.Log.Warn("the vault card of this profile cannot be read", "cause", err)
		return nil
	}
	return c.Encode()
}

// managementSeeds are those of the key that manages an account: the one for
// this very account and vault, and the one that versions before this made for all of them. The caller clears both.
func managementSeeds(key *backupkey.Key) func(publicKey, account []byte) (seed, before []byte) {
	return func(publicKey, account []byte) (seed, before []byte) {
		salt := append(append(make([]byte, 0, len(publicKey)+len(account)), publicKey...), account...)
		return key.Derive(backupkey.LabelVaultAccount, salt, 32), key.Derive(backupkey.LabelVaultManagement, nil, 32)
	}
}

// What core and the faces know of vaults.
type (
	Vaults     = vaults.Vaults
	NewAccount = vaults.NewAccount
	VaultToken = vaults.Token
	VaultState = vaults.State
	VaultError = vaults.Error
	VaultPlace = vaults.Place
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
	// Enrolment is the token that some vaults want for a new account. nil: the
	// one in the card's file, if that has one.
	Enrolment []byte
}
