package account

import (
	"context"
	"crypto/ed25519"
	"fmt"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/protection"
	"github.com/holdfast-backup/holdfast/core/strength"
	"github.com/holdfast-backup/holdfast/core/vaults"
	vaultcard "github.com/holdfast-backup/holdfast/vault/card"
)

// Request is a new password, and where the person wants it.
type Request struct {
	Password []byte
	// Named are the vaults that the person named; none: those of the backup's card. Several share the password, and
	// Threshold of them open it; 0: the majority.
	Named     []vaultcard.Typed
	Threshold int
	// Enrolment is for vaults whose card's file has none; nil: none.
	Enrolment []byte
}

// Choice is where a new password is to be: in one vault, or shared over several.
type Choice struct {
	one vaults.Place
	// shared are the vaults of a shared password, nil: it is one alone. before is the card of the one there is.
	shared    []vaults.Place
	threshold int
	before    []byte
}

// Shared reports whether it is for several vaults.
func (c Choice) Shared() bool { return c.shared != nil }

// New reports whether it is for a shared password that there is not yet.
func (c Choice) New() bool { return c.before == nil }

// Anew is the same vaults with accounts of their own, as a new key needs them: the old ones are managed under the old key.
func (c Choice) Anew() Choice {
	c.one, c.before = c.one.Anonymous(), nil
	return c
}

// Choose finds the vaults for a new password of a backup that has this card, nil: none. A shared password stays one.
// Errors: ErrRequest, those of vault/card.
func (a Accounts) Choose(req Request, there []byte) (Choice, error) {
	sharedThere := there != nil && vaultcard.IsShared(there)
	if len(req.Named) < 2 && req.Threshold == 0 && !sharedThere {
		one, err := a.place(req.Named, there)
		return Choice{one: one}, err
	}
	c := Choice{threshold: req.Threshold}
	if sharedThere {
		c.before = there
	}
	switch {
	case len(req.Named) > 0:
		for i := range req.Named {
			at, err := a.place(req.Named[i:i+1], nil)
			if err != nil {
				return Choice{}, err
			}
			c.shared = append(c.shared, at)
		}
	case !sharedThere:
		return Choice{}, fmt.Errorf("%w: no vault is named", ErrRequest)
	default:
		own, err := a.Own(there)
		if err != nil {
			return Choice{}, err
		}
		c.take(own)
	}
	if c.threshold == 0 {
		c.threshold = len(c.shared)/2 + 1
	}
	if n := len(c.shared); c.threshold <= n/2 || c.threshold > n {
		return Choice{}, fmt.Errorf("%w: of %d vaults, at least %d and at most %d can be needed, not %d", ErrRequest, n, n/2+1, n, c.threshold)
	}
	return c, nil
}

// take keeps the vaults of a shared password that there is.
func (c *Choice) take(own vaults.Place) {
	set := own.Shared.Current()
	for _, m := range set.Vaults {
		at := vaults.OfMember(own.Shared, m)
		if at.Fits(own.Typed) {
			at.Typed = own.Typed
		}
		c.shared = append(c.shared, at)
	}
	if c.threshold == 0 {
		c.threshold = set.Threshold
	}
}

// place is the vault that the person named, or else the one of the card there.
func (a Accounts) place(named []vaultcard.Typed, there []byte) (vaults.Place, error) {
	switch {
	case len(named) > 0:
		if c, ok := named[0].Card(); ok {
			return vaults.Place{Card: &c, Typed: named[0]}, nil
		}
		return vaults.Place{Typed: named[0]}, nil
	case there == nil:
		return vaults.Place{}, fmt.Errorf("%w: no vault is named", ErrRequest)
	}
	return a.Own(there)
}

// Keep is how a card of a shared password is made durable.
type Keep func(ctx context.Context, before, card []byte) error

// NotYet is Keep where nobody relies on the password before there is a backup with its card.
func NotYet(context.Context, []byte, []byte) error { return nil }

// KeepIn puts the cards of a shared password into the backup's header, and reads each back.
func (a Accounts) KeepIn(r *repo.Repository) Keep {
	return func(ctx context.Context, before, card []byte) error {
		if err := protection.ReplaceVaultCard(ctx, r, before, card); err != nil {
			return err
		}
		return a.Profile.Update(Note(card))
	}
}

// Register puts a key behind a password, which the vault, or each of several, proves at once. It
// returns the place of the account. keep is for a shared password. Errors: ErrWeak, ErrRequest, those of package vaults.
func (a Accounts) Register(ctx context.Context, c Choice, req Request, key *backupkey.Key, keep Keep) (vaults.Place, error) {
	if a.Vaults == nil {
		return vaults.Place{}, fmt.Errorf("%w: this build has no vaults", ErrRequest)
	}
	if s := strength.Of(req.Password); s.Refused {
		return vaults.Place{}, fmt.Errorf("%w: %s", ErrWeak, s.Advice)
	}
	enrolment := req.Enrolment
	if enrolment == nil && !c.Shared() {
		enrolment = c.one.Typed.Enrolment()
		defer clear(enrolment)
	}
	if err := vaultcard.CheckEnrolment(enrolment); err != nil {
		return vaults.Place{}, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	raw, password := key.Bytes(), Normalized(req.Password)
	defer clear(raw)
	defer clear(password)
	n := vaults.NewAccount{Password: password, Key: raw, Seeds: Seeds(key), Enrolment: enrolment}
	if c.Shared() {
		return a.share(ctx, c, n, key, keep)
	}
	card, err := a.Vaults.Register(ctx, c.one, n)
	if err != nil {
		return vaults.Place{}, err
	}
	card = card.InNFC()
	return vaults.Place{Card: &card, Typed: c.one.Typed}, nil
}

func (a Accounts) share(ctx context.Context, c Choice, n vaults.NewAccount, key *backupkey.Key, keep Keep) (vaults.Place, error) {
	s := c.sharing(key, keep)
	defer clear(s.CardSeed)
	if c.before != nil {
		old, err := a.Own(c.before)
		if err == nil {
			err = a.Retire(ctx, old, key)
		}
		if err != nil {
			return vaults.Place{}, err
		}
	}
	made, err := a.Vaults.Share(ctx, s, n)
	if err != nil {
		return vaults.Place{}, err
	}
	if c.before != nil {
		if err := a.settle(ctx, c.before, made.Left); err != nil {
			return vaults.Place{}, err
		}
	}
	if len(made.Left) > 0 {
		a.Log.Warn("vaults that the password no longer needs did not delete its account", "vaults", made.Left)
	}
	return vaults.Place{Shared: made.Card}, nil
}

// sharing is what the vaults are asked for a choice. The caller clears CardSeed.
func (c Choice) sharing(key *backupkey.Key, keep Keep) vaults.Sharing {
	return vaults.Sharing{Places: c.shared, Threshold: c.threshold, Before: c.before, CardSeed: cardSeed(key), Keep: keep}
}

func cardSeed(key *backupkey.Key) []byte {
	return key.Derive(backupkey.LabelSharedVaultCard, nil, ed25519.SeedSize)
}
