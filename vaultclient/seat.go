package vaultclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/holdfast-backup/holdfast/core/opaque"
	"github.com/holdfast-backup/holdfast/vault"
	cards "github.com/holdfast-backup/holdfast/vault/card"
)

// Opener opens the vault of one member of a shared password. The caller vouches for it: it is contacted.
type Opener func(ctx context.Context, m cards.Member, card []byte) (Vault, error)

// self gives the messages of a Local or Remote.
func (p *protocol) self() *protocol { return p }

// seat is one vault of a shared password during one run.
type seat struct {
	member cards.Member
	card   cards.Card // of this vault alone, with the account
	id     vault.AccountID

	ready chan struct{} // closed when what follows is set
	vault Vault
	p     *protocol
	t     transport
	end   func()
	// account is what the vault tells; nil: it knows none.
	account *vault.Account
	err     error
}

// seats are the vaults of one run.
type seats struct {
	all   []*seat
	group sync.WaitGroup
}

// sit contacts vaults, all at once. close ends it.
func sit(ctx context.Context, open Opener, key []byte, members []cards.Member) *seats {
	s := &seats{}
	for _, m := range members {
		one := &seat{member: m, card: m.Card(key), ready: make(chan struct{}), end: func() {}}
		one.id = vault.AccountID(one.card.Account)
		s.all = append(s.all, one)
		s.group.Go(func() {
			defer close(one.ready)
			one.err = one.contact(ctx, open)
		})
	}
	return s
}

// contact opens the vault, looks whether it is the one, and asks for the account.
func (s *seat) contact(ctx context.Context, open Opener) error {
	v, err := open(ctx, s.member, s.card.Encode())
	if err != nil {
		return err
	}
	own, ok := v.(interface{ self() *protocol })
	if !ok {
		panic("vaultclient: an Opener must use Open")
	}
	s.vault, s.p = v, own.self()
	t, end, err := s.p.begin(ctx)
	if err != nil {
		return err
	}
	s.t, s.end = t, end
	if err := s.p.identify(ctx, t, s.card); err != nil {
		return err
	}
	return s.look(ctx)
}

// look asks for the account again.
func (s *seat) look(ctx context.Context) error {
	a, err := repeat(ctx, s.p, repeatFor, func(ctx context.Context) (*vault.Account, error) { return s.t.Account(ctx, s.id) })
	if errors.Is(err, vault.ErrNoAccount) {
		a, err = nil, nil
	}
	s.account = a
	return asOurs(err)
}

// close ends all contacts. Those that are under way have to be cancelled before.
func (s *seats) close() {
	s.group.Wait()
	for _, one := range s.all {
		one.end()
		if one.vault != nil {
			_ = one.vault.Close() // nothing is buffered
		}
	}
}

// of finds the seat of a member.
func (s *seats) of(m cards.Member) *seat {
	for _, one := range s.all {
		if one.member.SameAccount(m) {
			return one
		}
	}
	panic("vaultclient: a member without a seat")
}

// answered reports whether the vault has told of an account by now.
func (s *seat) answered() bool {
	select {
	case <-s.ready:
		return s.err == nil
	default:
		return false
	}
}

// lives reports whether the vault has told of a living account by now.
func (s *seat) lives() bool { return s.answered() && s.account != nil && s.account.Reason == "" }

// registered is when the account was registered, as the vault tells it, in Unix milliseconds.
func (s *seat) registered() int64 { return s.account.Registered.UnixMilli() }

// moved reports whether the vault holds another registration than the set says.
func (s *seat) moved(in *cards.Set) bool {
	m := in.Find(s.member)
	return s.lives() && (m == nil || m.Registered != s.registered())
}

// usable says why no guess can be made at this vault; nil: one can.
func (s *seat) usable() error {
	switch a := s.account; {
	case s.err != nil:
		return s.err
	case a == nil:
		return ErrNoAccount
	case a.Reason != "":
		return destroyed(a.Reason, false)
	case !a.WaitUntil.IsZero():
		return waiting(a.WaitUntil)
	}
	return nil
}

// guess is one guess at one vault of a shared password.
type guess struct {
	seat   *seat
	run    *opaque.KeyedLogin
	try    *try
	reply  *vault.RecoveryReply
	output []byte // of the OPRF
	err    error
}

// guessAt makes the guess for an OPRF input as far as KE2.
func guessAt(ctx context.Context, s *seat, input []byte) *guess {
	g := &guess{seat: s}
	if g.err = s.usable(); g.err != nil {
		return g
	}
	run, ke1, err := opaque.StartKeyedLogin(input)
	if err != nil {
		g.err = err
		return g
	}
	g.run, g.try = run, newTry(s.p, s.t, s.id, ke1, s.account.Version)
	if g.reply, g.err = g.try.start(ctx); g.err != nil {
		return g
	}
	if g.output, err = run.Output(g.reply.KE2); err != nil {
		g.err = fmt.Errorf("%w: %w", ErrNotTheVault, err)
	}
	return g
}

// right ends the guess under the randomized password and gives the key. Of a vault
// that does not prove itself the error is opaque.ErrPassword, opaque.ErrServer or opaque.ErrMessage, and the guess is still open.
func (g *guess) right(ctx context.Context, randomized []byte) ([]byte, error) {
	c := g.seat.card
	for again := false; ; again = true {
		ke3, sessionKey, exportKey, err := g.run.Finish(randomized, g.reply.KE2, g.seat.id[:], c.PublicKey)
		if err != nil {
			return nil, err
		}
		key, err := g.try.finish(ctx, c, ke3, sessionKey, exportKey)
		clear(sessionKey)
		clear(exportKey)
		if !errors.Is(err, vault.ErrStale) || again {
			return key, asOurs(err)
		}
		// Restarted since it answered KE1: it answers it again, and evaluates the same.
		before := g.reply.KE2
		if g.reply, err = g.try.start(ctx); err != nil {
			return nil, err
		}
		now, err := opaque.Evaluated(g.reply.KE2)
		if err != nil || !bytes.Equal(now, before[:opaque.PointBytes]) {
			return nil, fmt.Errorf("%w: it answers one question in two ways", ErrNotTheVault)
		}
	}
}

// wrong ends the guess as wrong, so that the vault need not wait a minute to know.
func (g *guess) wrong(ctx context.Context) {
	if g.reply != nil {
		_ = g.try.wrong(ctx, g.reply.GuessesLeft) // a vault that does not hear it finds out by itself
	}
}

// clear forgets what the guess knows.
func (g *guess) clear() {
	if g == nil || g.run == nil {
		return
	}
	g.run.Clear()
	clear(g.output)
}
