package vaultclient

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	cards "github.com/holdfast-backup/holdfast/vault/card"
)

// remove deletes the accounts of vaults that are no longer in the set, and names those that did not confirm it.
func (m *making) remove(ctx context.Context, open Opener, old []cards.Member) (left []string) {
	gone := slices.DeleteFunc(slices.Clone(old), func(o cards.Member) bool { return m.card.Set.Find(o) != nil })
	for i, err := range removeAll(ctx, open, m.card.Key, gone, m.n.Seeds) {
		if err != nil {
			left = append(left, gone[i].Name)
		}
	}
	return left
}

// removeAll deletes accounts, all at once. One that is not there is removed.
func removeAll(ctx context.Context, open Opener, key []byte, members []cards.Member,
	seeds func(publicKey, account []byte) (seed, previous []byte),
) []error {
	all := make([]error, len(members))
	var group errgroup.Group
	for i, member := range members {
		group.Go(func() error {
			v, err := open(ctx, member, member.Card(key).Encode())
			if err == nil {
				seed, previous := seeds(member.PublicKey, member.Account(key))
				err = errors.Join(v.Delete(ctx, seed, previous), v.Close())
				clear(seed)
				clear(previous)
			}
			if !errors.Is(err, ErrNoAccount) {
				all[i] = err
			}
			return nil
		})
	}
	_ = group.Wait() // the errors are in all
	return all
}
