package core

import "github.com/holdfast-backup/holdfast/core/vaults"

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
