//go:build unix

package main

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core/vaults"
	cards "github.com/holdfast-backup/holdfast/vault/card"
	"github.com/holdfast-backup/holdfast/vault/vaultd/vaultdtest"
	"github.com/holdfast-backup/holdfast/vaultclient"
)

const sharedVectors = "../../docs/shared-vault-vectors.json"

// recording is what docs/rescue/shared_vault.py recovers a key from: the client's randomness and the vaults' messages.
type recording struct {
	BackupKey string        `json:"backup_key,omitempty"`
	Password  string        `json:"password_typed"`
	Sets      []recordedSet `json:"sets"`
}

type recordedSet struct {
	Name   string `json:"name"`
	Card   string `json:"card"`
	Vaults []struct {
		Recovery struct {
			Blind    string `json:"blind"`
			Nonce    string `json:"client_nonce"`
			Keyshare string `json:"client_keyshare_seed"`
			KE2      string `json:"ke2"`
			Released string `json:"released"`
		} `json:"recovery"`
	} `json:"vaults"`
}

// A client in another language, from the text alone, gives all values of the vectors, and the key from messages
// alone: what is secret in the vectors is not in the file that it is given.
func TestSharedClientFromTheTextAlone(t *testing.T) {
	p := python{t, t.TempDir()}
	shared := func(code int, says string, args ...string) string {
		t.Helper()
		out, problems := p.program("shared_vault.py", code, says, args...)
		return out + problems
	}
	shared(0, "529 values", "vector", sharedVectors)

	load := func() (r recording, key string) {
		must(t, json.Unmarshal(read(t, sharedVectors), &r))
		key, r.BackupKey = r.BackupKey, ""
		return r, key
	}
	save := func(r recording) string {
		text, err := json.Marshal(r)
		must(t, err)
		return p.file("recorded.json", string(text))
	}
	flip := func(s *string, at int) {
		b, err := hex.DecodeString(*s)
		must(t, err)
		b[at] ^= 1
		*s = hex.EncodeToString(b)
	}
	r, key := load()
	if got := shared(0, "", "recorded", sharedVectors); strings.Count(got, key) != len(r.Sets) || len(r.Sets) < 6 {
		t.Errorf("from the vectors:\n%s", got)
	}
	if got := shared(0, "", "recorded", save(r)); strings.Count(got, key) != len(r.Sets) || strings.Contains(got, ";") {
		t.Errorf("from the messages:\n%s", got)
	}
	// of leaves one set, and gives it.
	of := func(r *recording, name string) *recordedSet {
		r.Sets = slices.DeleteFunc(r.Sets, func(s recordedSet) bool { return s.Name != name })
		if len(r.Sets) != 1 {
			t.Fatalf("the vectors have no set %q", name)
		}
		return &r.Sets[0]
	}
	for says, change := range map[string]func(r *recording){
		"2 of 3; Vault B: does not answer\n":       func(r *recording) { of(r, "2 of 3").Vaults[1].Recovery.KE2 = "" },
		"2 of 3; Vault A: gives a wrong record\n":  func(r *recording) { flip(&of(r, "2 of 3").Vaults[0].Recovery.KE2, 70) },
		"3 of 5; Vault D: does not prove that":     func(r *recording) { flip(&of(r, "3 of 5").Vaults[3].Recovery.KE2, 258) },
		"3 of 5; Vault E: does not prove that it ": func(r *recording) { flip(&of(r, "3 of 5").Vaults[4].Recovery.Released, 60) },
	} {
		r, _ := load()
		change(&r)
		if got := shared(0, says, "recorded", save(r)); !strings.HasPrefix(got, key) {
			t.Errorf("%s:\n%s", says, got)
		}
	}
	r, _ = load()
	of(&r, "2 of 3")
	r.Password = hex.EncodeToString([]byte("another"))
	shared(4, "the password is not right", "recorded", save(r))
	r, _ = load()
	set := of(&r, "2 of 3")
	set.Vaults[0].Recovery.KE2, set.Vaults[2].Recovery.KE2 = "", ""
	shared(1, "2 vaults are needed: Vault A: does not answer; Vault C: does not answer", "recorded", save(r))
}

// threeVaults are three vaultd, and the card of a password that the app shares over them.
type threeVaults struct {
	t      *testing.T
	vaults []*vaultdtest.Vaultd
	key    []byte
	card   []byte
	// kept is called when a card was kept.
	kept func()
}

func (v *threeVaults) derived(info string) []byte {
	b, err := hkdf.Key(sha256.New, v.key, nil, info, 32)
	must(v.t, err)
	return b
}

// set is the app's way to set a password; name is a vault's.
func (v *threeVaults) set(password string, threshold int) error {
	n := vaultclient.NewShared{Password: []byte(password), Key: v.key, CardSeed: v.derived("holdfast backupkey shared-vault-card v1"),
		Threshold: threshold}
	n.Seeds = func(public, account []byte) (seed, previous []byte) {
		return seedOf(v.key, public, account), v.derived("holdfast backupkey vault-management v1")
	}
	n.Keep = func(_ context.Context, _, card []byte) error {
		v.card = card
		v.kept()
		return nil
	}
	for i, d := range v.vaults {
		c, err := cards.Parse(d.Card())
		must(v.t, err)
		c.Name = "Vault " + string('A'+rune(i))
		m, err := cards.MemberOf(c, nil)
		must(v.t, err)
		n.Vaults = append(n.Vaults, m)
	}
	_, err := vaultclient.SetShared(v.t.Context(), v.card, openMember, n)
	return err
}

