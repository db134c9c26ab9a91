package vaultclient

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-backup/holdfast/core/opaque"
	"github.com/holdfast-backup/holdfast/core/opaque/ppss"
	"github.com/holdfast-backup/holdfast/core/vaults"
	"github.com/holdfast-backup/holdfast/vault"
	cards "github.com/holdfast-backup/holdfast/vault/card"
)

// NewShared is what SetShared and Mend need. The caller clears all of it.
type NewShared struct {
	// Password, in NFC. Mend needs none.
	Password []byte
	// Key is the backup key, 32 bytes.
	Key []byte
	// CardSeed is the seed, 32 bytes, of the key that signs the card; it derives from Key.
	CardSeed []byte
	// Seeds are as in NewPassword.SeedsOf: the callee clears them.
	Seeds func(publicKey, account []byte) (seed, previous []byte)
	// Threshold of Vaults are to open it, n/2 < t ≤ n. Of these, names, addresses and keys count. Mend needs neither.
	Threshold int
	Vaults    []cards.Member
	// Keep makes a card durable, in place of the one before (nil: none), and returns once it has read it back. It fails where
	// another than the one before is there.
	Keep func(ctx context.Context, before, card []byte) error
}

// Made is what SetShared and Mend did.
type Made struct {
	// Card is the one that was kept last.
	Card []byte
	// Pending are the vaults that have still to be registered: the old password or the new one opens it until then.
	Pending []string
	// Left are vaults that are no longer in the set and did not confirm that they deleted the account.
	Left []string
}

// making is a set that is being made (docs/shared-vaults.md, chapter 4).
type making struct {
	n       NewShared
	key     ed25519.PrivateKey
	before  []byte        // the card that is kept now; nil: none
	card    *cards.Shared // the next one
	public  ppss.Set
	secret  *ppss.Secret
	u       []byte
	seats   *seats
	tickets [][]byte // of registrations that are begun; nil: none
	proven  []bool
}

// minGuesses is how many guesses a vault must have left before one is used for a bridge.
const minGuesses = 3

// SetShared puts a key behind a password that is shared over vaults: the first set, another password, other
// vaults, or another threshold. before is the card there is, nil: none, or one of another
// key. All vaults of the new set must answer. The card is kept before any of them is changed, and once more when all
// have proved that the password opens them. What is cut off in between leaves a card with both
// sets, and the next SetShared, or a recovery and Mend, goes on.
//
// vaults.ErrUnreachable, vaults.ErrWait, vaults.ErrRefused, vaults.ErrEnrolment, ErrNotTheVault, ErrManagement, ErrNotProven, each with the
// vault's name; what Keep returns. The context must not end before its time.
func SetShared(ctx context.Context, before []byte, open Opener, n NewShared) (*Made, error) {
	if err := n.check(); err != nil {
		return nil, err
	}
	m := &making{n: n, key: ed25519.NewKeyFromSeed(n.CardSeed), before: before, card: &cards.Shared{}}
	defer clear(m.key)
	if before != nil {
		old, err := cards.ParseShared(before)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", vaults.ErrCard, err)
		}
		if bytes.Equal(old.Key, m.key.Public().(ed25519.PublicKey)) {
			m.card = old
		}
	}
	old := m.card.Members()
	set, err := m.newSet(old)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	others := slices.DeleteFunc(slices.Clone(old), func(o cards.Member) bool { return set.Find(o) != nil })
	m.seats = sit(ctx, open, m.key.Public().(ed25519.PublicKey), append(slices.Clone(set.Vaults), others...))
	defer m.seats.close()
	defer cancel()
	if err := m.ready(len(set.Vaults)); err != nil {
		return nil, err
	}
	if err := m.strands(set); err != nil {
		return nil, err
	}
	m.secret = ppss.NewSecret(n.Threshold, len(set.Vaults))
	defer m.secret.Clear()
	m.u = stretch(n.Password, set.Salt)
	defer clear(m.u)
	m.take(set)
	if err := m.begin(ctx); err != nil {
		return nil, err
	}
	if err := m.keep(ctx); err != nil {
		return nil, err
	}
	for _, i := range m.order() {
		if err := m.register(ctx, i); err != nil {
			return m.made(), named(set.Vaults[i], err)
		}
	}
	if err := m.promote(ctx); err != nil {
		return m.made(), err
	}
	made := m.made()
	made.Left = m.remove(ctx, open, old)
	return made, nil
}

func (n *NewShared) check() error {
	if len(n.Password) == 0 || len(n.Key) != KeyBytes || len(n.CardSeed) != SeedBytes {
		return fmt.Errorf("%w: a password and keys of 32 bytes are needed", vaults.ErrRefused)
	}
	if k := len(n.Vaults); k < 1 || k > ppss.MaxMembers || n.Threshold <= k/2 || n.Threshold > k {
		return fmt.Errorf("%w: %d of %d vaults: there may be up to %d, and more than half of them must be needed", vaults.ErrRefused,
			n.Threshold, k, ppss.MaxMembers)
	}
	return nil
}

