//go:build unix

package main

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core/vaults"
	"github.com/holdfast-backup/holdfast/vaultclient"
)

// python runs docs/rescue/vault_client.py, which was written from docs/vault-protocol.md alone.
type python struct {
	t   *testing.T
	dir string
}

func (p python) file(name, text string) string {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	must(p.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func (p python) run(code int, says string, args ...string) string {
	p.t.Helper()
	out, _ := p.program("vault_client.py", code, says, args...)
	return out
}

// program runs one of docs/rescue, and gives what it writes to both streams.
func (p python) program(name string, code int, says string, args ...string) (string, string) {
	p.t.Helper()
	cmd := exec.Command("python3", append([]string{"-B", "../../docs/rescue/" + name}, args...)...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		p.t.Fatalf("python3, with cryptography and perhaps argon2, is needed: %v", err)
	}
	if got := cmd.ProcessState.ExitCode(); got != code || !strings.Contains(out.String()+problems.String(), says) {
		p.t.Fatalf("%v: exit code %d, not %d; it must say %q\n%s%s", args, got, code, says, out.String(), problems.String())
	}
	return out.String(), problems.String()
}

// seedOf is the derivation of the management key's seed that the protocol's text gives.
func seedOf(key, public, account []byte) []byte {
	seed, err := hkdf.Key(sha256.New, key, append(bytes.Clone(public), account...), "holdfast backupkey vault-account v1", 32)
	if err != nil {
		panic(err)
	}
	return seed
}

// A client in another language, from the text alone, and the app's client understand each other in every way.
func TestClientFromTheTextAlone(t *testing.T) {
	p := python{t, t.TempDir()}
	p.run(0, "16 values", "vector", "../../docs/vault-vector.json")
	token := p.file("token", "planted-enrolment\n")
	d := served(t, "--guess-delays", "0", "--enrolment-token-file", token)
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	fresh := p.file("fresh.json", string(d.Card()))
	first, second, keyFile := p.file("first", "Gr\u00fc\u00dfe\n"), p.file("second", "another one\n"),
		p.file("key", hex.EncodeToString(key)+"\n")

	p.run(1, "enrolment", "register", "--card", fresh, "--password-in", first, "--key-in", keyFile)
	card := p.file("card.json", p.run(0, "account", "register", "--card", fresh, "--password-in", first, "--key-in", keyFile, "--enrolment-in",
		token))
	p.run(0, hex.EncodeToString(key), "recover", "--card", card, "--password-in", first)
	p.run(4, "9 guesses left", "recover", "--card", card, "--password-in", second)
	p.run(0, `"guesses_left": 9`, "status", "--card", card)

	open := func() vaultclient.Vault {
		v, err := vaultclient.Open(t.Context(), vaultclient.Params{Card: read(t, card)})
		must(t, err)
		t.Cleanup(func() { _ = v.Close() })
		return v
	}
	app := open()
	if got, err := app.Recover(t.Context(), []byte("Gr\u00fc\u00dfe")); err != nil || !bytes.Equal(got, key) {
		t.Fatalf("the app at an account of the Python client: %v", err)
	}
	var named struct {
		PublicKey []byte `json:"public_key"`
		Account   []byte `json:"account"`
	}
	must(t, json.Unmarshal(read(t, card), &named))
	seed := seedOf(key, named.PublicKey, named.Account)
	_, err := app.SetPassword(t.Context(), vaultclient.NewPassword{Password: []byte("another one"), Key: key, Seed: seed})
	must(t, err)
	p.run(0, hex.EncodeToString(key), "recover", "--card", card, "--password-in", second)
	p.run(4, "guesses left", "recover", "--card", card, "--password-in", first)
	p.run(0, "account", "change", "--card", card, "--password-in", first, "--key-in", keyFile)
	if got, err := app.Recover(t.Context(), []byte("Gr\u00fc\u00dfe")); err != nil || !bytes.Equal(got, key) {
		t.Fatalf("the app after the Python client changed the password: %v", err)
	}
	other := p.file("other", strings.Repeat("00", 32))
	p.run(4, "signature", "change", "--card", card, "--password-in", second, "--key-in", other)
	p.run(4, "signature", "delete", "--card", card, "--key-in", other)
	p.run(0, "", "delete", "--card", card, "--key-in", keyFile)
	if _, err := app.State(t.Context()); !errors.Is(err, vaultclient.ErrNoAccount) {
		t.Errorf("after the Python client deleted the account: %v", err)
	}

	// An account of the app's first version, whose management key had another derivation.
	v, err := vaultclient.Open(t.Context(), vaultclient.Params{Card: d.Card(), EnrolmentToken: []byte("planted-enrolment")})
	must(t, err)
	defer v.Close() //nolint:errcheck // a test's
	old, err := hkdf.Key(sha256.New, key, nil, "holdfast backupkey vault-management v1", 32)
	must(t, err)
	made, err := v.SetPassword(t.Context(), vaultclient.NewPassword{Password: []byte("another one"), Key: key, Seed: old})
	must(t, err)
	card = p.file("made.json", string(made))
	p.run(0, hex.EncodeToString(key), "recover", "--card", card, "--password-in", second)
	p.run(0, "account", "change", "--card", card, "--password-in", first, "--key-in", keyFile)
	app, err = vaultclient.Open(t.Context(), vaultclient.Params{Card: read(t, card)})
	must(t, err)
	defer app.Close() //nolint:errcheck // a test's
	for range 9 {
		if _, err := app.Recover(t.Context(), []byte("wrong")); !errors.Is(err, vaults.ErrWrongPassword) {
			t.Fatal(err)
		}
	}
	p.run(5, "destroyed", "recover", "--card", card, "--password-in", second)
	p.run(5, "destroyed", "recover", "--card", card, "--password-in", first)
	p.run(0, "account", "change", "--card", card, "--password-in", second, "--key-in", keyFile) // the owner has the key
	p.run(0, "", "delete", "--card", card, "--key-in", keyFile)
}
