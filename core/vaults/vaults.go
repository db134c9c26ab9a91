// Package vaults is what core, the faces and the vault's client know of vaults: how one is asked, the state of an account, and
// what can go wrong. It is a leaf: it asks nobody.
package vaults

import (
	"context"

	"github.com/holdfast-backup/holdfast/vault/card"
)

// Guesses is how many guesses an account has (docs/vault-protocol.md, chapter 4).
const Guesses = 10

// Vaults reaches the vaults that hold backup keys behind passwords (package
// vaultclient has it; docs/vault-protocol.md). A card is public JSON that names a vault
// and, once it is registered, an account. Errors are *Error around the Err… of this package; ErrCard and ErrNoPIN come as they are.
type Vaults interface {
	// Register puts a key behind a password and returns the card of the account.
	// A place whose card has no account gets a new one; where it has one, what the
	// account holds is replaced. It proves the password: the vault has given the key
	// back for it when there is no error.
	Register(ctx context.Context, at Place, account NewAccount) (card.Card, error)
	// Recover uses one guess and returns the key.
	Recover(ctx context.Context, at Place, password []byte) (key []byte, err error)
	// Share puts a key behind a password that is shared over several vaults, or changes such a password, or its
	// vaults. The password has opened the key at all of them when there is no error; after one, the old password or the new one does.
	Share(ctx context.Context, s Sharing, account NewAccount) (Shared, error)
	// RecoverShared is Recover for a place with Shared. fits reports whether a key is the backup's.
	RecoverShared(ctx context.Context, at Place, password []byte, fits func(key []byte) bool) (*Recovered, error)
	// State asks about the account and uses no guess.
	State(ctx context.Context, at Place) (State, error)
	// Remove deletes the account; one that is not there is removed. seeds are as in NewAccount.
	Remove(ctx context.Context, at Place, seeds func(publicKey, account []byte) (seed, before []byte)) error
	// Find asks the vault at an address who it is. Nobody vouches for the card: a person has to compare it.
	Find(ctx context.Context, address string) (card.Card, error)
	// Tokens lists the PKCS#11 tokens that this computer can see.
	Tokens() []Token
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

// Token is a token that can be a vault for this computer alone.
type Token struct {
	Label   string
	Address string // an RFC 7512 URI
}

// Place is a vault that may be contacted: a key vouches for its card, or a
// person agreed to it or named it.
type Place struct {
	// Card describes the vault; nil for a token that only Typed names.
	Card *card.Card
	// Typed, if not zero, is how this computer names the vault. Only it leads to
	// a module, or to a file with a PIN.
	Typed card.Typed
	// SPKI is the SHA-256 of the public key that the server's certificate must have; nil: what the card says.
	SPKI []byte
	// Shared is the card of a password shared over several vaults; then there is no Card.
	Shared *card.Shared
}

// Anonymous is the place for another account in the same vault.
func (p Place) Anonymous() Place {
	if p.Card != nil {
		c := p.Card.Anonymous()
		p.Card = &c
	}
	return p
}
