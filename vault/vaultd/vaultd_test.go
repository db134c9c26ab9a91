//go:build unix

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/holdfast-backup/holdfast/vault"
	cards "github.com/holdfast-backup/holdfast/vault/card"
	"github.com/holdfast-backup/holdfast/vault/hsm/hsmtest"
	"github.com/holdfast-backup/holdfast/vault/vaultd/vaultdtest"
	"github.com/holdfast-backup/holdfast/vaultclient"
)

func served(t *testing.T, args ...string) *vaultdtest.Vaultd {
	t.Helper()
	d := vaultdtest.New(t, args...)
	startIt(t, d)
	return d
}

func startIt(t *testing.T, d *vaultdtest.Vaultd) {
	t.Helper()
	if !d.Start() {
		t.Fatalf("vaultd does not serve:\n%s", d.Output())
	}
}

func wantFailure(t *testing.T, d *vaultdtest.Vaultd, code int, says, command string, args ...string) {
	t.Helper()
	stdout, stderr, got := d.Run(command, args...)
	if got != code || !strings.Contains(stderr, says) {
		t.Errorf("vaultd %s %v: exit code %d, not %d; it must say %q:\n%s%s", command, args, got, code, says, stdout, stderr)
	}
}

func TestUsage(t *testing.T) {
	d := vaultdtest.New(t)
	wantFailure(t, d, 1, "not overwritten", "init")
	other := *d
	other.Data += "2"
	wantFailure(t, &other, 1, "has vault keys already", "init")
	wantFailure(t, &other, 1, "no vault's folder", "serve", "--listen", "127.0.0.1:0", "--dev-tls")
	wantFailure(t, d, 2, "--listen", "serve", "--dev-tls")
	wantFailure(t, d, 2, "--tls-cert", "serve", "--listen", "127.0.0.1:0")
	wantFailure(t, d, 2, "duration", "serve", "--listen", "127.0.0.1:0", "--dev-tls", "--guess-delays", "x")
	wantFailure(t, d, 2, "rate-address", "serve", "--listen", "127.0.0.1:0", "--dev-tls", "--rate-address", "x")
	wantFailure(t, d, 2, "unknown flag", "serve", "--more")
	wantFailure(t, d, 2, "not expected", "status", "more")
	wantFailure(t, d, 2, "unknown command", "more")
	wantFailure(t, d, 2, "https://", "card", "--url", "http://x")
	wantFailure(t, d, 2, "--out", "backup")
	wantFailure(t, d, 1, "exists", "restore", "--from", "x")
	other = *d
	other.HSM = "pkcs11:token=none"
	wantFailure(t, &other, 1, "not there", "status")
	other.HSM = "token"
	wantFailure(t, &other, 2, "PKCS#11 URI", "status")
}

func TestCardAndTLS(t *testing.T) {
	d := served(t)
	card, err := cards.Parse(d.Card())
	must(t, err)
	if card.URL != cards.URL("https://"+d.Addr) || card.Suite != 1 || len(card.Certificate) == 0 || len(card.Account) != 0 {
		t.Errorf("%+v", card)
	}
	plain, err := cards.Parse([]byte(d.Must("card", "--url", "https://vault.example", "--name", "Example")))
	must(t, err)
	if plain.Name != "Example" || len(plain.Certificate) != 0 || !bytes.Equal(plain.PublicKey, card.PublicKey) {
		t.Errorf("%+v", plain)
	}
	for version, ok := range map[uint16]bool{tls.VersionTLS12: false, tls.VersionTLS13: true} {
		c, err := tls.Dial("tcp", d.Addr, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12, MaxVersion: version})
		if (err == nil) != ok {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			must(t, c.Close())
		}
	}
}