// newSet names the vaults of the new set. Those that have an account of ours keep it.
func (m *making) newSet(old []cards.Member) (*cards.Set, error) {
	set := &cards.Set{Threshold: m.n.Threshold, Salt: random(ppss.SaltBytes)}
	for i, v := range m.n.Vaults {
		member := cards.Member{Name: v.Name, URL: v.URL, Suite: v.Suite, PublicKey: v.PublicKey, SPKI: v.SPKI, Nonce: random(cards.NonceBytes)}
		for _, o := range old {
			if bytes.Equal(o.PublicKey, v.PublicKey) {
				member.Nonce = o.Nonce
				break
			}
		}
		for j, other := range m.n.Vaults[:i] {
			if bytes.Equal(other.PublicKey, v.PublicKey) || other.URL == v.URL {
				return nil, fmt.Errorf("%w: vaults %d and %d are one", vaults.ErrRefused, j+1, i+1)
			}
		}
		set.Vaults = append(set.Vaults, member)
	}
	return set, nil
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return b
}

// strands refuses to put another set in place of one that was cut off while its vaults moved, if a vault of the new set holds no record
// yet: if the computer died again, neither set would open (docs/shared-vaults.md, chapter 4).
func (m *making) strands(set *cards.Set) error {
	if m.card.Set == nil || m.card.Pending == nil {
		return nil
	}
	hold := func(in *cards.Set, moved bool) (n int) {
		for _, v := range in.Vaults {
			if s := m.seats.of(v); s.err != nil || s.lives() && s.moved(m.card.Set) == moved {
				n++
			}
		}
		return n
	}
	if moved := hold(m.card.Pending, true); moved == 0 ||
		hold(m.card.Set, false) < m.card.Set.Threshold && hold(m.card.Pending, false)+moved < m.card.Pending.Threshold {
		return nil // nothing has moved, or no password opens it any more
	}
	for _, v := range set.Vaults {
		if !m.seats.of(v).lives() {
			return fmt.Errorf("%w: a change of the password was cut off, and %s was no part of it: set the password at the vaults there are first",
				vaults.ErrRefused, v.Name)
		}
	}
	return nil
}

// ready waits for all vaults. The first n must answer, and have guesses enough.
func (m *making) ready(n int) error {
	m.seats.group.Wait()
	var all []error
	for _, s := range m.seats.all[:n] {
		err := s.err
		switch {
		case err != nil || !s.lives():
		case !s.account.WaitUntil.IsZero():
			err = waiting(s.account.WaitUntil)
		case s.account.GuessesLeft < minGuesses:
			err = fmt.Errorf("%w: it has only %d guesses left", vaults.ErrRefused, s.account.GuessesLeft)
		}
		if err != nil {
			all = append(all, named(s.member, err))
		}
	}
	return errors.Join(all...)
}

// named says which vault an error is about.
func named(m cards.Member, err error) error { return fmt.Errorf("%s: %w", m.Name, err) }

// order is in which order the vaults are registered: those without a bridge first. Until the last of
// them is, none of the others has moved, and the old password opens; from then on every vault opens its share of the new one.
func (m *making) order() []int {
	var first, then []int
	for i, p := range m.public.Members {
		if p.Bridge == nil {
			first = append(first, i)
		} else {
			then = append(then, i)
		}
	}
	return append(first, then...)
}

// take makes a set the pending one. Its vaults are the same array in public.
func (m *making) take(set *cards.Set) {
	m.card.Pending = set
	m.public = setOf(set, m.key.Public().(ed25519.PublicKey))
	m.tickets, m.proven = make([][]byte, len(set.Vaults)), make([]bool, len(set.Vaults))
}

