package vaultclient_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core/vaults"
	cards "github.com/holdfast-backup/holdfast/vault/card"
	"github.com/holdfast-backup/holdfast/vault/hsm/hsmtest"
	"github.com/holdfast-backup/holdfast/vault/vaultd/vaultdtest"
	"github.com/holdfast-backup/holdfast/vaultclient"
)

func TestMain(m *testing.M) {
	code := m.Run()
	vaultdtest.Cleanup()
	os.Exit(code)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t testing.TB, what string, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s: %v, not %v", what, err, kind)
	}
}

// kind makes vaults of one kind. open opens the vault of a card; nil is a card without account.
type kind struct {
	open func(t *testing.T, card []byte) vaultclient.Vault
}

func secret() []byte {
	b := make([]byte, 32)
	_, _ = rand.Read(b)
	return b
}

// suite holds an implementation of Vault against the text of the interface.
func suite(t *testing.T, k kind) {
	v := k.open(t, nil)
	defer func() { must(t, v.Close()) }()
	key, seed, password := secret(), secret(), []byte("correct horse battery staple")
	_, err := v.State(t.Context())
	wantErr(t, "status without an account", err, vaultclient.ErrNoAccount)
	_, err = v.Recover(t.Context(), password)
	wantErr(t, "recover without an account", err, vaultclient.ErrNoAccount)
	for what, bad := range map[string]vaultclient.NewPassword{"no password": {Key: key, Seed: seed},
		"short key": {Password: password, Key: key[1:], Seed: seed}, "no seed": {Password: password, Key: key},
		"short previous seed": {Password: password, Key: key, Seed: seed, PreviousSeed: seed[1:]}} {
		_, err := v.SetPassword(t.Context(), bad)
		wantErr(t, what, err, vaults.ErrRefused)
	}
	card, err := v.SetPassword(t.Context(), vaultclient.NewPassword{Password: password, Key: key, Seed: seed})
	must(t, err)
	if !bytes.Equal(card, v.Card()) {
		t.Error("the vault has another card")
	}
	parsed, err := cards.Parse(card)
	must(t, err)
	if len(parsed.Account) != 32 || strings.Contains(string(card), "pin-") {
		t.Errorf("%s", card)
	}
	must(t, v.Close())

	// On another computer, with nothing but the card.
	v = k.open(t, card)
	recovers := func(password, key []byte) {
		t.Helper()
		got, err := v.Recover(t.Context(), password)
		if err != nil || !bytes.Equal(got, key) {
			t.Fatalf("the right password: %v", err)
		}
	}
	wrong := func(left int) {
		t.Helper()
		_, err := v.Recover(t.Context(), []byte("wrong"))
		var w *vaults.Error
		if !errors.As(err, &w) || w.GuessesLeft != left || !errors.Is(err, vaults.ErrWrongPassword) {
			t.Errorf("a wrong password: %v, and %d must be left", err, left)
		}
	}
	recovers(password, key)
	wrong(9)
	wrong(8)
	s, err := v.State(t.Context())
	must(t, err)
	now := s.WrongNow()
	if s.Destroyed || s.GuessesLeft != 8 || len(now) != 2 || time.Since(now[0]) > time.Hour || len(s.Past) != 4 || !s.WaitUntil.IsZero() {
		t.Errorf("%+v", s)
	}

	// Another password, and another key.
	second, key2, seed2 := []byte("second password"), secret(), secret()
	_, err = v.SetPassword(t.Context(), vaultclient.NewPassword{Password: second, Key: key, Seed: secret()})
	wantErr(t, "another's seed", err, vaultclient.ErrManagement)
	again, err := v.SetPassword(t.Context(), vaultclient.NewPassword{Password: second, Key: key2, Seed: seed2, PreviousSeed: seed})
	if err != nil || !bytes.Equal(again, card) {
		t.Fatalf("a new password: %v", err)
	}
	wrong(9) // for the old one, too, it is
	recovers(second, key2)

	// Ten wrong ones.
	for left := 9; left >= 1; left-- {
		wrong(left)
	}
	_, err = v.Recover(t.Context(), []byte("wrong"))
	var gone *vaults.Error
	if !errors.As(err, &gone) || !gone.LastGuess || !errors.Is(err, vaults.ErrPasswordGone) {
		t.Errorf("the last guess: %v", err)
	}
	_, err = v.Recover(t.Context(), second)
	if !errors.As(err, &gone) || gone.LastGuess || gone.Restored || !errors.Is(err, vaults.ErrPasswordGone) {
		t.Errorf("the right password after it: %v", err)
	}
	if s, err := v.State(t.Context()); err != nil || !s.Destroyed || s.Restored {
		t.Errorf("%+v %v", s, err)
	}
	_, err = v.SetPassword(t.Context(), vaultclient.NewPassword{Password: password, Key: key, Seed: seed})
	wantErr(t, "revived with the key before the last", err, vaultclient.ErrManagement)
	_, err = v.SetPassword(t.Context(), vaultclient.NewPassword{Password: password, Key: key2, Seed: seed2})
	must(t, err)
	recovers(password, key2)

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = v.Recover(cancelled, password)
	wantErr(t, "cancelled", err, context.Canceled)
	if s, err := v.State(t.Context()); err != nil || s.GuessesLeft != 10 {
		t.Errorf("a cancelled guess: %+v %v", s, err)
	}
	wantErr(t, "deleted with another's seed", v.Delete(t.Context(), seed), vaultclient.ErrManagement)
	must(t, v.Delete(t.Context(), seed2))
	_, err = v.Recover(t.Context(), password)
	wantErr(t, "deleted", err, vaultclient.ErrNoAccount)
	wantErr(t, "deleted again", v.Delete(t.Context(), seed2), vaultclient.ErrNoAccount)
	_, err = v.State(t.Context())
	wantErr(t, "deleted", err, vaultclient.ErrNoAccount)
}

