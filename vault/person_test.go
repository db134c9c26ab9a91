package vault_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core/opaque/opaquetest"
	"github.com/holdfast-backup/holdfast/vault"
)

// clock is time that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 5, 12, 9, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

func (c *clock) Add(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.now = c.now.Add(d) }

// person is who has an account: a client without key stretching, since the vault cannot tell.
type person struct {
	t          testing.TB
	v          *vault.Vault
	id         vault.AccountID
	management ed25519.PrivateKey
	password   []byte
	sealedKey  []byte // what the vault keeps for them
}

func newPerson(t testing.TB, v *vault.Vault) *person {
	t.Helper()
	p := &person{t: t, v: v, password: []byte("right"), sealedKey: make([]byte, 60)}
	_, _ = rand.Read(p.id[:])
	_, _ = rand.Read(p.sealedKey)
	_, p.management, _ = ed25519.GenerateKey(nil)
	return p
}

// registration prepares the second message.
func (p *person) registration(password []byte) (vault.Registration, error) {
	c := opaquetest.New()
	reply, err := p.v.RegisterStart(p.t.Context(), p.id, vault.RegistrationRequest{Request: c.Request(password), Enrolled: true})
	if err != nil {
		return vault.Registration{}, err
	}
	record, _, err := c.Record(reply.Response, p.id[:], p.v.Public().PublicKey)
	if err != nil {
		return vault.Registration{}, err
	}
	r := vault.Registration{Ticket: reply.Ticket, Record: record, SealedKey: p.sealedKey,
		Management: p.management.Public().(ed25519.PublicKey), Enrolled: true}
	r.Signature = ed25519.Sign(p.management, vault.RegistrationMessage(p.v.Public().PublicKey, p.id, r))
	return r, nil
}

func (p *person) register() {
	p.t.Helper()
	r, err := p.registration(p.password)
	must(p.t, err)
	must(p.t, p.v.RegisterFinish(p.t.Context(), p.id, r))
}

func registered(t testing.TB, v *vault.Vault) *person {
	t.Helper()
	p := newPerson(t, v)
	p.register()
	return p
}

// try is a recovery under way.
type try struct {
	p      *person
	client opaquetest.Client
	ke1    []byte
	reply  *vault.RecoveryReply
}

func (p *person) account() *vault.Account {
	p.t.Helper()
	a, err := p.v.Account(p.t.Context(), p.id)
	must(p.t, err)
	return a
}

func (p *person) start(password []byte) (*try, error) {
	a, err := p.v.Account(p.t.Context(), p.id)
	if err != nil {
		return nil, err
	}
	c := opaquetest.New()
	tr := &try{p: p, client: c, ke1: c.KE1(password)}
	return tr, tr.send(a.Version)
}

func (tr *try) send(version uint64) error {
	reply, err := tr.p.v.RecoverStart(tr.p.t.Context(), tr.p.id, vault.RecoveryStart{KE1: tr.ke1, Version: version})
	if err == nil {
		tr.reply = reply
	}
	return err
}

var errWrongPassword = errors.New("the password is wrong")

// finish ends it; a wrong password is told to the vault with a random KE3.
func (tr *try) finish() ([]byte, error) {
	id := vault.StartID(tr.ke1)
	ke3, session, _, wrong := tr.client.KE3(tr.reply.KE2, tr.p.id[:], tr.p.v.Public().PublicKey)
	if wrong != nil {
		ke3 = make([]byte, 32)
		_, _ = rand.Read(ke3)
	}
	released, err := tr.p.v.RecoverFinish(tr.p.t.Context(), tr.p.id, vault.RecoveryFinish{Start: id[:], KE3: ke3})
	if errors.Is(err, vault.ErrWrongProof) && wrong != nil {
		return nil, errWrongPassword
	}
	if err != nil {
		return nil, err
	}
	return vault.OpenRelease(session, tr.p.id, released)
}

func (p *person) recover(password []byte) ([]byte, error) {
	tr, err := p.start(password)
	if err != nil {
		return nil, err
	}
	return tr.finish()
}

// opens tells that the right password gives the sealed key.
func (p *person) opens() {
	p.t.Helper()
	got, err := p.recover(p.password)
	if err != nil || !bytes.Equal(got, p.sealedKey) {
		p.t.Errorf("the right password: %v", err)
	}
}

// wrong makes a wrong guess, which must be counted.
func (p *person) wrong() {
	p.t.Helper()
	if _, err := p.recover([]byte("wrong")); !errors.Is(err, errWrongPassword) {
		p.t.Errorf("a wrong password: %v", err)
	}
}

func wantErr(t testing.TB, what string, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s: %v, not %v", what, err, kind)
	}
}
