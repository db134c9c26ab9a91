package core_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/filetest"
)

// One password is the same from every keyboard, whatever its accents are made of, and from a file with a byte order mark.
func TestAPasswordIsOneFromEveryKeyboard(t *testing.T) {
	ctx := context.Background()
	const composed, decomposed = "L\u00e4rm im Gew\u00f6lbe", "La\u0308rm im Gewo\u0308lbe"
	c, v := newComputer(t), &rightVault{}
	c.params.Vaults = v
	filetest.Write(t, filepath.Join(c.src, "a.txt"), []byte("text"))
	c.setup(newKey(t))
	c.backup()
	open := func(password string) error {
		req := core.PasswordRequest{Password: []byte(password), Vault: v.typed(t)}
		r, err := core.Elsewhere{Vaults: v}.OpenReaderWithPassword(ctx, c.dest, req)
		if err == nil {
			err = r.Close()
		}
		return err
	}
	for _, set := range []string{composed, decomposed, "\ufeff" + decomposed} {
		c.must(func(a *core.App) error {
			return a.Passwords().Set(ctx, core.PasswordRequest{Password: []byte(set), Vault: v.typed(t)})
		})
		for _, typed := range []string{composed, decomposed, "\ufeff" + composed} {
			if err := open(typed); err != nil {
				t.Errorf("set as %q, typed as %q: %v", set, typed, err)
			}
		}
		if err := open("Larm im Gewolbe"); !errors.Is(err, core.ErrWrongPassword) {
			t.Errorf("another password: %v", err)
		}
	}
	// An account of a version before counts what was typed, and its card says nothing.
	var head struct {
		Card struct {
			Version  int
			Password string
			Account  []byte
		} `json:"vault_card"`
	}
	b, err := os.ReadFile(filepath.Join(c.dest, "holdfast.json"))
	if err == nil {
		err = json.Unmarshal(b, &head)
	}
	if err != nil || head.Card.Version != 2 || head.Card.Password != "nfc" {
		t.Fatalf("%+v, %v", head, err)
	}
	old := v.place()
	old.Account = head.Card.Account
	a := v.accounts[string(old.Account)]
	v.accounts[string(old.Account)] = account{[]byte(decomposed), a.key}
	given, err := core.ParseVault(string(old.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	for typed, want := range map[string]error{decomposed: nil, composed: core.ErrWrongPassword} {
		r, err := core.Elsewhere{Vaults: v}.OpenReaderWithPassword(ctx, c.dest, core.PasswordRequest{Password: []byte(typed), Vault: given})
		if !errors.Is(err, want) {
			t.Errorf("an account of before, typed as %q: %v", typed, err)
		}
		if err == nil {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
