package vaultclient

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-backup/holdfast/core/vaults"
	"github.com/holdfast-backup/holdfast/vault"
	cards "github.com/holdfast-backup/holdfast/vault/card"
)

// Unfinished reports whether Mend has something to do: a change was cut off, or a vault does not hold what the card says.
func (o *Opened) Unfinished() bool {
	pending := slices.ContainsFunc(o.set.Vaults, func(m cards.Member) bool { return m.Registered == 0 })
	return pending || slices.ContainsFunc(o.Findings, mendable)
}

// mendable: a vault that holds something else may be registered again; one that lies would lie again.
func mendable(f vaults.Finding) bool {
	return f.Lie == vaults.OtherRegistration || f.Lie == vaults.WrongRecord || f.Lie == vaults.NoAccount
}

// Mend registers the vaults again that did not hold what they should, under the same password, and finishes
// a change that was cut off (docs/shared-vaults.md, chapter 4). o is what Recover gave just now; the caller has checked the
// key. Vaults that do not answer are left for another time. Errors: as SetShared.
func (s *Shared) Mend(ctx context.Context, o *Opened, n NewShared) (*Made, error) {
	m := &making{n: n, key: ed25519.NewKeyFromSeed(n.CardSeed), before: s.card.Encode(), secret: o.secret, u: o.u}
	defer clear(m.key)
	if !s.card.Signs(m.key.Public().(ed25519.PublicKey)) {
		return nil, fmt.Errorf("%w: the card is not that of this backup key", vaults.ErrSuspect)
	}
	old := s.card.Members()
	card, set := *s.card, *o.set
	set.Vaults = slices.Clone(set.Vaults)
	m.card = &card
	m.take(&set)
	ctx, cancel := context.WithCancel(ctx)
	m.seats = sit(ctx, s.open, card.Key, set.Vaults)
	defer m.seats.close()
	defer cancel()
	m.seats.group.Wait()

	missing := 0
	for _, i := range m.order() {
		member := set.Vaults[i]
		broken := slices.ContainsFunc(o.Findings, func(f vaults.Finding) bool { return f.Address == string(member.URL) && mendable(f) })
		switch {
		case o.proven[i]:
			m.proven[i] = true
		case o.set == s.card.Set && !broken, !m.seats.all[i].answered():
			missing++
		default:
			if err := m.register(ctx, i); err != nil {
				return m.made(), named(member, err)
			}
		}
	}
	if o.set != s.card.Set && missing > 0 {
		return m.made(), nil // the rest another time
	}
	if err := m.promote(ctx); err != nil {
		return m.made(), err
	}
	made := m.made()
	made.Left = m.remove(ctx, s.open, old)
	return made, nil
}

// State asks all vaults for the state of the password, and uses no guess. One that does not answer says so in its own
// state; vaults.ErrUnreachable if none does.
func (s *Shared) State(ctx context.Context) (vaults.State, error) {
	set := s.card.Current()
	ctx, cancel := context.WithCancel(ctx)
	seats := sit(ctx, s.open, s.card.Key, set.Vaults)
	defer seats.close()
	defer cancel()
	seats.group.Wait()
	return stateOfAll(set, seats.all, time.Now())
}

func stateOfAll(set *cards.Set, all []*seat, now time.Time) (vaults.State, error) {
	whole := vaults.State{GuessLimit: vaults.Guesses, Threshold: set.Threshold, Asked: now}
	var names []string
	var left []int
	silent, gone := 0, 0
	for i, s := range all {
		m := vaults.State{Name: set.Vaults[i].Name, Address: string(set.Vaults[i].URL), Local: set.Vaults[i].URL.IsToken(),
			GuessLimit: vaults.Guesses, Asked: now}
		switch {
		case s.err != nil:
			m.Unreachable = saidOnce(s.err)
			silent++
			left = append(left, vaults.Guesses) // not known
		case s.account == nil:
			m.Absent = true
		default:
			m = stateOf(s.card, s.account, now)
			left = append(left, m.GuessesLeft)
		}
		if m.Absent || m.Destroyed {
			gone++
		}
		whole.Members, names = append(whole.Members, m), append(names, m.Name)
		if len(m.Wrong) > len(whole.Wrong) { // one try is a guess at each vault: they are not added up
			whole.Wrong = m.Wrong
		}
		whole.WrongTotal = max(whole.WrongTotal, m.WrongTotal)
		if m.LastRight.After(whole.LastRight) {
			whole.LastRight = m.LastRight
		}
	}
	whole.Name = strings.Join(names, ", ")
	if silent == len(all) {
		return vaults.State{}, all[0].err
	}
	whole.Destroyed = len(all)-gone < set.Threshold
	if len(left) >= set.Threshold && !whole.Destroyed {
		whole.GuessesLeft = nthHighest(left, set.Threshold)
		whole.WaitUntil = waitOfAll(set.Threshold, whole.Members)
	}
	return whole, nil
}

// saidOnce is an error that may say twice that a vault cannot be reached.
func saidOnce(err error) string {
	text, kind := err.Error(), vaults.ErrUnreachable.Error()+": "
	for strings.HasPrefix(text, kind+kind) {
		text = strings.TrimPrefix(text, kind)
	}
	return text
}

// waitOfAll is when enough vaults take a guess; zero: now.
func waitOfAll(threshold int, members []vaults.State) time.Time {
	var until []time.Time
	for _, m := range members {
		if m.Unreachable == "" && !m.Absent && !m.Destroyed {
			until = append(until, m.WaitUntil)
		}
	}
	if len(until) < threshold {
		return time.Time{}
	}
	slices.SortFunc(until, time.Time.Compare)
	return until[threshold-1]
}

// Delete removes the accounts at all vaults. Once fewer than t hold one, the password is dead, and it does not matter what the
// others say. seeds are as in NewShared. Errors: those of the vaults that did not confirm it, each with its name.
func (s *Shared) Delete(ctx context.Context, seeds func(publicKey, account []byte) (seed, previous []byte)) error {
	members := s.card.Members()
	var all []error
	alive := map[string]bool{}
	for i, err := range removeAll(ctx, s.open, s.card.Key, members, seeds) {
		if err != nil && !errors.Is(err, vault.ErrNoAccount) {
			all, alive[string(members[i].Nonce)] = append(all, named(members[i], err)), true
		}
	}
	for _, set := range []*cards.Set{s.card.Set, s.card.Pending} {
		left := 0
		for i := 0; set != nil && i < len(set.Vaults); i++ {
			if alive[string(set.Vaults[i].Nonce)] {
				left++
			}
		}
		if set != nil && left >= set.Threshold {
			return errors.Join(all...)
		}
	}
	return nil
}
