package account

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/vaults"
	vaultcard "github.com/holdfast-backup/holdfast/vault/card"
)

// held are the accounts of a place, each at its vault alone.
func held(at vaults.Place) []vaults.Place {
	switch {
	case at.Shared != nil:
		var all []vaults.Place
		for _, m := range at.Shared.Members() {
			all = append(all, vaults.OfMember(at.Shared, m))
		}
		return all
	case at.Card != nil && len(at.Card.Account) > 0:
		return []vaults.Place{at}
	}
	return nil
}

// heldBy are the accounts that a card names, nil: none.
func heldBy(card []byte) ([]vaults.Place, error) {
	if card == nil {
		return nil, nil
	}
	p, _, err := vaults.Landed(card)
	return held(p), err
}

// Retire notes the accounts of a place, which the key manages, as ones that are to be deleted. It is called before the backup's header
// gets a card without them: then nothing forgets them, whenever the program ends. Those that the header still names are kept (Sweep).
func (a Accounts) Retire(ctx context.Context, at vaults.Place, key *backupkey.Key) error {
	all, err := a.Profile.OldAccounts(ctx)
	if err != nil {
		return err
	}
	defer clearAll(all)
	for _, one := range held(at) {
		if !slices.ContainsFunc(all, func(o profile.OldAccount) bool { return isAt(o, one) }) {
			seed, before := Seeds(key)(one.Card.PublicKey, one.Card.Account)
			all = append(all, profile.OldAccount{Card: one.Card.Encode(), SPKI: one.SPKI, Seed: seed, Before: before})
		}
	}
	return a.Profile.SetOldAccounts(ctx, all)
}

func clearAll(all []profile.OldAccount) {
	for _, o := range all {
		clear(o.Seed)
		clear(o.Before)
	}
}

// isAt reports whether an old account is that of a place.
func isAt(o profile.OldAccount, at vaults.Place) bool {
	c, err := vaultcard.Parse(o.Card)
	return err == nil && c.SameAccount(*at.Card)
}

// Sweep deletes the old accounts whose vaults answer, all at once, and forgets them; card is the one in the backup's header, nil:
// none. What it names is in use, and no longer old. What the profile's own card names stays as well, whatever a place shows.
// Errors: those of the vaults that did not confirm it.
func (a Accounts) Sweep(ctx context.Context, card []byte) error {
	_, err := a.sweep(ctx, card, a.Profile.Settings().VaultCard)
	return err
}

// SweepBriefly is Sweep for whoever has something else to do: it waits a moment, and the next one tries again.
func (a Accounts) SweepBriefly(ctx context.Context, card []byte) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	if err := a.Sweep(ctx, card); err != nil {
		a.Log.Info("an old account of the password waits to be deleted", "cause", err)
	}
}

func (a Accounts) sweep(ctx context.Context, card, own []byte) (left []profile.OldAccount, err error) {
	all, err := a.Profile.OldAccounts(ctx)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	defer clearAll(all)
	used, err := heldBy(card)
	mine, ownErr := heldBy(own)
	if err = errors.Join(err, ownErr); err != nil {
		return nil, err
	}
	errs, kept := make([]error, len(all)), make([]bool, len(all))
	var group sync.WaitGroup
	for i, o := range all {
		at := func(p vaults.Place) bool { return isAt(o, p) }
		if slices.ContainsFunc(used, at) {
			continue
		}
		if kept[i] = slices.ContainsFunc(mine, at); !kept[i] {
			group.Go(func() { errs[i] = a.deleteOld(ctx, o) })
		}
	}
	group.Wait()
	for i, o := range all {
		if errs[i] != nil || kept[i] {
			left = append(left, o)
		}
	}
	return left, errors.Join(errors.Join(errs...), a.Profile.SetOldAccounts(context.WithoutCancel(ctx), left))
}

func (a Accounts) deleteOld(ctx context.Context, o profile.OldAccount) error {
	at, err := a.Own(o.Card)
	if err != nil {
		return nil // ours, and not to be read: nobody ever will
	}
	at.SPKI = o.SPKI
	err = a.Vaults.Remove(ctx, at, func(_, _ []byte) (seed, before []byte) { return bytes.Clone(o.Seed), bytes.Clone(o.Before) })
	if err != nil {
		return fmt.Errorf("%s: %w", at.Card.Name, err)
	}
	return nil
}

// Replaced deletes the accounts of a place that were retired, now that the header has another card. Of a shared password it
// does not matter what fewer than t of its vaults still hold: they are deleted at another time. Errors: as Sweep.
func (a Accounts) Replaced(ctx context.Context, at vaults.Place, card []byte) error {
	left, err := a.sweep(ctx, card, a.Profile.Settings().VaultCard)
	return a.enough(at, left, err)
}

// Removed is Replaced where the password is given up: the accounts of the header's card are deleted before it.
func (a Accounts) Removed(ctx context.Context, at vaults.Place) error {
	left, err := a.sweep(ctx, nil, nil)
	return a.enough(at, left, err)
}

// enough is nil where what is left of a place's accounts opens nothing.
func (a Accounts) enough(at vaults.Place, left []profile.OldAccount, err error) error {
	if at.Shared == nil {
		return err
	}
	n := 0
	for _, one := range held(at) {
		if slices.ContainsFunc(left, func(o profile.OldAccount) bool { return isAt(o, one) }) {
			n++
		}
	}
	if set := at.Shared.Current(); err != nil && n < set.Threshold {
		a.Log.Warn("accounts that the password no longer needs wait to be deleted", "cause", err)
		return nil
	}
	return err
}

// settle forgets the retired accounts of a shared password but those that a change left at vaults that did not answer.
func (a Accounts) settle(ctx context.Context, before []byte, left []string) error {
	all, err := a.Profile.OldAccounts(ctx)
	if err != nil {
		return err
	}
	defer clearAll(all)
	p, _, err := vaults.Landed(before)
	if err != nil {
		return err
	}
	done := slices.DeleteFunc(held(p), func(at vaults.Place) bool { return slices.Contains(left, at.Card.Name) })
	return a.Profile.SetOldAccounts(ctx, slices.DeleteFunc(all, func(o profile.OldAccount) bool {
		return slices.ContainsFunc(done, func(at vaults.Place) bool { return isAt(o, at) })
	}))
}

// Waiting names the vaults whose old accounts wait to be deleted.
func (a Accounts) Waiting(ctx context.Context) ([]string, error) {
	all, err := a.Profile.OldAccounts(ctx)
	defer clearAll(all)
	var names []string
	for _, o := range all {
		if c, err := vaultcard.Parse(o.Card); err == nil {
			names = append(names, c.Name)
		}
	}
	return names, err
}
