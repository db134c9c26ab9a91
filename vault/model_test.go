package vault_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/holdfast-backup/holdfast/vault"
	"github.com/holdfast-backup/holdfast/vault/hsm"
	"github.com/holdfast-backup/holdfast/vault/hsm/hsmtest"
	"github.com/holdfast-backup/holdfast/vault/store"
)

// believed is what the model knows of one account: bounds, since an operation
// that was cut off may or may not have happened.
type believed struct {
	*person
	exists    bool
	low, high int // guesses left
	maybeNew  bool
	maybeGone bool // deleted
	// unproven since then: it may be gone a day later.
	unproven bool
	since    time.Duration // of machine.passed
}

// expired tells that the account may have been removed because nobody ever opened it.
func (m *machine) expired(b *believed) bool {
	return b.unproven && m.passed-b.since >= 24*time.Hour
}

type machine struct {
	t       *testing.T
	h       *hsm.HSM
	f       *fuse
	store   *store.Memory
	copies  []*store.Memory
	v       *vault.Vault
	clock   *clock
	last    time.Time
	passed  time.Duration // whenever the clock went forward
	policy  vault.Policy
	persons []*believed
	tries   []*modelTry
}

type modelTry struct {
	*try
	b     *believed
	right bool
}

func (m *machine) open(rt *rapid.T) {
	m.f = &fuse{}
	v, err := vault.Open(m.t.Context(), vault.Params{Store: fusedStore{m.store, m.f}, HSM: fusedHSM{m.h, m.f}, Policy: m.policy,
		Now: m.clock.Now})
	if err != nil {
		rt.Fatalf("the vault does not open: %v", err)
	}
	m.v = v
	for _, b := range m.persons {
		b.v = v
		m.look(rt, b)
	}
}

// crashed handles an operation that met the blown fuse: the next process looks what became of it.
func (m *machine) crashed(rt *rapid.T, err error) bool {
	if !m.f.dead {
		return false
	}
	if err == nil {
		return false // done before the lights went out
	}
	return true
}

func (m *machine) restart(rt *rapid.T) {
	m.v.Close()
	m.open(rt)
}

// tick notes how much time has passed.
func (m *machine) tick() {
	now := m.clock.Now()
	if m.last.IsZero() {
		m.last = now
	}
	m.passed += max(0, now.Sub(m.last))
	m.last = now
}

// look compares an account with what the model believes, and learns.
func (m *machine) look(rt *rapid.T, b *believed) {
	m.tick()
	a, err := m.v.Account(m.t.Context(), b.id)
	if errors.Is(err, vault.ErrNoAccount) {
		if b.exists && !b.maybeGone && !m.expired(b) {
			rt.Fatalf("an account is lost")
		}
		b.exists, b.maybeNew, b.maybeGone = false, false, false
		return
	}
	if err != nil {
		if m.f.dead {
			return
		}
		rt.Fatalf("look: %v", err)
	}
	if !b.exists && !b.maybeNew {
		rt.Fatalf("an account came from nothing")
	}
	b.exists, b.maybeNew, b.maybeGone = true, false, false
	if a.GuessesLeft < b.low || a.GuessesLeft > b.high {
		rt.Fatalf("%d guesses left, and it must be %d to %d", a.GuessesLeft, b.low, b.high)
	}
	if a.Reason != "" && b.low > 0 {
		rt.Fatalf("destroyed with %d guesses left", b.low)
	}
	b.low, b.high = a.GuessesLeft, a.GuessesLeft
}

func (m *machine) pick(rt *rapid.T) *believed { return rapid.SampledFrom(m.persons).Draw(rt, "who") }

func (m *machine) register(rt *rapid.T) {
	b := m.pick(rt)
	if m.look(rt, b); !b.exists || b.unproven {
		b.unproven, b.since = true, m.passed
	}
	r, err := b.registration(b.password)
	if err == nil {
		err = m.v.RegisterFinish(m.t.Context(), b.id, r)
		if m.crashed(rt, err) {
			b.high = vault.Guesses
			if !b.exists {
				b.low, b.maybeNew = vault.Guesses, true
			}
		}
	}
	m.f.evaluations = 0
	switch {
	case err == nil:
		b.exists, b.low, b.high = true, vault.Guesses, vault.Guesses
	case !m.f.dead:
		rt.Fatalf("register: %v", err)
	}
}

