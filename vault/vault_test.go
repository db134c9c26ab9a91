package vault_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/holdfast-backup/holdfast/core/opaque/opaquetest"
	"github.com/holdfast-backup/holdfast/vault"
	"github.com/holdfast-backup/holdfast/vault/hsm"
	"github.com/holdfast-backup/holdfast/vault/hsm/hsmtest"
	"github.com/holdfast-backup/holdfast/vault/store"
)

func openVault(t testing.TB, p vault.Params) *vault.Vault {
	t.Helper()
	v, err := vault.Open(t.Context(), p)
	must(t, err)
	t.Cleanup(v.Close)
	return v
}

func newVault(t testing.TB, policy vault.Policy) (*vault.Vault, *clock) {
	t.Helper()
	c := newClock()
	return openVault(t, vault.Params{Store: store.NewMemory(), HSM: hsmtest.Open(t), Name: "test", Policy: policy, Now: c.Now}), c
}

func TestTenGuesses(t *testing.T) {
	v, _ := newVault(t, vault.Policy{})
	p, other := registered(t, v), registered(t, v)
	p.opens()
	for left := 9; left >= 1; left-- {
		tr, err := p.start([]byte("wrong"))
		must(t, err)
		if tr.reply.GuessesLeft != left {
			t.Errorf("%d guesses left, not %d", tr.reply.GuessesLeft, left)
		}
		_, err = tr.finish()
		wantErr(t, "a wrong guess", err, errWrongPassword)
	}
	tr, err := p.start([]byte("wrong"))
	must(t, err)
	if tr.reply.GuessesLeft != 0 {
		t.Errorf("%d left", tr.reply.GuessesLeft)
	}
	_, err = tr.finish()
	wantErr(t, "the last guess", err, vault.ErrDestroyed)
	evaluations := v.Counts().Evaluations
	_, err = p.recover(p.password)
	wantErr(t, "the right password afterwards", err, vault.ErrDestroyed)
	if v.Counts().Evaluations != evaluations {
		t.Error("a destroyed account was evaluated")
	}
	a := p.account()
	if a.Reason != vault.ReasonGuesses || a.GuessesLeft != 0 || len(a.Past) != 11 || a.Past[10].Outcome != vault.OutcomeWrong ||
		a.Past[0].Outcome != vault.OutcomeRight {
		t.Errorf("%+v", a)
	}
	other.opens() // nobody else is touched

	// Who has the backup key gives the account a new password, others do not.
	thief := &person{t: t, v: v, id: p.id, sealedKey: p.sealedKey}
	_, thief.management, _ = ed25519.GenerateKey(nil)
	r, err := thief.registration([]byte("mine"))
	must(t, err)
	wantErr(t, "registration by a stranger", v.RegisterFinish(t.Context(), p.id, r), vault.ErrSignature)
	p.password = []byte("new")
	p.register()
	p.opens()
}

func TestRightPasswordGivesAllGuessesBack(t *testing.T) {
	v, _ := newVault(t, vault.Policy{})
	p := registered(t, v)
	for range 4 {
		for range 9 {
			p.wrong()
		}
		p.opens() // the tenth
		if left := p.account().GuessesLeft; left != vault.Guesses {
			t.Fatalf("%d guesses left", left)
		}
	}
}

// Starts that never end: each costs a guess, and the last destroys when its minute is over.
func TestDroppedAnswers(t *testing.T) {
	v, clock := newVault(t, vault.Policy{})
	p := registered(t, v)
	var last *try
	for range vault.Guesses {
		tr, err := p.start(p.password)
		must(t, err)
		last = tr
	}
	_, err := p.start(p.password)
	var wait *vault.WaitError
	if !errors.As(err, &wait) || !wait.Until.Equal(clock.Now().Add(vault.OpenFor)) {
		t.Fatalf("an eleventh start: %v", err)
	}
	if got, err := last.finish(); err != nil || !bytes.Equal(got, p.sealedKey) {
		t.Fatalf("the tenth was right: %v", err)
	}
	for range vault.Guesses {
		_, err := p.start(p.password)
		must(t, err)
	}
	clock.Add(vault.OpenFor)
	v.Sweep(t.Context())
	if a := p.account(); a.Reason != vault.ReasonGuesses {
		t.Errorf("%+v", a)
	}
	_, err = last.finish()
	wantErr(t, "a late KE3", err, vault.ErrDestroyed)
}

