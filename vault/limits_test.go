package vault_test

import (
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/holdfast-backup/holdfast/core/opaque/opaquetest"
	"github.com/holdfast-backup/holdfast/vault"
	"github.com/holdfast-backup/holdfast/vault/hsm"
	"github.com/holdfast-backup/holdfast/vault/hsm/hsmtest"
	"github.com/holdfast-backup/holdfast/vault/store"
)

// Somebody guesses between the owner's right guesses: fifty wrong ones in all, and not one more.
func TestWrongGuessesAreCappedForARegistration(t *testing.T) {
	v, _ := newVault(t, vault.Policy{})
	p := registered(t, v)
	evaluations := func() int64 { return v.Counts().Evaluations }
	begun, right, wrong := evaluations(), int64(0), 0
	for p.account().Reason == "" {
		left := p.account().GuessesLeft
		if left > 1 && (wrong+1)%4 != 0 {
			p.wrong()
			wrong++
			continue
		}
		if want := min(vault.Guesses, vault.WrongCap-wrong); wrong%4 == 3 {
			p.opens()
			right++
			if got := p.account().GuessesLeft; got != want {
				t.Fatalf("after %d wrong guesses a right one left %d, not %d", wrong, got, want)
			}
		}
		if _, err := p.recover([]byte("wrong")); !errors.Is(err, errWrongPassword) && !errors.Is(err, vault.ErrDestroyed) {
			t.Fatal(err)
		}
		wrong++
	}
	if wrong != vault.WrongCap || evaluations()-begun != vault.WrongCap+right {
		t.Errorf("%d wrong guesses, %d right ones, %d evaluations", wrong, right, evaluations()-begun)
	}
	if a := p.account(); a.Reason != vault.ReasonGuesses || a.Wrong != vault.WrongCap {
		t.Errorf("%+v", a)
	}
	p.register() // the owner has the key: all is as new
	if a := p.account(); a.Wrong != 0 || a.GuessesLeft != vault.Guesses {
		t.Errorf("%+v", a)
	}
	p.opens()
}

// Near the cap the delays are those of guesses since the last right one.
func TestCapDoesNotLengthenDelays(t *testing.T) {
	v, clock := newVault(t, vault.Policy{Delays: []time.Duration{time.Hour}})
	p := registered(t, v)
	for wrong := range vault.WrongCap - 1 {
		if wrong%2 == 0 {
			p.opens()
		}
		p.wrong()
	}
	clock.Add(time.Hour)
	p.opens()
	if a := p.account(); a.GuessesLeft != 1 || !a.WaitUntil.IsZero() {
		t.Errorf("%+v", a)
	}
	p.opens()
}

// A clock that steps back between KE1 and KE3, by a little or a lot, ends nothing; also not the last guess, and
// not over a restart.
func TestClockThatStepsBackExpiresNothing(t *testing.T) {
	for _, back := range []time.Duration{50 * time.Millisecond, time.Hour, 365 * 24 * time.Hour} {
		for _, restarted := range []bool{false, true} {
			mem, h, clock := store.NewMemory(), hsmtest.Open(t), newClock()
			open := func() *vault.Vault { return openVault(t, vault.Params{Store: mem, HSM: h, Now: clock.Now}) }
			v := open()
			p := registered(t, v)
			for range vault.Guesses - 1 {
				p.wrong()
			}
			last, err := p.start(p.password)
			must(t, err)
			clock.Add(-back)
			if restarted {
				v.Close()
				v = open()
				p.v = v
			}
			v.Sweep(t.Context())
			if a := p.account(); a.Reason != "" {
				t.Fatalf("%v back, restarted %v: destroyed during the owner's last, right guess", back, restarted)
			}
			if restarted {
				must(t, last.send(0))
			}
			if _, err := last.finish(); err != nil {
				t.Errorf("%v back, restarted %v: %v", back, restarted, err)
			}
			// It is no way to keep a start open either.
			_, err = p.start([]byte("wrong"))
			must(t, err)
			clock.Add(-back)
			v.Sweep(t.Context())
			clock.Add(vault.OpenFor)
			v.Sweep(t.Context())
			if a := p.account(); a.Past[len(a.Past)-1].Outcome != vault.OutcomeWrong {
				t.Errorf("%v back: %+v", back, a)
			}
			v.Close()
			h.Close()
		}
	}
}

// An account is deleted, and everything that was ever sent for it is sent again.
func TestMessagesOfADeletedAccountAreRefused(t *testing.T) {
	v, clock := newVault(t, vault.Policy{})
	p := newPerson(t, v)
	first, err := p.registration(p.password)
	must(t, err)
	unused, err := p.registration(p.password) // a second ticket of the same time
	must(t, err)
	must(t, v.RegisterFinish(t.Context(), p.id, first))
	must(t, v.RegisterFinish(t.Context(), p.id, first)) // its answer was lost
	tr, err := p.start(p.password)
	must(t, err)
	_, err = tr.finish()
	must(t, err)
	version := p.account().Version
	signature := ed25519.Sign(p.management, vault.DeletionMessage(v.Public().PublicKey, p.id, version))
	must(t, v.Delete(t.Context(), p.id, version, signature))
	for range 3 { // now, and until the tombstone is gone
		wantErr(t, "the first registration", v.RegisterFinish(t.Context(), p.id, first), vault.ErrStale)
		wantErr(t, "a ticket from before", v.RegisterFinish(t.Context(), p.id, unused), vault.ErrStale)
		wantErr(t, "the guess", tr.send(version), vault.ErrNoAccount)
		_, err = tr.finish()
		wantErr(t, "its proof", err, vault.ErrNoAccount)
		wantErr(t, "the deletion", v.Delete(t.Context(), p.id, version, signature), vault.ErrNoAccount)
		if n := v.Counts().Accounts; n != 0 {
			t.Errorf("%d accounts", n)
		}
		clock.Add(5 * time.Minute)
		v.Sweep(t.Context())
	}
	p.register() // the owner may come back
	p.opens()
	wantErr(t, "the first registration", v.RegisterFinish(t.Context(), p.id, first), vault.ErrStale)
}

