package vaultclient_test

import (
	"errors"
	"testing"

	"github.com/holdfast-backup/holdfast/core/vaults"
	"github.com/holdfast-backup/holdfast/vaultclient"
)

// wrong holds that a password is wrong, how many guesses are left, and whether it was sent.
func wrong(t *testing.T, what string, err error, left int, repeated bool) {
	t.Helper()
	var told *vaults.Error
	if !errors.As(err, &told) || !errors.Is(err, vaults.ErrWrongPassword) || told.GuessesLeft != left || told.Repeated != repeated {
		t.Errorf("%s: %v (%+v), and %d must be left", what, err, told, left)
	}
}

// Who types the same wrong password again loses no second guess; until the password is set anew, when the word may be the right one.
func TestAWrongPasswordIsSentOnce(t *testing.T) {
	d, key, seed := served(t, "--guess-delays", "0"), secret(), secret()
	set := func(card []byte, password string) []byte {
		v := remote(d)(t, card)
		card, err := v.SetPassword(t.Context(), vaultclient.NewPassword{Password: []byte(password), Key: key, Seed: seed})
		must(t, err)
		must(t, v.Close())
		return card
	}
	card := set(nil, "first")
	tried := vaultclient.NewTried()
	guess := func(tried *vaultclient.Tried, password string) error {
		v, err := vaultclient.Open(t.Context(), vaultclient.Params{Card: card, Tried: tried})
		must(t, err)
		_, err = v.Recover(t.Context(), []byte(password))
		must(t, v.Close())
		return err
	}
	left := func(want int) {
		t.Helper()
		v := remote(d)(t, card)
		s, err := v.State(t.Context())
		must(t, err)
		if s.GuessesLeft != want {
			t.Errorf("%d guesses are left at the vault, and it must be %d", s.GuessesLeft, want)
		}
		must(t, v.Close())
	}
	wrong(t, "a wrong one", guess(tried, "second"), 9, false)
	wrong(t, "the same again", guess(tried, "second"), 9, true)
	wrong(t, "another", guess(tried, "third"), 8, false)
	wrong(t, "the first again", guess(tried, "second"), 8, true)
	left(8)
	wrong(t, "from another computer", guess(vaultclient.NewTried(), "second"), 7, false)
	wrong(t, "without a memory", guess(nil, "second"), 6, false)
	must(t, guess(tried, "first"))
	left(10)
	set(card, "second")
	must(t, guess(tried, "second"))
	wrong(t, "the old one", guess(tried, "first"), 9, false)
}

// The same with a shared password: a vault that was away before has something new to say, and no other.
func TestAWrongSharedPasswordIsSentOnce(t *testing.T) {
	f := newFleet(t, 3)
	f.set("first", 2, 0, 1, 2)
	tried := vaultclient.NewTried()
	guess := func(password string) error {
		s, err := vaultclient.OpenShared(f.card, open)
		must(t, err)
		s.Tried = tried
		o, err := s.Recover(t.Context(), []byte(password), f.fits)
		o.Clear()
		return err
	}
	f.harm(2, dead)
	wrong(t, "at two", guess("second"), 9, false)
	wrong(t, "again at two", guess("second"), 9, true)
	f.harm(2, none)
	wrong(t, "at the third too", guess("second"), 8, false)
	wrong(t, "again at three", guess("second"), 8, true)
	f.harm(0, dead)
	wrong(t, "again at two of the three", guess("second"), 8, true)
	f.harm(0, none)
	must(t, guess("first"))
	f.set("second", 2, 0, 1, 2)
	must(t, guess("second"))
}
