package vaults

import (
	"context"

	"github.com/holdfast-backup/holdfast/vault/card"
)

// Sharing is a password that is to be shared over several vaults (docs/shared-vaults.md, chapter 4).
type Sharing struct {
	// Places are the vaults, in order. Accounts on their cards do not count.
	Places []Place
	// Threshold of them open it, more than half.
	Threshold int
	// Before is the card of the backup's shared password as it is; nil: there is none.
	Before []byte
	// CardSeed is the seed, 32 bytes, of the key that signs the card; it derives from the backup key. The caller clears it.
	CardSeed []byte
	// Keep makes a card durable, in place of the one before (nil: none), and returns once it has read it back.
	Keep func(ctx context.Context, before, card []byte) error
}

// Shared is what Share did.
type Shared struct {
	// Card is the one that was kept last.
	Card *card.Shared
	// Left are the names of vaults that are no longer in the set and did not confirm that they deleted the account.
	Left []string
}

// Recovered is the key of a shared password, and what the vaults did. Clear it after use.
type Recovered struct {
	Key []byte
	Report
	// Mend registers the vaults again that did not hold what they should, and finishes a change of the password that was cut off;
	// nil: all is well. It is called before Clear, by a program that has the backup open for writing.
	Mend  func(ctx context.Context, s Sharing, account NewAccount) (Shared, error)
	Clear func()
}

// Report is what a recovery saw of the vaults of a shared password.
type Report struct {
	// Findings are the vaults that gave something false, or hold something else than the card says.
	Findings []Finding
	// Silent are the names of the vaults that did not answer in time.
	Silent []string
}

// OfMember is the place of one vault of a shared password, with its account.
func OfMember(s *card.Shared, m card.Member) Place {
	c := m.Card(s.Key)
	return Place{Card: &c, SPKI: m.SPKI}
}

// Text is the card of a place as it stands in a header; nil: it has none.
func (p Place) Text() []byte {
	switch {
	case p.Shared != nil:
		return p.Shared.Encode()
	case p.Card != nil:
		return p.Card.Encode()
	}
	return nil
}
