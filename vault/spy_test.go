//go:build linux || darwin

package vault_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/miekg/pkcs11"
	"pgregory.net/rapid"

	"github.com/holdfast-backup/holdfast/core/opaque"
	"github.com/holdfast-backup/holdfast/core/opaque/opaquetest"
	"github.com/holdfast-backup/holdfast/vault"
	"github.com/holdfast-backup/holdfast/vault/hsm"
	"github.com/holdfast-backup/holdfast/vault/hsm/hsmtest"
	"github.com/holdfast-backup/holdfast/vault/store"
)

func TestMain(m *testing.M) {
	code := m.Run()
	hsmtest.CleanupSpy()
	os.Exit(code)
}

// watched remembers which points were evaluated: those that this process got any output for.
type watched struct {
	*hsm.HSM
	mu        sync.Mutex
	evaluated map[string]bool
}

func (w *watched) Lease(ctx context.Context) (hsm.Evaluator, error) {
	l, err := w.HSM.Lease(ctx)
	if err != nil {
		return nil, err
	}
	return watchedLease{l, w}, nil
}

type watchedLease struct {
	hsm.Evaluator
	w *watched
}

func (l watchedLease) EvaluateOPRF(ctx context.Context, p opaque.Point) (opaque.Point, error) {
	q, err := l.Evaluator.EvaluateOPRF(ctx, p)
	if l.Output() {
		l.w.mu.Lock()
		l.w.evaluated[string(p.Bytes())] = true
		l.w.mu.Unlock()
	}
	return q, err
}

// since returns how many points were evaluated since it was last asked.
func (w *watched) since() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.evaluated)
	clear(w.evaluated)
	return n
}

// client is what the app does with a vault that does not answer: the same message again.
type client struct {
	*person
	opaquetest.Client
	ke1     []byte
	version uint64
	reply   *vault.RecoveryReply
	done    bool
}

var errGaveUp = errors.New("the vault does not answer")

// begin makes a guess; nothing is sent yet.
func (p *person) begin(password []byte) *client {
	c := &client{person: p, Client: opaquetest.New()}
	c.ke1 = c.KE1(password)
	return c
}

// run goes on with the guess, and repeats messages, at most so often, until it is answered.
func (c *client) run(attempts int) error {
	for range attempts {
		err := c.step()
		if c.done || err != nil && !errors.Is(err, vault.ErrUnavailable) && !errors.Is(err, vault.ErrStale) {
			return err
		}
		if errors.Is(err, vault.ErrStale) {
			c.version, c.reply = 0, nil
		}
	}
	return errGaveUp
}

// patient is account on a slow machine.
func (p *person) patient() *vault.Account {
	p.t.Helper()
	for range 1000 {
		a, err := p.v.Account(p.t.Context(), p.id)
		if !errors.Is(err, vault.ErrUnavailable) {
			must(p.t, err)
			return a
		}
	}
	p.t.Fatal(errGaveUp)
	return nil
}

func (c *client) step() error {
	ctx := c.t.Context()
	if c.version == 0 {
		a, err := c.v.Account(ctx, c.id)
		if err != nil {
			return err
		}
		c.version = a.Version
	}
	if c.reply == nil {
		reply, err := c.v.RecoverStart(ctx, c.id, vault.RecoveryStart{KE1: c.ke1, Version: c.version})
		if err != nil {
			return err
		}
		c.reply = reply
	}
	id := vault.StartID(c.ke1)
	ke3, _, _, wrong := c.KE3(c.reply.KE2, c.id[:], c.v.Public().PublicKey)
	if wrong != nil {
		ke3 = append(id[:], id[:]...)
	}
	_, err := c.v.RecoverFinish(ctx, c.id, vault.RecoveryFinish{Start: id[:], KE3: ke3})
	c.done = err == nil || wrong != nil && (errors.Is(err, vault.ErrWrongProof) || errors.Is(err, vault.ErrDestroyed))
	return err
}

// spied is a vault on a token that a test breaks.
type spied struct {
	t     *testing.T
	spy   *hsmtest.Spy
	h     *watched
	v     *vault.Vault
	clock *clock
}

func newSpied(t *testing.T) *spied {
	t.Helper()
	spy := hsmtest.NewSpy(t, "vault")
	return openSpied(t, spy, "")
}