func TestDelays(t *testing.T) {
	v, clock := newVault(t, vault.Policy{Delays: []time.Duration{time.Minute, time.Hour}})
	p := registered(t, v)
	for range 3 {
		p.wrong()
	}
	for wrong, delay := range []time.Duration{3: time.Minute, 4: time.Hour, 5: time.Hour, 6: time.Hour} {
		if wrong < 3 {
			continue
		}
		begun := clock.Now()
		for _, after := range []time.Duration{0, delay - time.Millisecond} {
			clock.Add(after)
			left := p.account().GuessesLeft
			_, err := p.recover(p.password)
			var wait *vault.WaitError
			if !errors.As(err, &wait) || !wait.Until.Equal(begun.Add(delay)) {
				t.Fatalf("after %d wrong guesses and %v: %v", wrong, after, err)
			}
			if a := p.account(); a.GuessesLeft != left || !a.WaitUntil.Equal(begun.Add(delay)) {
				t.Errorf("%+v", a)
			}
		}
		clock.Add(time.Millisecond)
		p.wrong()
	}
	clock.Add(-48 * time.Hour) // the clock goes back: the wait starts anew, and is no longer than it was
	_, err := p.recover(p.password)
	wantErr(t, "the clock went back", err, vault.ErrWait)
	clock.Add(time.Hour)
	p.opens()
	p.opens() // no wait after a right one
}

// An answer that was lost: the same message again is the same guess.
func TestRepeatedMessages(t *testing.T) {
	v, clock := newVault(t, vault.Policy{})
	p := registered(t, v)
	version := p.account().Version
	tr, err := p.start(p.password)
	must(t, err)
	first := bytes.Clone(tr.reply.KE2)
	for range 5 {
		must(t, tr.send(version))
		if !bytes.Equal(tr.reply.KE2, first) || tr.reply.GuessesLeft != 9 {
			t.Fatal("the same KE1 had another answer")
		}
	}
	if v.Counts().Evaluations != 1 || v.Counts().Guesses != 1 {
		t.Errorf("%+v", v.Counts())
	}
	for range 3 { // KE3 too
		if got, err := tr.finish(); err != nil || !bytes.Equal(got, p.sealedKey) {
			t.Fatal(err)
		}
	}
	commits := v.Counts().Commits
	_, err = tr.finish()
	must(t, err)
	if v.Counts().Commits != commits {
		t.Error("a repeated KE3 changed something")
	}
	// A late duplicate of the start, after all is over, finds another version.
	wantErr(t, "a late KE1", tr.send(version), vault.ErrStale)
	if left := p.account().GuessesLeft; left != 10 {
		t.Errorf("it was counted: %d left", left)
	}
	// A replayed KE3 gives no guesses back.
	p.wrong()
	_, err = tr.finish()
	must(t, err)
	if left := p.account().GuessesLeft; left != 9 {
		t.Errorf("a replay gave guesses back: %d left", left)
	}
	clock.Add(vault.OpenFor)
	v.Sweep(t.Context())
	_, err = tr.finish()
	wantErr(t, "KE3 after its minute", err, vault.ErrStale)
}