func TestConfigurationFile(t *testing.T) {
	d := vaultdtest.New(t)
	file := filepath.Join(t.TempDir(), "vaultd.conf")
	must(t, os.WriteFile(file, []byte("# a comment\nname = From the file\nguess-delays = 0\nopen-registration = true\nmetrics = 127.0.0.1:0\n\nlog-level = debug\nlisten = 192.0.2.1:1\n"), 0o600))
	d.Args = []string{"--config", file}
	startIt(t, d)
	p := newPerson(t, d)
	must(t, p.register("right"))
	for range 5 {
		if _, err := p.guess("wrong"); !errors.Is(err, errWrong) {
			t.Fatal(err)
		}
	}
	_, at, ok := strings.Cut(d.Output(), "metrics on ")
	if !ok {
		t.Fatalf("%s", d.Output())
	}
	r, err := http.Get(strings.Fields(at)[0])
	must(t, err)
	defer r.Body.Close() //nolint:errcheck // a test's
	text, err := io.ReadAll(r.Body)
	if err != nil || !strings.Contains(string(text), "holdfast_vault_guesses_total 5\n") {
		t.Errorf("%v %s", err, text)
	}
	if !strings.Contains(d.Output(), "level=DEBUG") {
		t.Error("log-level is not taken")
	}
	for text, says := range map[string]string{"more = 1\n": "line 1", "sessions = many\n": "line 1", "json = true\n": "json",
		"\nname\n": "line 2"} {
		must(t, os.WriteFile(file, []byte(text), 0o600))
		wantFailure(t, d, 2, says, "status", "--config", file)
	}
}

type statusReport struct {
	Running, Ready bool
	Accounts       int
	CommitNumber   int `json:"commit_number"`
	StorageKey     int `json:"storage_key"`
}

func askStatus(t *testing.T, d *vaultdtest.Vaultd) (r statusReport) {
	t.Helper()
	must(t, json.Unmarshal([]byte(d.Must("status", "--json")), &r))
	return r
}

// Status, rotation and backup reach a running vaultd and a stopped one alike.
func TestOperatorsCommands(t *testing.T) {
	d := served(t, "--guess-delays", "0")
	p := newPerson(t, d)
	must(t, p.register("right"))
	works := func() {
		t.Helper()
		if _, err := p.guess("right"); err != nil {
			t.Errorf("the right password: %v", err)
		}
	}
	if r := askStatus(t, d); !r.Running || !r.Ready || r.Accounts != 1 || r.StorageKey != 1 {
		t.Errorf("%+v", r)
	}
	dir := t.TempDir()
	backup := func(name string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		d.Must("backup", "--out", path)
		return path
	}
	first := backup("first")
	if info, err := os.Stat(first); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	wantFailure(t, d, 1, "exists", "backup", "--out", first)
	if out := d.Must("rotate"); !strings.Contains(out, "1 accounts") {
		t.Error(out)
	}
	works()
	wantFailure(t, d, 1, "has the store open", "restore", "--from", filepath.Join(d.Data, "store.db"), "--data", filepath.Join(dir, "x"))
	second := backup("second")
	works()
	if code := d.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if r := askStatus(t, d); r.Running || r.Accounts != 1 || r.StorageKey != 2 {
		t.Errorf("%+v", r)
	}
	d.Must("rotate")
	third := backup("third")
	if r := askStatus(t, d); r.StorageKey != 3 {
		t.Errorf("%+v", r)
	}

	// The disk is lost.
	must(t, os.Remove(filepath.Join(d.Data, "store.db")))
	wantFailure(t, d, 1, "no store.db", "serve", "--listen", "127.0.0.1:0", "--dev-tls")
	wantFailure(t, d, 1, "sealed under storage key", "restore", "--from", first, "--lock-accounts")
	wantFailure(t, d, 1, "sealed under storage key", "restore", "--from", second, "--lock-accounts")
	d.Must("restore", "--from", third)
	startIt(t, d)
	works()
	must(t, os.WriteFile(filepath.Join(dir, "older"), read(t, third), 0o600))
	d.Kill()
	must(t, os.Remove(filepath.Join(d.Data, "store.db")))
	wantFailure(t, d, 1, "--lock-accounts", "restore", "--from", third)
	if out := d.Must("restore", "--from", third, "--lock-accounts"); !strings.Contains(out, "no password in it works any more") {
		t.Error(out)
	}
	startIt(t, d)
	if a, err := p.account(); err != nil || a.Reason != vault.ReasonRestored {
		t.Errorf("%+v %v", a, err)
	}
	must(t, p.register("right"))
	works()
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return b
}