// begin makes the bridges and starts all registrations, at all vaults at once.
func (m *making) begin(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for i, member := range m.card.Pending.Vaults {
		group.Go(func() error {
			if m.seats.all[i].lives() {
				if err := m.bridge(ctx, i); err != nil {
					return named(member, err)
				}
			}
			if err := m.start(ctx, i); err != nil {
				return named(member, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// bridge asks for the evaluation under the record that the vault holds. It costs a guess there, which the registration gives back.
func (m *making) bridge(ctx context.Context, i int) error {
	x := m.public.Input(i, m.u)
	defer clear(x)
	g := guessAt(ctx, m.seats.all[i], x)
	defer g.clear()
	if g.err != nil {
		return g.err
	}
	m.public.Members[i].Bridge = m.secret.Bridge(m.public.Members[i], i, g.output)
	g.wrong(ctx)
	return ctx.Err()
}

// start asks for the evaluation under the record that is to come.
func (m *making) start(ctx context.Context, i int) error {
	s := m.seats.all[i]
	x := m.public.Input(i, m.u)
	defer clear(x)
	blinding, request, err := opaque.Blind(x)
	if err != nil {
		return err
	}
	defer blinding.Clear()
	reply, err := repeat(ctx, s.p, repeatFor, func(ctx context.Context) (*vault.RegistrationReply, error) {
		return s.t.RegisterStart(ctx, s.id, vault.RegistrationRequest{Request: request, Enrolled: true})
	})
	if err != nil {
		return asOurs(err)
	}
	if len(reply.Response) != opaque.RegistrationResponseBytes || !bytes.Equal(reply.Response[opaque.PointBytes:], s.card.PublicKey) {
		return fmt.Errorf("%w: it answers with another public key", ErrNotTheVault)
	}
	output, err := blinding.Finalize(reply.Response[:opaque.PointBytes])
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotTheVault, err)
	}
	defer clear(output)
	m.public.Members[i].Mask = m.secret.Mask(m.public.Members[i], i, output)
	m.tickets[i] = reply.Ticket
	return nil
}

// keep makes the card as it is now durable.
func (m *making) keep(ctx context.Context) error {
	if set := m.card.Pending; set != nil {
		for i, p := range m.public.Members {
			set.Vaults[i].Mask, set.Vaults[i].Bridge, set.Vaults[i].Registered = p.Mask, p.Bridge, 0
		}
		set.Commitment = m.secret.Commit(m.public, m.u)
		m.public.Commitment = set.Commitment
	}
	m.card.Sign(m.key)
	text := m.card.Encode()
	if err := m.n.Keep(ctx, m.before, text); err != nil {
		return err
	}
	m.before = text
	return nil
}

// register registers one vault and has it prove the password. A start that the vault has forgotten is made again, and kept again.
func (m *making) register(ctx context.Context, i int) error {
	for attempt := 0; ; attempt++ {
		if m.tickets[i] == nil {
			if err := m.start(ctx, i); err != nil {
				return err
			}
			if err := m.keep(ctx); err != nil {
				return err
			}
		}
		err := m.finish(ctx, i)
		if err == nil {
			break
		}
		if m.tickets[i] = nil; !errors.Is(err, vault.ErrStale) || attempt == 3 {
			return asOurs(err)
		}
	}
	if err := m.prove(ctx, i); err != nil {
		return fmt.Errorf("%w: %w", ErrNotProven, err)
	}
	m.proven[i] = true
	return nil
}

// finish sends the record, signed with the key that the account has or is to have.
func (m *making) finish(ctx context.Context, i int) error {
	s := m.seats.all[i]
	randomized := m.secret.RandomizedPassword(m.public.Members[i])
	defer clear(randomized)
	record, exportKey := opaque.NewRecord(randomized, s.id[:], s.card.PublicKey)
	defer clear(exportKey)
	seed, previous := m.n.Seeds(s.card.PublicKey, s.id[:])
	defer clear(seed)
	defer clear(previous)
	r := registration(s.card, s.id, m.tickets[i], record, sealKey(exportKey, s.id, s.card.PublicKey, m.n.Key), seed, seed)
	_, err := repeat(ctx, s.p, repeatFor, func(ctx context.Context) (struct{}, error) { return struct{}{}, s.t.RegisterFinish(ctx, s.id, r) })
	return err
}

// prove opens the account with what was just registered.
func (m *making) prove(ctx context.Context, i int) error {
	s, p := m.seats.all[i], m.public.Members[i]
	if s.err = s.look(ctx); s.err != nil {
		return s.err
	}
	x := m.public.Input(i, m.u)
	defer clear(x)
	g := guessAt(ctx, s, x)
	defer g.clear()
	if g.err != nil {
		return g.err
	}
	randomized := m.secret.RandomizedPassword(p)
	defer clear(randomized)
	key, err := g.right(ctx, randomized)
	defer clear(key)
	switch {
	case err != nil:
		return err
	case !bytes.Equal(m.secret.Mask(p, i, g.output), p.Mask):
		return fmt.Errorf("%w: it evaluates in two ways", ErrNotTheVault)
	case !bytes.Equal(key, m.n.Key):
		return fmt.Errorf("%w: it gave another key", ErrNotTheVault)
	}
	return nil
}

// promote makes the pending set the one that counts.
func (m *making) promote(ctx context.Context) error {
	set := *m.card.Pending
	set.Vaults = slices.Clone(set.Vaults)
	for i := range set.Vaults {
		s := m.seats.all[i]
		if m.proven[i] {
			if err := s.look(ctx); err != nil {
				return named(set.Vaults[i], err)
			}
			if !s.lives() {
				return named(set.Vaults[i], ErrNoAccount)
			}
			set.Vaults[i].Registered = s.registered()
		} else {
			set.Vaults[i].Registered = m.card.Set.Find(set.Vaults[i]).Registered
		}
		set.Vaults[i].Bridge, m.public.Members[i].Bridge = nil, nil
	}
	set.Commitment = m.secret.Commit(m.public, m.u)
	m.card.Set, m.card.Pending = &set, nil
	return m.keep(ctx)
}

// made says how far it came.
func (m *making) made() *Made {
	made := &Made{Card: m.before}
	if m.card.Pending != nil {
		for i, v := range m.card.Pending.Vaults {
			if !m.proven[i] {
				made.Pending = append(made.Pending, v.Name)
			}
		}
	}
	return made
}