// start begins a guess; only that may evaluate, and only what was counted.
func (m *machine) start(rt *rapid.T, right bool) {
	b := m.pick(rt)
	password := b.password
	if !right {
		password = []byte("wrong")
	}
	m.f.evaluations = 0
	tr, err := b.start(password)
	m.settle(rt, b, err)
	if err == nil {
		if tr.reply.GuessesLeft != b.low {
			rt.Fatalf("it says %d left, and it must be %d", tr.reply.GuessesLeft, b.low)
		}
		m.tries = append(m.tries, &modelTry{tr, b, right})
	}
}

func (m *machine) settle(rt *rapid.T, b *believed, err error) {
	evaluated := m.f.evaluations
	if evaluated > 1 || evaluated > 0 && b.high < 1 {
		rt.Fatalf("%d evaluations with %d guesses left", evaluated, b.high)
	}
	switch {
	case evaluated > 0: // so it was counted before
		b.low, b.high = b.low-1, b.high-1
	case m.crashed(rt, err):
		b.low = max(0, b.low-1) // perhaps counted
	case err == nil:
		rt.Fatalf("answered without an evaluation")
	case errors.Is(err, vault.ErrNoAccount) && (!b.exists || m.expired(b)), errors.Is(err, vault.ErrDestroyed) &&
		b.low == 0, errors.Is(err, vault.ErrWait):
	default:
		rt.Fatalf("start: %v", err)
	}
}

// repeat sends an old KE1 again: never another count, while it is open.
func (m *machine) repeat(rt *rapid.T) {
	if len(m.tries) == 0 {
		return
	}
	tr := m.tries[rapid.IntRange(0, len(m.tries)-1).Draw(rt, "try")]
	m.f.evaluations = 0
	err := tr.send(rapid.SampledFrom([]uint64{0, 1 << 60}).Draw(rt, "version"))
	if m.f.evaluations > 1 || err != nil && m.f.evaluations > 0 && !m.f.dead {
		rt.Fatalf("a repeat: %d evaluations, %v", m.f.evaluations, err)
	}
}

func (m *machine) finish(rt *rapid.T, honest bool) {
	if len(m.tries) == 0 {
		return
	}
	i := rapid.IntRange(0, len(m.tries)-1).Draw(rt, "try")
	tr := m.tries[i]
	var got []byte
	var err error
	if honest {
		got, err = tr.try.finish()
	} else {
		id := vault.StartID(tr.ke1)
		_, err = m.v.RecoverFinish(m.t.Context(), tr.p.id, vault.RecoveryFinish{Start: id[:], KE3: bytes.Repeat([]byte{1}, 32)})
		if err == nil {
			rt.Fatalf("a made-up KE3 was taken")
		}
	}
	if honest && tr.right {
		switch {
		case err == nil:
			if !bytes.Equal(got, tr.b.sealedKey) {
				rt.Fatalf("another sealed key")
			}
			// A repeated KE3 changes nothing, the first gives all back.
			tr.b.high, tr.b.unproven = vault.Guesses, false
			m.look(rt, tr.b)
		case m.crashed(rt, err):
			tr.b.high = vault.Guesses
		}
	} else if err == nil {
		rt.Fatalf("a wrong password was taken")
	}
}

// strangers have no key: they neither reset nor delete.
func (m *machine) stranger(rt *rapid.T) {
	b := m.pick(rt)
	if !b.exists || m.f.dead {
		return
	}
	s := &person{t: m.t, v: m.v, id: b.id, sealedKey: b.sealedKey}
	_, s.management, _ = ed25519.GenerateKey(nil)
	if r, err := s.registration([]byte("mine")); err == nil {
		if err := m.v.RegisterFinish(m.t.Context(), s.id, r); err == nil {
			rt.Fatalf("a stranger set a password")
		}
	}
	m.f.evaluations = 0
	if a, err := m.v.Account(m.t.Context(), s.id); err == nil {
		sig := ed25519.Sign(s.management, vault.DeletionMessage(m.v.Public().PublicKey, s.id, a.Version))
		if err := m.v.Delete(m.t.Context(), s.id, a.Version, sig); err == nil {
			rt.Fatalf("a stranger deleted an account")
		}
	}
}

func (m *machine) remove(rt *rapid.T) {
	b := m.pick(rt)
	a, err := m.v.Account(m.t.Context(), b.id)
	if err != nil {
		return
	}
	err = m.v.Delete(m.t.Context(), b.id, a.Version,
		ed25519.Sign(b.management, vault.DeletionMessage(m.v.Public().PublicKey, b.id, a.Version)))
	switch {
	case err == nil:
		b.exists = false
	case m.crashed(rt, err):
		b.maybeGone = true
	default:
		rt.Fatalf("delete: %v", err)
	}
}