func TestRegistrationProofs(t *testing.T) {
	v, clock := newVault(t, vault.Policy{})
	p := newPerson(t, v)
	r, err := p.registration(p.password)
	must(t, err)
	finish := func(change func(r *vault.Registration)) error {
		bad := r
		change(&bad)
		return v.RegisterFinish(t.Context(), p.id, bad)
	}
	other := newPerson(t, v)
	flip := func(b []byte) []byte { b = bytes.Clone(b); b[len(b)-1] ^= 1; return b }
	wantErr(t, "not enrolled", finish(func(r *vault.Registration) { r.Enrolled = false }), vault.ErrEnrolment)
	wantErr(t, "signature changed", finish(func(r *vault.Registration) { r.Signature = flip(r.Signature) }), vault.ErrSignature)
	wantErr(t, "sealed key changed", finish(func(r *vault.Registration) { r.SealedKey = flip(r.SealedKey) }), vault.ErrSignature)
	wantErr(t, "record changed", finish(func(r *vault.Registration) { r.Record = flip(r.Record) }), vault.ErrSignature)
	wantErr(t, "ticket changed", finish(func(r *vault.Registration) { r.Ticket = flip(r.Ticket) }), vault.ErrStale)
	wantErr(t, "another account", v.RegisterFinish(t.Context(), other.id, r), vault.ErrStale)
	wantErr(t, "ticket cut", finish(func(r *vault.Registration) { r.Ticket = r.Ticket[1:] }), vault.ErrInvalid)
	wantErr(t, "no sealed key", finish(func(r *vault.Registration) { r.SealedKey = nil }), vault.ErrInvalid)
	wantErr(t, "sealed key too long", finish(func(r *vault.Registration) { r.SealedKey = make([]byte, 257) }), vault.ErrInvalid)
	wantErr(t, "record cut", finish(func(r *vault.Registration) { r.Record = r.Record[1:] }), vault.ErrInvalid)
	_, err = v.Account(t.Context(), p.id)
	wantErr(t, "nothing was stored", err, vault.ErrNoAccount)

	must(t, v.RegisterFinish(t.Context(), p.id, r))
	must(t, v.RegisterFinish(t.Context(), p.id, r)) // its answer was lost
	p.wrong()
	p.wrong()
	wantErr(t, "the registration replayed, to get guesses back", v.RegisterFinish(t.Context(), p.id, r), vault.ErrStale)
	if left := p.account().GuessesLeft; left != 8 {
		t.Errorf("a replayed registration gave guesses back: %d left", left)
	}
	second, err := p.registration([]byte("second"))
	must(t, err)
	p.wrong() // the account has changed since the ticket
	wantErr(t, "old ticket", v.RegisterFinish(t.Context(), p.id, second), vault.ErrStale)
	p.password = []byte("third")
	p.register()
	wantErr(t, "the first registration replayed", v.RegisterFinish(t.Context(), p.id, r), vault.ErrStale)
	p.opens()
	_, err = p.recover([]byte("right"))
	wantErr(t, "the password before", err, errWrongPassword)

	third, err := p.registration([]byte("late"))
	must(t, err)
	clock.Add(11 * time.Minute)
	wantErr(t, "a ticket of 11 minutes", v.RegisterFinish(t.Context(), p.id, third), vault.ErrStale)
}

// A new backup key brings a new management key; the old one signs for it.
func TestManagementKeyChanges(t *testing.T) {
	v, _ := newVault(t, vault.Policy{})
	p := registered(t, v)
	old := p.management
	_, p.management, _ = ed25519.GenerateKey(nil)
	r, err := p.registration(p.password)
	must(t, err)
	wantErr(t, "signed by the new key", v.RegisterFinish(t.Context(), p.id, r), vault.ErrSignature)
	r.Signature = ed25519.Sign(old, vault.RegistrationMessage(v.Public().PublicKey, p.id, r))
	must(t, v.RegisterFinish(t.Context(), p.id, r))
	p.opens()
	p.register() // now signed by the new one
	version := p.account().Version
	wantErr(t, "deletion by the old key", v.Delete(t.Context(), p.id, version,
		ed25519.Sign(old, vault.DeletionMessage(v.Public().PublicKey, p.id, version))), vault.ErrSignature)
}

func TestDelete(t *testing.T) {
	v, _ := newVault(t, vault.Policy{})
	p := registered(t, v)
	version := p.account().Version
	public := v.Public().PublicKey
	sign := func(version uint64) []byte {
		return ed25519.Sign(p.management, vault.DeletionMessage(public, p.id, version))
	}
	wantErr(t, "another version", v.Delete(t.Context(), p.id, version+1, sign(version+1)), vault.ErrStale)
	wantErr(t, "signature for another", v.Delete(t.Context(), p.id, version, sign(version+1)), vault.ErrSignature)
	wantErr(t, "short", v.Delete(t.Context(), p.id, version, sign(version)[1:]), vault.ErrInvalid)
	must(t, v.Delete(t.Context(), p.id, version, sign(version)))
	_, err := p.recover(p.password)
	wantErr(t, "after deletion", err, vault.ErrNoAccount)
	wantErr(t, "deleted again", v.Delete(t.Context(), p.id, version, sign(version)), vault.ErrNoAccount)
	p.register()
	wantErr(t, "replayed", v.Delete(t.Context(), p.id, version, sign(version)), vault.ErrStale)
	p.opens()
}