// An older copy of the store is refused at start, with a sentence.
func TestOlderStoreIsRefused(t *testing.T) {
	d := served(t, "--guess-delays", "0")
	p := newPerson(t, d)
	must(t, p.register("right"))
	if code := d.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	store := filepath.Join(d.Data, "store.db")
	before := read(t, store)
	startIt(t, d)
	for range 3 {
		if _, err := p.guess("wrong"); !errors.Is(err, errWrong) {
			t.Fatal(err)
		}
	}
	d.Kill()
	now := read(t, store)
	must(t, os.WriteFile(store, before, 0o600))
	if d.Start() {
		t.Fatal("an older store is served")
	}
	if out := d.Output(); !strings.Contains(out, "the store is older than the token's anchor") || !strings.Contains(out, "Restoring") {
		t.Errorf("%s", out)
	}
	must(t, os.WriteFile(store, now, 0o600))
	startIt(t, d)
	if a, err := p.account(); err != nil || a.GuessesLeft != 7 {
		t.Errorf("%+v %v", a, err)
	}
}

// Planted secrets are nowhere: not in logs at the most talkative level, errors, argv, environment, the data folder,
// a trace of all goroutines; and there are no core dumps.
func TestSecretsAreNowhere(t *testing.T) {
	dir := t.TempDir()
	enrolment := filepath.Join(dir, "enrolment")
	must(t, os.WriteFile(enrolment, []byte("planted-enrolment-token\n"), 0o600))
	d := served(t, "--guess-delays", "0", "--log-level", "debug", "--enrolment-token-file", enrolment)
	plants := map[string][]byte{"PIN": []byte(hsmtest.PIN), "enrolment token": []byte("planted-enrolment-token"),
		"password":   []byte("planted-password"),
		"backup key": bytes.Repeat([]byte("planted-key!"), 3)[:32], "seed": bytes.Repeat([]byte("planted-seed"), 3)[:32]}
	v, err := vaultclient.Open(t.Context(), vaultclient.Params{Card: d.Card(), EnrolmentToken: plants["enrolment token"]})
	must(t, err)
	defer func() { must(t, v.Close()) }()
	var said strings.Builder
	card, err := v.SetPassword(t.Context(),
		vaultclient.NewPassword{Password: plants["password"], Key: plants["backup key"], Seed: plants["seed"]})
	must(t, err)
	parsed, err := cards.Parse(card)
	must(t, err)
	plants["account id"] = parsed.Account
	_, err = v.Recover(t.Context(), []byte("planted-wrong-password"))
	fmt.Fprintln(&said, err)
	plants["wrong password"] = []byte("planted-wrong-password")
	fmt.Fprintln(&said, v.Delete(t.Context(), plants["backup key"]))
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = v.Recover(cancelled, plants["password"])
	fmt.Fprintln(&said, err)

	places := map[string][]byte{"errors": []byte(said.String())}
	if runtime.GOOS == "linux" {
		proc := fmt.Sprintf("/proc/%d/", d.PID())
		places["argv"], places["environment"] = read(t, proc+"cmdline"), read(t, proc+"environ")
		if limits := string(read(t, proc+"limits")); !strings.Contains(strings.Join(strings.Fields(limits), " "), "Max core file size 0 0") {
			t.Errorf("core dumps are possible:\n%s", limits)
		}
	}
	must(t, syscall.Kill(d.PID(), syscall.SIGQUIT)) // Go writes all goroutines to the log
	d.Wait()
	places["log and trace"] = []byte(d.Output())
	if !strings.Contains(d.Output(), "goroutine ") || !strings.Contains(d.Output(), "route=") {
		t.Errorf("there is no trace or no log to look at: %s", d.Output())
	}
	must(t, filepath.WalkDir(d.Data, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			places[path] = read(t, path)
		}
		return err
	}))
	for what, secret := range plants {
		for _, form := range [][]byte{secret, []byte(hex.EncodeToString(secret)), []byte(base64.StdEncoding.EncodeToString(secret)),
			[]byte(base64.RawURLEncoding.EncodeToString(secret))} {
			for place, text := range places {
				if bytes.Contains(text, form) {
					t.Errorf("the %s is in the %s", what, place)
				}
			}
		}
	}
	if _, err := os.Stat(filepath.Join(d.Data, "store.db")); err != nil {
		t.Error(err)
	}
}