// openSpied makes a vault on the spy's token, under a name.
func openSpied(t *testing.T, spy *hsmtest.Spy, object string) *spied {
	t.Helper()
	s := &spied{t: t, spy: spy, clock: newClock()}
	uri := *spy.URI
	uri.Object = object
	must(t, hsm.Init(t.Context(), hsm.Params{URI: &uri}))
	h, err := hsm.Open(t.Context(), hsm.Params{URI: &uri, Sessions: 3})
	must(t, err)
	t.Cleanup(h.Close)
	s.h = &watched{HSM: h, evaluated: map[string]bool{}}
	s.v = openVault(t, vault.Params{Store: store.NewMemory(), HSM: s.h, Now: s.clock.Now, AnswerFor: 250 * time.Millisecond})
	t.Cleanup(s.spy.Heal) // before anything closes
	return s
}

// person registers one, on a slow machine too.
func (s *spied) person() *person {
	s.t.Helper()
	p := newPerson(s.t, s.v)
	for range 1000 {
		r, err := p.registration(p.password)
		if err == nil {
			err = s.v.RegisterFinish(s.t.Context(), p.id, r)
		}
		if !errors.Is(err, vault.ErrUnavailable) && !errors.Is(err, vault.ErrStale) {
			must(s.t, err)
			return p
		}
	}
	s.t.Fatal(errGaveUp)
	return nil
}

// ready waits until the vault says that it works again. It heals within a second or so.
func (s *spied) ready() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Minute) // only so that a vault that never heals ends the test
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.v.Ready(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			s.t.Fatalf("the token is back, and the vault is not: %v", err)
		case <-tick.C:
		}
	}
}

var tokenErrors = []uint{pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_DEVICE_REMOVED, pkcs11.CKR_GENERAL_ERROR, pkcs11.CKR_FUNCTION_FAILED,
	pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_USER_NOT_LOGGED_IN}

// A token that fails once at each call that a recovery makes, before and after it does what it was asked, costs the
// person with the right password nothing.
func TestTokenFailsOnceAtEachCall(t *testing.T) {
	s := newSpied(t)
	p := s.person()
	calls := func() (all []uint64) {
		for f := range hsmtest.Functions {
			all = append(all, s.spy.Calls(f))
		}
		return all
	}
	before := calls()
	must(t, p.begin(p.password).run(1000))
	for f, n := range calls() {
		for skip := range n - before[f] {
			for i, action := range []hsmtest.Action{hsmtest.FailBefore, hsmtest.FailAfter} {
				code := tokenErrors[(f+int(skip)+i)%len(tokenErrors)]
				s.spy.Break(hsmtest.Function(f), hsmtest.Rule{Action: action, Skip: int(skip), Times: 1, Code: code})
				if err := p.begin(p.password).run(1000); err != nil {
					t.Fatalf("function %d, call %d, action %d, code %x: %v", f, skip, action, code, err)
				}
				s.spy.Heal()
				if left := p.patient().GuessesLeft; left != vault.Guesses {
					t.Errorf("function %d, call %d: %d guesses left", f, skip, left)
				}
			}
		}
	}
}

// Ten right passwords against a token that has stopped: no guess is lost, whichever call it stopped at.
func TestStuckTokenCostsNoGuess(t *testing.T) {
	s := newSpied(t)
	p := s.person()
	for f := range hsmtest.Functions {
		for _, action := range []hsmtest.Action{hsmtest.FailBefore, hsmtest.FailAfter, hsmtest.Hang, hsmtest.HangAndFail} {
			s.spy.Break(f, hsmtest.Rule{Action: action, Code: pkcs11.CKR_DEVICE_ERROR})
			var open []*client
			guesses := vault.Guesses
			if action == hsmtest.Hang || action == hsmtest.HangAndFail {
				guesses = 1 // the first waits, and all others wait for it
			}
			for range guesses {
				c := p.begin(p.password)
				if err := c.run(1); err != nil {
					open = append(open, c)
				}
			}
			s.clock.Add(2 * time.Minute)
			s.v.Sweep(t.Context())
			s.spy.Heal()
			s.ready()
			left := 0
			for tries := 0; tries < 10 && left != vault.Guesses; tries++ {
				s.v.Sweep(t.Context()) // gives back what is owed, once the call that hung has come back
				left = p.patient().GuessesLeft
			}
			// A call that hung is done, or repeated, once it can be: that guess is not given back, and its answer waits.
			if guesses > 1 && left != vault.Guesses {
				t.Errorf("function %d, action %d: %d guesses left before anybody came back", f, action, left)
			}
			for _, c := range open {
				if err := c.run(1000); err != nil && !errors.Is(err, vault.ErrWait) {
					t.Fatalf("function %d, action %d: %v", f, action, err)
				}
			}
			must(t, p.begin(p.password).run(1000))
			if left := p.patient().GuessesLeft; left != vault.Guesses {
				t.Fatalf("function %d, action %d: %d guesses left", f, action, left)
			}
		}
	}
}