func (m *machine) rotate(rt *rapid.T) {
	if _, err := m.v.Rotate(m.t.Context()); err != nil && !m.f.dead {
		rt.Fatalf("rotate: %v", err)
	}
}

// rollBack opens the vault on an old copy of the store: refused, unless it is
// what the token last saw, and then nothing that was answered is missing from it.
func (m *machine) rollBack(rt *rapid.T) {
	if len(m.copies) == 0 {
		return
	}
	old := m.copies[rapid.IntRange(0, len(m.copies)-1).Draw(rt, "copy")]
	m.v.Close()
	v, err := vault.Open(m.t.Context(), vault.Params{Store: old.Clone(), HSM: m.h, Policy: m.policy, Now: m.clock.Now})
	if err == nil {
		v.Close()
		m.store = old.Clone() // look checks that nothing came back
		v, err = vault.Open(m.t.Context(), vault.Params{Store: m.store, HSM: m.h, Policy: m.policy, Now: m.clock.Now})
		if err != nil {
			rt.Fatalf("accepted once, then refused: %v", err)
		}
		v.Close()
	} else if !errors.Is(err, vault.ErrOlder) && !errors.Is(err, store.ErrTampered) {
		rt.Fatalf("an old copy: %v", err)
	}
	m.open(rt)
}

// Random work of many clients, with the plug pulled between any two durable
// steps, a clock that jumps, rotations and old copies of the store. It holds: never an
// evaluation that was not counted before, never an eleventh, never an account destroyed with guesses
// left, never guesses back without the right password or the management key.
func TestModel(t *testing.T) {
	h := hsmtest.Open(t)
	rapid.Check(t, func(rt *rapid.T) {
		storages, err := h.Storages(t.Context())
		must(t, err)
		for _, s := range storages {
			must(t, h.DestroyStorage(t.Context(), s.Generation))
		}
		must(t, h.MakeStorage(t.Context(), 1))
		for place := range hsm.Anchors {
			must(t, h.SetAnchor(t.Context(), place, ""))
		}
		m := &machine{t: t, h: h, store: store.NewMemory(), clock: newClock()}
		if rapid.Bool().Draw(rt, "delays") {
			m.policy.Delays = []time.Duration{time.Minute, time.Hour}
		}
		m.open(rt)
		for range rapid.IntRange(1, 3).Draw(rt, "persons") {
			p := newPerson(t, m.v)
			p.password = []byte("right")
			m.persons = append(m.persons, &believed{person: p})
		}
		defer func() { m.v.Close() }()
		alive := func(f func(*rapid.T)) func(*rapid.T) {
			return func(rt *rapid.T) {
				if m.f.dead {
					m.restart(rt)
				}
				f(rt)
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"register":    alive(m.register),
			"start right": alive(func(rt *rapid.T) { m.start(rt, true) }),
			"start wrong": alive(func(rt *rapid.T) { m.start(rt, false) }),
			"many wrong": alive(func(rt *rapid.T) {
				for range 4 {
					m.clock.Add(2 * time.Hour)
					m.tick()
					m.start(rt, false)
					if m.f.dead {
						return
					}
				}
			}),
			"repeat":     alive(m.repeat),
			"finish":     alive(func(rt *rapid.T) { m.finish(rt, true) }),
			"finish bad": alive(func(rt *rapid.T) { m.finish(rt, false) }),
			"stranger":   alive(m.stranger),
			"delete":     alive(m.remove),
			"rotate":     alive(m.rotate),
			"copy":       func(*rapid.T) { m.copies = append(m.copies, m.store.Clone()) },
			"roll back":  alive(m.rollBack),
			"restart":    m.restart,
			"sweep":      alive(func(*rapid.T) { m.v.Sweep(t.Context()) }),
			"clock jumps": func(rt *rapid.T) {
				m.clock.Add(time.Duration(rapid.IntRange(-100, 300).Draw(rt, "seconds")) * time.Second)
				m.tick()
			},
			"pull the plug": alive(func(rt *rapid.T) {
				m.f.set, m.f.after, m.f.steps = true, rapid.Bool().Draw(rt, "after"), rapid.IntRange(0, 6).Draw(rt, "step")
			}),
			"": func(rt *rapid.T) {
				for _, b := range m.persons {
					if !m.f.dead {
						m.look(rt, b)
					}
				}
			},
		})
	})
}

func (b *believed) String() string { return fmt.Sprintf("%x", b.id[:4]) }