// waits holds what the app is told while a delay runs.
func waits(t *testing.T, open func(t *testing.T, card []byte) vaultclient.Vault) {
	v := open(t, nil)
	defer func() { must(t, v.Close()) }()
	_, err := v.SetPassword(t.Context(), vaultclient.NewPassword{Password: []byte("right"), Key: secret(), Seed: secret()})
	must(t, err)
	for range 3 {
		_, err := v.Recover(t.Context(), []byte("wrong"))
		wantErr(t, "wrong", err, vaults.ErrWrongPassword)
	}
	_, err = v.Recover(t.Context(), []byte("right"))
	var w *vaults.Error
	if !errors.As(err, &w) || !errors.Is(err, vaults.ErrWait) || time.Until(w.Until) < 50*time.Minute {
		t.Errorf("after three wrong ones: %v", err)
	}
	if s, err := v.State(t.Context()); err != nil || s.GuessesLeft != 7 || s.WaitUntil.IsZero() {
		t.Errorf("%+v %v", s, err)
	}
}

func local(uri string, create bool, delays ...time.Duration) func(t *testing.T, card []byte) vaultclient.Vault {
	dir := ""
	return func(t *testing.T, card []byte) vaultclient.Vault {
		t.Helper()
		if dir == "" {
			dir = t.TempDir()
		}
		p := vaultclient.Params{Card: card, Token: address(t, uri), Dir: dir, Create: create, Delays: delays}
		v, err := vaultclient.Open(t.Context(), p)
		must(t, err)
		return v
	}
}

func TestLocalOnSoftHSM(t *testing.T) {
	u := hsmtest.SoftHSM(t, "mine")
	suite(t, kind{open: local(u.String()+"&pin-source="+u.PINSource, true, 0)})
}

func TestLocalOnNSS(t *testing.T) {
	hsmtest.Alone(t, func(t *testing.T) {
		u := hsmtest.NSS(t)
		suite(t, kind{open: local(u.String()+"&pin-source="+u.PINSource, true, 0)})
	})
}

func TestLocalWaits(t *testing.T) {
	u := hsmtest.SoftHSM(t, "mine")
	waits(t, local(u.String()+"&pin-source="+u.PINSource, true, time.Hour))
}

func remote(d *vaultdtest.Vaultd) func(t *testing.T, card []byte) vaultclient.Vault {
	return func(t *testing.T, card []byte) vaultclient.Vault {
		t.Helper()
		if card == nil {
			card = d.Card()
		}
		v, err := vaultclient.Open(t.Context(), vaultclient.Params{Card: card})
		must(t, err)
		return v
	}
}

func served(t testing.TB, args ...string) *vaultdtest.Vaultd {
	t.Helper()
	d := vaultdtest.New(t, args...)
	if !d.Start() {
		t.Fatalf("vaultd does not serve:\n%s", d.Output())
	}
	return d
}

func TestRemote(t *testing.T) {
	d := served(t, "--guess-delays", "0")
	suite(t, kind{open: remote(d)})
	if code := d.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestRemoteWaits(t *testing.T) { waits(t, remote(served(t, "--guess-delays", "1h"))) }

// An account from a version before has another management key: it is found, the
// next password moves the account to its own key, and the old one manages nothing then.
func TestOlderManagementKeys(t *testing.T) {
	d := served(t, "--guess-delays", "0")
	v := remote(d)(t, nil)
	defer func() { must(t, v.Close()) }()
	key, old, own := secret(), secret(), secret()
	seeds := func(publicKey, account []byte) (seed, previous []byte) {
		if len(publicKey) != 33 || len(account) != 32 {
			t.Errorf("seeds for %d and %d bytes", len(publicKey), len(account))
		}
		return bytes.Clone(own), bytes.Clone(old)
	}
	_, err := v.SetPassword(t.Context(), vaultclient.NewPassword{Password: []byte("one"), Key: key, Seed: old})
	must(t, err)
	_, err = v.SetPassword(t.Context(), vaultclient.NewPassword{Password: []byte("two"), Key: key, SeedsOf: seeds})
	must(t, err)
	_, err = v.SetPassword(t.Context(), vaultclient.NewPassword{Password: []byte("three"), Key: key, Seed: old})
	wantErr(t, "the old key", err, vaultclient.ErrManagement)
	_, err = v.SetPassword(t.Context(), vaultclient.NewPassword{Password: []byte("four"), Key: key, SeedsOf: seeds})
	must(t, err)
	wantErr(t, "the old key", v.Delete(t.Context(), old), vaultclient.ErrManagement)
	must(t, v.Delete(t.Context(), own, old))

	// One that was never moved is deleted by its old key.
	w := remote(d)(t, nil)
	defer func() { must(t, w.Close()) }()
	_, err = w.SetPassword(t.Context(), vaultclient.NewPassword{Password: []byte("one"), Key: key, Seed: old})
	must(t, err)
	must(t, w.Delete(t.Context(), own, old))
	// A new one is never signed with a key that others may know.
	x := remote(d)(t, nil)
	defer func() { must(t, x.Close()) }()
	_, err = x.SetPassword(t.Context(), vaultclient.NewPassword{Password: []byte("one"), Key: key, SeedsOf: seeds})
	must(t, err)
	wantErr(t, "the old key", x.Delete(t.Context(), old), vaultclient.ErrManagement)
}
