package vaultclient

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-backup/holdfast/core/vaults"
	cards "github.com/holdfast-backup/holdfast/vault/card"
)

// KeyBytes is the length of a backup key, SeedBytes that of a management seed.
const (
	KeyBytes  = 32
	SeedBytes = 32
)

// Vault is a vault as the app sees it. It may be used by several goroutines at
// once. All methods honour ctx.
type Vault interface {
	// SetPassword puts a key behind a password: for a new account if the card
	// has none, else in place of what the account holds. It returns the card
	// with the account, to be kept beside the backup, after the password has opened the account
	// once. It takes two key stretchings, about half a second.
	//
	// vaults.ErrUnreachable, ErrNotTheVault, vaults.ErrEnrolment, ErrManagement (a known
	// account, and seeds that are not its), ErrNotProven. After an error the
	// account has the old password or the new one; setting it again settles that.
	SetPassword(ctx context.Context, p NewPassword) (card []byte, err error)

	// Recover gives the key for the password, at the cost of one guess, which
	// the right password gives back with all others. The caller clears the key.
	//
	// A *vaults.Error of vaults.ErrWrongPassword, vaults.ErrPasswordGone
	// (also when this guess was the last) or vaults.ErrWait (no guess was
	// used); vaults.ErrUnreachable (a guess may have been used), ErrNoAccount, ErrNotTheVault.
	Recover(ctx context.Context, password []byte) (key []byte, err error)

	// State asks for the state of the account; it costs no guess.
	// vaults.ErrUnreachable, ErrNoAccount.
	State(ctx context.Context) (vaults.State, error)

	// Delete removes the account for good. seeds are its management seed, or the
	// ones that it may have, tried in order.
	// vaults.ErrUnreachable, ErrNoAccount, ErrManagement.
	Delete(ctx context.Context, seeds ...[]byte) error

	// Card returns the card, with the account once there is one. It is public.
	Card() []byte

	// Close releases the token or the connections.
	Close() error
}

// NewPassword is what SetPassword needs. The caller clears all of it.
type NewPassword struct {
	Password []byte
	// Key is the backup key, 32 bytes.
	Key []byte
	// Seed makes the management key that the account is to have: 32 bytes that derive from Key.
	Seed []byte
	// PreviousSeed is that of the key that the account may hold now; nil where that
	// is the same, or the account is new.
	PreviousSeed []byte
	// SeedsOf, if set, gives both for a vault's public key and an account's id, of
	// which SetPassword chooses a new one. SetPassword clears what it gives.
	SeedsOf func(publicKey, account []byte) (seed, previous []byte)
}

func (p *NewPassword) check() error {
	if p.SeedsOf != nil {
		if p.Seed != nil || p.PreviousSeed != nil {
			panic("vaultclient: NewPassword has seeds twice")
		}
		if len(p.Password) > 0 && len(p.Key) == KeyBytes {
			return nil
		}
	}
	switch {
	case len(p.Password) == 0:
		return fmt.Errorf("%w: the password is empty", vaults.ErrRefused)
	case len(p.Key) != KeyBytes:
		return fmt.Errorf("%w: a backup key has %d bytes", vaults.ErrRefused, KeyBytes)
	case len(p.Seed) != SeedBytes, p.PreviousSeed != nil && len(p.PreviousSeed) != SeedBytes:
		return fmt.Errorf("%w: a management seed has %d bytes", vaults.ErrRefused, SeedBytes)
	}
	return nil
}

// Params say which vault to open.
type Params struct {
	// Card is a vault card as JSON; nil where Token names a token whose vault is
	// not known yet. The caller vouches for it: Open contacts what it names.
	Card []byte
	// Token is the address of a token that a person typed on this computer, or
	// that it remembers. Only it may name a module and a file with the PIN. With
	// a card it says where the card's token is found.
	Token *cards.Address
	// PIN asks for a token's PIN where the URI does not say where it is. May be nil.
	PIN func(context.Context) ([]byte, error)
	// Dir is where the accounts of tokens are kept that keep no data objects
	// themselves; with it also locks that keep two processes from using one token at the same moment. Required for tokens.
	Dir string
	// Create makes a vault's keys on a token that has none.
	Create bool
	// Delays are the waits after the third, fourth, … wrong guess on a token of
	// this computer; nil: the vault's default.
	Delays []time.Duration
	// SPKI is the SHA-256 of the public key that a server's certificate must have; nil: what the card says, or else the
	// authorities that this computer trusts.
	SPKI []byte
	// EnrolmentToken is the token that some vaults want for new accounts. It goes with both messages of a registration.
	EnrolmentToken []byte
	// Tried remembers which passwords were wrong; nil: that is not remembered.
	Tried *Tried
}

// Open opens the vault that the card or the typed address names: Local for
// pkcs11:, Remote for https:. A remote vault is not asked anything yet. vaults.ErrCard, ErrNewerCard; for tokens also
// vaults.ErrUnreachable (it is not there), vaults.ErrPIN, vaults.ErrNoPIN, ErrNoKeys, ErrIncapable, ErrNotTheVault.
func Open(ctx context.Context, p Params) (Vault, error) {
	if p.Card == nil && p.Token != nil {
		return openLocal(ctx, p, cards.Card{}, *p.Token)
	}
	card, err := cards.Parse(p.Card)
	switch {
	case errors.Is(err, cards.ErrNewer):
		return nil, fmt.Errorf("%w: %w", ErrNewerCard, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", vaults.ErrCard, err)
	case p.Token != nil:
		return openLocal(ctx, p, card, *p.Token)
	case !card.URL.IsToken():
		return openRemote(p, card), nil
	}
	address, err := card.URL.Address()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", vaults.ErrCard, err)
	}
	return openLocal(ctx, p, card, address)
}