// header has the client read the card from the header of a backup, which anybody may have written.
func (v *threeVaults) header(p python, password string) {
	v.t.Helper()
	id := v.derived("holdfast backupkey key-id v1")[:8]
	for _, keyID := range [][]byte{id, make([]byte, 8)} {
		text, err := json.Marshal(map[string]any{"format": "holdfast-backup", "version": 2, "protection": "key",
			"key_id": hex.EncodeToString(keyID), "vault_card": json.RawMessage(v.card)})
		must(v.t, err)
		header := p.file("holdfast.json", string(text))
		p.program("shared_vault.py", 1, "none was contacted", "recover", "--card", header, "--password-in", password)
		if !bytes.Equal(keyID, id) {
			p.program("shared_vault.py", 1, "no vault gave the key", "recover", "--card", header, "--password-in", password, "--agree")
		} else if out, _ := p.program("shared_vault.py", 0, "", "recover", "--card", header, "--password-in", password, "--agree"); out !=
			hex.EncodeToString(v.key)+"\n" {
			v.t.Errorf("from a header: %q", out)
		}
	}
}

// alone is the card of one of the vaults with its account, as if it were the only one.
func (v *threeVaults) alone(i int) []byte {
	s, err := cards.ParseShared(v.card)
	must(v.t, err)
	c, err := cards.Parse(v.vaults[i].Card())
	must(v.t, err)
	c.Account = s.Set.Vaults[i].Account(s.Key)
	return c.Encode()
}

func openMember(ctx context.Context, m cards.Member, card []byte) (vaultclient.Vault, error) {
	return vaultclient.Open(ctx, vaultclient.Params{Card: card, SPKI: m.SPKI})
}

// The client from the text alone recovers what the app has set at real vaults: all there, one killed, one that holds
// something else, from a header, with a wrong password, and in the middle of a change.
func TestSharedClientAtRealVaults(t *testing.T) {
	p := python{t, t.TempDir()}
	v := &threeVaults{t: t, key: make([]byte, 32), kept: func() {}}
	_, _ = rand.Read(v.key)
	for range 3 {
		v.vaults = append(v.vaults, served(t, "--guess-delays", "0", "--rate-address", "0", "--rate-account", "0"))
	}
	must(t, v.set("Gr\u00fc\u00dfe", 2))
	right, wrong, newer := p.file("right", "Gru\u0308\u00dfe\n"), p.file("wrong", "another one\n"), p.file("newer", "a newer one\n")
	// recovers is what the client makes of a password at the card of now, and what it must say besides.
	recovers := func(password, says string) {
		t.Helper()
		card := p.file("card.json", string(v.card))
		out, problems := p.program("shared_vault.py", 0, says, "recover", "--card", card, "--password-in", password)
		if out != hex.EncodeToString(v.key)+"\n" || says == "" && problems != "" {
			t.Errorf("it gives %q and says %q", out, problems)
		}
	}
	refuses := func(code int, password, says string) {
		t.Helper()
		card := p.file("card.json", string(v.card))
		out, _ := p.program("shared_vault.py", code, says, "recover", "--card", card, "--password-in", password)
		if out != "" {
			t.Errorf("it gives %q", out)
		}
	}
	recovers(right, "")
	refuses(4, wrong, "9 guesses left")
	refuses(4, wrong, "8 guesses left")
	recovers(right, "")
	p.program("shared_vault.py", 0, "2 of 3  Vault C  https://", "show", "--card", p.file("card.json", string(v.card)))
	v.header(p, right)

	v.vaults[1].Kill()
	recovers(right, "Vault B: does not answer")
	refuses(4, wrong, "9 guesses left; Vault B: does not answer")
	recovers(right, "Vault B: does not answer")
	v.vaults[2].Kill()
	refuses(1, right, "2 vaults are needed: Vault B: does not answer; Vault C: does not answer")
	startIt(t, v.vaults[1])
	startIt(t, v.vaults[2])
	recovers(right, "")

	first := v.card

	// The second vault dies while the password is changed: the first has moved, and both passwords open.
	v.kept = func() { v.vaults[1].Kill() }
	if err := v.set("a newer one", 2); !errors.Is(err, vaults.ErrUnreachable) {
		t.Fatalf("a change with a vault that died: %v", err)
	}
	v.kept = func() {}
	startIt(t, v.vaults[1])
	recovers(newer, "")
	recovers(right, "Vault A: holds another registration")
	refuses(4, wrong, "guesses left")
	must(t, v.set("a newer one", 2))
	recovers(newer, "")
	refuses(4, right, "9 guesses left")
	recovers(newer, "")
	now := v.card
	v.card = first
	refuses(1, right, "this place shows an older state of the password")
	v.card = now
	recovers(newer, "")

	// Somebody with the key sets another password at one vault alone.
	card := p.file("one.json", string(v.alone(2)))
	p.run(0, "account", "change", "--card", card, "--password-in", wrong, "--key-in", p.file("key", hex.EncodeToString(v.key)))
	recovers(newer, "Vault C: holds another registration")
	p.run(0, "", "delete", "--card", card, "--key-in", p.file("key", hex.EncodeToString(v.key)))
	recovers(newer, "Vault C: does not know the account")
	for range 9 {
		s, err := vaultclient.OpenShared(v.card, openMember)
		must(t, err)
		if _, err := s.Recover(t.Context(), []byte("another one"), nil); !errors.Is(err, vaults.ErrWrongPassword) {
			t.Fatal(err)
		}
	}
	refuses(5, wrong, "0 guesses left")
	refuses(5, newer, "has destroyed the account")
}