// counting counts derives at the PKCS#11 boundary.
type counting struct {
	hsm.Module
	*derives
}

type derives struct{ n atomic.Int64 }

func (c counting) DeriveKey(s pkcs11.SessionHandle, m []*pkcs11.Mechanism, base pkcs11.ObjectHandle,
	a []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	c.n.Add(1)
	return c.Module.DeriveKey(s, m, base, a)
}

// 1,000 wrong guesses at once: at most ten evaluations leave the HSM, each of
// two derives for the OPRF and two for the key exchange.
func TestThousandGuessesAtOnce(t *testing.T) {
	uri := hsmtest.SoftHSM(t, "vault")
	must(t, hsm.Init(t.Context(), hsm.Params{URI: uri}))
	count := &derives{}
	h, err := hsm.Open(t.Context(), hsm.Params{URI: uri, Between: func(m hsm.Module) hsm.Module { return counting{m, count} }})
	must(t, err)
	defer h.Close()
	v := openVault(t, vault.Params{Store: store.NewMemory(), HSM: h})
	p := registered(t, v)
	before := count.n.Load()
	var group sync.WaitGroup
	var counted, stale, over sync.Map
	for i := range 1000 {
		group.Go(func() {
			for {
				tr, err := p.start([]byte("wrong"))
				switch {
				case err == nil:
					counted.Store(i, true)
					if _, err := tr.finish(); !errors.Is(err, errWrongPassword) && !errors.Is(err, vault.ErrDestroyed) {
						t.Error(err)
					}
				case errors.Is(err, vault.ErrStale):
					stale.Store(i, true)
					continue // an attacker would
				case errors.Is(err, vault.ErrDestroyed), errors.Is(err, vault.ErrWait):
					over.Store(i, true)
				default:
					t.Error(err)
				}
				return
			}
		})
	}
	group.Wait()
	size := func(m *sync.Map) (n int) { m.Range(func(any, any) bool { n++; return true }); return n }
	if size(&counted) != vault.Guesses || size(&counted)+size(&over) != 1000 {
		t.Errorf("%d counted, %d refused", size(&counted), size(&over))
	}
	if n := count.n.Load() - before; n > 4*vault.Guesses {
		t.Errorf("%d derives at the PKCS#11 boundary", n)
	}
	if a := p.account(); a.Reason != vault.ReasonGuesses {
		t.Errorf("%+v", a)
	}
}

func TestBadMessagesChangeNothing(t *testing.T) {
	v, _ := newVault(t, vault.Policy{})
	p := registered(t, v)
	a := p.account()
	for _, ke1 := range [][]byte{nil, make([]byte, 98), bytes.Repeat([]byte{5}, 98), opaquetest.New().KE1(p.password)[:97]} {
		_, err := v.RecoverStart(t.Context(), p.id, vault.RecoveryStart{KE1: ke1, Version: a.Version})
		wantErr(t, "bad KE1", err, vault.ErrInvalid)
	}
	_, err := v.RegisterStart(t.Context(), p.id, vault.RegistrationRequest{Request: make([]byte, 33), Enrolled: true})
	wantErr(t, "bad request", err, vault.ErrInvalid)
	_, err = v.RecoverFinish(t.Context(), p.id, vault.RecoveryFinish{Start: make([]byte, 15), KE3: make([]byte, 32)})
	wantErr(t, "bad start", err, vault.ErrInvalid)
	_, err = v.RecoverFinish(t.Context(), p.id, vault.RecoveryFinish{Start: make([]byte, 16), KE3: make([]byte, 32)})
	wantErr(t, "KE3 of zeros", err, vault.ErrInvalid)
	if b := p.account(); b.Version != a.Version {
		t.Error("something changed")
	}
}

func TestClosedAndCancelled(t *testing.T) {
	v, _ := newVault(t, vault.Policy{})
	p := registered(t, v)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := v.Account(cancelled, p.id)
	if err == nil {
		t.Error("a cancelled call went on")
	}
	p.opens()
	v.Close()
	v.Close()
	_, err = v.Account(t.Context(), p.id)
	wantErr(t, "closed", err, vault.ErrUnavailable)
}
