package vaultclient_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/holdfast-backup/holdfast/core/vaults"
	cards "github.com/holdfast-backup/holdfast/vault/card"
	"github.com/holdfast-backup/holdfast/vault/hsm/hsmtest"
	"github.com/holdfast-backup/holdfast/vaultclient"
)

// The software token that the app offers: made once, found again, and its
// accounts on the token itself.
func TestSoftwareToken(t *testing.T) {
	hsmtest.SoftHSM(t, "another") // sets the environment back at the end
	dir := t.TempDir() + "/token"
	uri, err := vaultclient.SoftwareToken(dir)
	must(t, err)
	open := func(card string) vaultclient.Vault {
		t.Helper()
		v, err := vaultclient.Open(t.Context(), vaultclient.Params{Token: address(t, card), Dir: t.TempDir(), Create: true})
		must(t, err)
		return v
	}
	key, seed := secret(), secret()
	v := open(uri)
	card, err := v.SetPassword(t.Context(), vaultclient.NewPassword{Password: []byte("pw"), Key: key, Seed: seed})
	must(t, err)
	must(t, v.Close())
	again, err := vaultclient.SoftwareToken(dir)
	if err != nil || again != uri {
		t.Fatalf("%s, %v", again, err)
	}
	_, err = vaultclient.Open(t.Context(), vaultclient.Params{Card: card, Dir: t.TempDir()})
	wantErr(t, "the card alone", err, vaults.ErrNoPIN)
	parsed, err := cards.Parse(card)
	must(t, err)
	// A crash while SoftHSM writes down that somebody logged in.
	files, err := filepath.Glob(dir + "/tokens/*/token.object")
	if err != nil || len(files) != 1 {
		t.Fatalf("%q %v", files, err)
	}
	must(t, os.Truncate(files[0], 0))
	_, err = vaultclient.SoftwareToken(dir)
	must(t, err)
	v = open(uri) // another folder: all is on the token
	defer func() { must(t, v.Close()) }()
	if other, err := cards.Parse(v.Card()); err != nil || !bytes.Equal(other.PublicKey, parsed.PublicKey) {
		t.Error("another vault")
	}
	if info, err := os.Stat(dir + "/pin"); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(err)
	}
	found := false
	for _, token := range vaultclient.Tokens() {
		found = found || token.Label == "Holdfast"
	}
	if !found {
		t.Error("the token is not listed")
	}
	if lacks, err := vaultclient.Probe(t.Context(), uri, nil); err != nil || len(lacks) > 0 {
		t.Errorf("%v %v", lacks, err)
	}
}

func TestLocalErrors(t *testing.T) {
	u := hsmtest.SoftHSM(t, "mine")
	full := u.String() + "&pin-source=" + u.PINSource
	try := func(p vaultclient.Params) error {
		p.Dir = t.TempDir()
		v, err := vaultclient.Open(t.Context(), p)
		if err == nil {
			must(t, v.Close())
		}
		return err
	}
	wantErr(t, "no keys", try(vaultclient.Params{Token: address(t, full)}), vaultclient.ErrNoKeys)
	must(t, try(vaultclient.Params{Token: address(t, full), Create: true}))
	must(t, try(vaultclient.Params{Token: address(t, full)}))
	wantErr(t, "no PIN", try(vaultclient.Params{Token: address(t, u.String())}), vaults.ErrNoPIN)
	wantErr(t, "wrong PIN", try(vaultclient.Params{Token: address(t, u.String()+"&pin-value=0000")}), vaults.ErrPIN)
	wantErr(t, "no such token", try(vaultclient.Params{Token: address(t, "pkcs11:token=none?module-path="+u.ModulePath)}),
		vaults.ErrUnreachable)
	wantErr(t, "no card", try(vaultclient.Params{Card: []byte("pkcs11:token=mine")}), vaults.ErrCard)
	for _, bad := range []string{"", "{}", "[]", `{"version":1}`, `{"version":1,"name":"x","url":"http://x","suite":1,"public_key":"AA=="}`} {
		wantErr(t, bad, try(vaultclient.Params{Card: []byte(bad)}), vaults.ErrCard)
	}
	wantErr(t, "version 2", try(vaultclient.Params{Card: []byte(`{"version":2,"vaults":[]}`)}), vaultclient.ErrNewerCard)
}

// An older copy of the file with the accounts of a local vault is refused.
func TestLocalRollback(t *testing.T) {
	hsmtest.Alone(t, func(t *testing.T) {
		u := hsmtest.NSS(t) // keeps no data objects, so the accounts are in a file
		dir := t.TempDir()
		v, err := vaultclient.Open(t.Context(),
			vaultclient.Params{Token: address(t, u.String()+"&pin-source="+u.PINSource), Dir: dir, Create: true, Delays: nil})
		must(t, err)
		defer func() { must(t, v.Close()) }()
		_, err = v.SetPassword(t.Context(), vaultclient.NewPassword{Password: []byte("right"), Key: secret(), Seed: secret()})
		must(t, err)
		entries, err := os.ReadDir(dir)
		must(t, err)
		path := ""
		for _, e := range entries {
			if len(e.Name()) > 3 && e.Name()[len(e.Name())-3:] == ".db" {
				path = dir + "/" + e.Name()
			}
		}
		before, err := os.ReadFile(path)
		must(t, err)
		_, err = v.Recover(t.Context(), []byte("wrong"))
		wantErr(t, "wrong", err, vaults.ErrWrongPassword)
		must(t, os.WriteFile(path, before, 0o600))
		_, err = v.State(t.Context())
		wantErr(t, "the older copy", err, vaultclient.ErrStore)
	})
}

// address reads what a person typed.
func address(t *testing.T, text string) *cards.Address {
	t.Helper()
	a, err := cards.ParseAddress(text)
	must(t, err)
	return a
}

func writeFile(path, text string) error { return os.WriteFile(path, []byte(text), 0o600) }

// Two processes of a person use one token at the same time: each guess counts.
func TestTwoAtOnce(t *testing.T) {
	u := hsmtest.SoftHSM(t, "mine")
	open := local(u.String()+"&pin-source="+u.PINSource, true, 0)
	first := open(t, nil)
	defer func() { must(t, first.Close()) }()
	card, err := first.SetPassword(t.Context(), vaultclient.NewPassword{Password: []byte("right"), Key: secret(), Seed: secret()})
	must(t, err)
	second := open(t, card)
	defer func() { must(t, second.Close()) }()
	var group sync.WaitGroup
	for _, v := range []vaultclient.Vault{first, second} {
		group.Go(func() {
			for range 2 {
				if _, err := v.Recover(t.Context(), []byte("wrong")); !errors.Is(err, vaults.ErrWrongPassword) {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if s, err := second.State(t.Context()); err != nil || s.GuessesLeft != 6 {
		t.Errorf("%+v %v", s, err)
	}
}

// The window asks how the account stands while a guess is under way: each finds the software token.
func TestSoftwareTokenAtOnce(t *testing.T) {
	hsmtest.SoftHSM(t, "another") // sets the environment back at the end
	dir, store := t.TempDir()+"/token", t.TempDir()
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 10 {
				uri, err := vaultclient.SoftwareToken(dir)
				if err != nil {
					t.Error(err)
					return
				}
				v, err := vaultclient.Open(t.Context(), vaultclient.Params{Token: address(t, uri), Dir: store, Create: true})
				if err != nil {
					t.Error(err)
					return
				}
				if err := v.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}