// breaks is small, since a call that hangs costs time.
var breaks = flag.Int("vault.breaks", 15, "how many sequences TestBrokenToken tries")

// Random breaks of random calls, while one person has the right password and another guesses. The first loses
// nothing; of the other's guesses never more than ten are evaluated.
func TestBrokenToken(t *testing.T) {
	spy := hsmtest.NewSpy(t, "vault")
	s, other := openSpied(t, spy, ""), openSpied(t, spy, "other")
	all := flag.Lookup("rapid.checks").Value.String()
	must(t, flag.Set("rapid.checks", strconv.Itoa(*breaks)))
	defer func() { must(t, flag.Set("rapid.checks", all)) }()
	rapid.Check(t, func(rt *rapid.T) {
		s.ready()
		other.ready()
		honest, victim := s.person(), other.person() // each has a vault, so that it is clear whose evaluations are seen
		other.h.since()
		evaluated := 0
		var trying *client
		// A sweep waits for a call that hangs, and that waits for heal: meanwhile sweeps run beside the rest, as in a vault.
		hangs, sweeps := false, sync.WaitGroup{}
		heal := func(*rapid.T) {
			s.spy.Heal()
			hangs = false
			sweeps.Wait()
			for _, one := range []*spied{s, other} {
				one.ready()
				one.v.Sweep(t.Context())
			}
		}
		pass := func(d time.Duration) {
			for _, one := range []*spied{s, other} {
				one.clock.Add(d)
				if hangs {
					sweeps.Go(func() { one.v.Sweep(t.Context()) })
				} else {
					one.v.Sweep(t.Context())
				}
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"break": func(rt *rapid.T) {
				f := hsmtest.Function(rapid.IntRange(-1, int(hsmtest.Functions)-1).Draw(rt, "function"))
				action := hsmtest.Action(rapid.IntRange(1, 4).Draw(rt, "action"))
				hangs = hangs || action == hsmtest.Hang || action == hsmtest.HangAndFail
				s.spy.Break(f, hsmtest.Rule{
					Action: action, Skip: rapid.IntRange(0, 30).Draw(rt, "skip"),
					Times: rapid.IntRange(0, 3).Draw(rt, "times"), Code: rapid.SampledFrom(tokenErrors).Draw(rt, "code"),
				})
			},
			"heal":        heal,
			"time passes": func(rt *rapid.T) { pass(30 * time.Second) },
			"right": func(rt *rapid.T) {
				if trying == nil {
					trying = honest.begin(honest.password)
				}
				switch err := trying.run(2); {
				case err == nil:
					trying = nil
				case errors.Is(err, vault.ErrDestroyed):
					rt.Fatalf("an account was destroyed, and its password was always right")
				}
			},
			"wrong": func(rt *rapid.T) {
				_ = victim.begin([]byte("wrong")).run(2)
				evaluated += other.h.since()
				if evaluated > vault.Guesses {
					rt.Fatalf("%d guesses were evaluated", evaluated)
				}
			},
		})
		heal(rt)
		if trying != nil {
			if err := trying.run(1000); err != nil {
				rt.Fatalf("the token is back, and the guess is not answered: %v", err)
			}
		}
		if err := honest.begin(honest.password).run(1000); err != nil {
			rt.Fatalf("the right password: %v", err)
		}
		if left := honest.patient().GuessesLeft; left != vault.Guesses {
			rt.Fatalf("the person with the right password has %d guesses left", left)
		}
		// Whatever the token did, the other has ten guesses in all.
		for range 2 * vault.Guesses {
			_ = victim.begin([]byte("wrong")).run(1000)
			pass(vault.OpenFor)
		}
		if evaluated += other.h.since(); evaluated > vault.Guesses {
			rt.Fatalf("%d guesses were evaluated", evaluated)
		}
		if victim.patient().Reason != vault.ReasonGuesses {
			rt.Fatalf("not destroyed after %d evaluations", evaluated)
		}
	})
}