// Clocks that are set while a ticket is out do not make it live longer than the tombstone.
func TestTombstonesOutliveTickets(t *testing.T) {
	h := hsmtest.Open(t)
	for i, jump := range []time.Duration{-time.Hour, -6 * time.Minute, 6 * time.Minute} {
		if i > 0 {
			must(t, h.DestroyStorage(t.Context(), 1))
			must(t, h.MakeStorage(t.Context(), 1))
			for place := range hsm.Anchors {
				must(t, h.SetAnchor(t.Context(), place, ""))
			}
		}
		clock := newClock()
		v := openVault(t, vault.Params{Store: store.NewMemory(), HSM: h, Now: clock.Now})
		p := newPerson(t, v)
		unused, err := p.registration(p.password)
		must(t, err)
		p.register()
		clock.Add(jump)
		version := p.account().Version
		must(t, v.Delete(t.Context(), p.id, version, ed25519.Sign(p.management, vault.DeletionMessage(v.Public().PublicKey, p.id, version))))
		for range 90 {
			clock.Add(time.Minute)
			v.Sweep(t.Context())
			wantErr(t, "a ticket from before the deletion", v.RegisterFinish(t.Context(), p.id, unused), vault.ErrStale)
		}
	}
}

// An account that nobody ever opened goes after a day; one that was opened stays.
func TestUnprovenAccountsExpire(t *testing.T) {
	mem, h, clock := store.NewMemory(), hsmtest.Open(t), newClock()
	v := openVault(t, vault.Params{Store: mem, HSM: h, Now: clock.Now})
	orphan, later, kept := registered(t, v), registered(t, v), registered(t, v)
	kept.opens()
	clock.Add(12 * time.Hour)
	v.Close()
	v = openVault(t, vault.Params{Store: mem, HSM: h, Now: clock.Now}) // it is not forgotten
	orphan.v, later.v, kept.v = v, v, v
	later.register() // its owner tries again
	clock.Add(12 * time.Hour)
	v.Sweep(t.Context())
	_, err := v.Account(t.Context(), orphan.id)
	wantErr(t, "an account that was never opened", err, vault.ErrNoAccount)
	if n := v.Counts().Accounts; n != 2 {
		t.Errorf("%d accounts", n)
	}
	later.opens()
	clock.Add(48 * time.Hour)
	v.Sweep(t.Context())
	later.opens()
	kept.opens()
	for range vault.Guesses {
		_, _ = kept.recover([]byte("wrong"))
	}
	clock.Add(48 * time.Hour)
	v.Sweep(t.Context())
	if a := kept.account(); a.Reason != vault.ReasonGuesses { // a tombstone of guesses stays
		t.Errorf("%+v", a)
	}
	orphan.register()
}

// Who is not enrolled gets nothing evaluated, and who is has a budget that guesses do not share.
func TestStrangersHaveABudget(t *testing.T) {
	clock := newClock()
	v := openVault(t, vault.Params{Store: store.NewMemory(), HSM: hsmtest.Open(t), Now: clock.Now, StrangersRate: rate.NewLimiter(1, 3),
		OwnersRate: rate.NewLimiter(1, 2)})
	p := registered(t, v)
	request := func(id vault.AccountID, enrolled bool) error {
		_, err := v.RegisterStart(t.Context(), id, vault.RegistrationRequest{Request: opaquetest.New().Request([]byte("x")), Enrolled: enrolled})
		return err
	}
	wantErr(t, "not enrolled", request(vault.AccountID{1}, false), vault.ErrEnrolment)
	must(t, request(vault.AccountID{1}, true))
	must(t, request(vault.AccountID{2}, true))
	var busy *vault.BusyError
	if err := request(vault.AccountID{3}, true); !errors.As(err, &busy) || busy.Wait <= 0 || busy.Wait > time.Second {
		t.Errorf("over the budget: %v", err)
	}
	must(t, request(p.id, false)) // the owner
	p.opens()
	clock.Add(time.Second)
	must(t, request(vault.AccountID{3}, true))
}

// Guesses that nobody finishes are wrong ones.
func TestUnfinishedGuessesAreCounted(t *testing.T) {
	v, clock := newVault(t, vault.Policy{})
	p := registered(t, v)
	for range 3 {
		_, err := p.start([]byte("wrong"))
		must(t, err)
	}
	p.wrong()
	clock.Add(vault.OpenFor)
	v.Sweep(t.Context())
	if c := v.Counts(); c.Wrong != 4 || c.OpenStarts != 0 {
		t.Errorf("%+v", c)
	}
}

// The operator removes an account that its owner asks to be rid of.
func TestOperatorRemoves(t *testing.T) {
	v, _ := newVault(t, vault.Policy{})
	p := registered(t, v)
	must(t, v.Remove(t.Context(), p.id))
	_, err := v.Account(t.Context(), p.id)
	wantErr(t, "a removed account", err, vault.ErrNoAccount)
	wantErr(t, "again", v.Remove(t.Context(), p.id), vault.ErrNoAccount)
}
