//go:build cgo

package plug

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/holdfast-backup/holdfast/core/vaults"
	vaultcard "github.com/holdfast-backup/holdfast/vault/card"
	"github.com/holdfast-backup/holdfast/vaultclient"
)

// ways is how the vaults of a shared password are reached: what this computer's person typed of some, and the enrolment
// tokens that some want, by public key.
type ways map[string]way

type way struct {
	typed     vaultcard.Typed
	enrolment []byte
}

func (v Vaults) opener(w ways) vaultclient.Opener {
	return func(ctx context.Context, m vaultcard.Member, text []byte) (vaultclient.Vault, error) {
		c, err := vaultcard.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", vaults.ErrCard, err)
		}
		own := w[string(m.PublicKey)]
		return v.open(ctx, vaults.Place{Card: &c, Typed: own.typed, SPKI: m.SPKI}, false, own.enrolment)
	}
}

// members are the vaults of a sharing, and how each is reached. A token without keys gets them.
func (v Vaults) members(ctx context.Context, s vaults.Sharing, enrolment []byte) ([]vaultcard.Member, ways, error) {
	var all []vaultcard.Member
	w := ways{}
	for _, at := range s.Places {
		c := at.Card
		if c == nil {
			client, err := v.open(ctx, at, true, nil)
			if err != nil {
				return nil, nil, err
			}
			known, err := vaultcard.Parse(client.Card())
			if err = errors.Join(err, client.Close()); err != nil {
				return nil, nil, err
			}
			c = &known
		}
		m, err := vaultcard.MemberOf(*c, nil)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %w", vaults.ErrCard, err)
		}
		if at.SPKI != nil {
			m.SPKI = at.SPKI
		}
		own := at.Typed.Enrolment()
		if own == nil {
			own = slices.Clone(enrolment)
		}
		all, w[string(m.PublicKey)] = append(all, m), way{at.Typed, own}
	}
	return all, w, nil
}

// clear forgets the enrolment tokens.
func (w ways) clear() {
	for _, own := range w {
		clear(own.enrolment)
	}
}

func newShared(s vaults.Sharing, n vaults.NewAccount) vaultclient.NewShared {
	return vaultclient.NewShared{Password: n.Password, Key: n.Key, CardSeed: s.CardSeed, Seeds: n.Seeds, Threshold: s.Threshold, Keep: s.Keep}
}

// Find implements vaults.Vaults.
func (v Vaults) Find(ctx context.Context, address string) (vaultcard.Card, error) {
	c, err := vaultclient.Find(ctx, address)
	return c, vaults.Told(err)
}

// Share implements vaults.Vaults.
func (v Vaults) Share(ctx context.Context, s vaults.Sharing, n vaults.NewAccount) (vaults.Shared, error) {
	members, w, err := v.members(ctx, s, n.Enrolment)
	if err != nil {
		return vaults.Shared{}, vaults.Told(err)
	}
	defer w.clear()
	params := newShared(s, n)
	params.Vaults = members
	made, err := vaultclient.SetShared(ctx, s.Before, v.opener(w), params)
	return shared(made, err)
}

func shared(made *vaultclient.Made, err error) (vaults.Shared, error) {
	if err != nil {
		return vaults.Shared{}, vaults.Told(err)
	}
	c, err := vaultcard.ParseShared(made.Card)
	return vaults.Shared{Card: c, Left: made.Left}, vaults.Told(err)
}

// RecoverShared implements vaults.Vaults.
func (v Vaults) RecoverShared(ctx context.Context, at vaults.Place, password []byte, fits func(key []byte) bool) (
	*vaults.Recovered, error,
) {
	client, err := v.openShared(at)
	if err != nil {
		return nil, vaults.Told(err)
	}
	o, err := client.Recover(ctx, password, fits)
	if err != nil {
		return nil, vaults.Told(err)
	}
	r := &vaults.Recovered{Key: o.Key, Report: vaults.Report{Findings: o.Findings, Silent: o.Silent}, Clear: o.Clear}
	if o.Unfinished() {
		r.Mend = func(ctx context.Context, s vaults.Sharing, n vaults.NewAccount) (vaults.Shared, error) {
			return shared(client.Mend(ctx, o, newShared(s, n)))
		}
	}
	return r, nil
}

func (v Vaults) openShared(at vaults.Place) (*vaultclient.Shared, error) {
	w := ways{}
	if _, ok := at.Typed.Token(); ok { // a token of this computer, of whichever vault it is
		for _, m := range at.Shared.Members() {
			if m.URL.IsToken() {
				w[string(m.PublicKey)] = way{typed: at.Typed}
			}
		}
	}
	s, err := vaultclient.OpenShared(at.Shared.Encode(), v.opener(w))
	if err == nil {
		s.Tried = v.Tried
	}
	return s, err
}

func (v Vaults) stateShared(ctx context.Context, at vaults.Place) (vaults.State, error) {
	client, err := v.openShared(at)
	if err != nil {
		return vaults.State{}, vaults.Told(err)
	}
	s, err := client.State(ctx)
	return s, vaults.Told(err)
}

func (v Vaults) removeShared(ctx context.Context, at vaults.Place, seeds func(publicKey, account []byte) (seed, before []byte)) error {
	client, err := v.openShared(at)
	if err != nil {
		return vaults.Told(err)
	}
	return vaults.Told(client.Delete(ctx, seeds))
}
