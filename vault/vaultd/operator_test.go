//go:build unix

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/holdfast-backup/holdfast/vault/api"
	"github.com/holdfast-backup/holdfast/vault/hsm/hsmtest"
	"github.com/holdfast-backup/holdfast/vault/vaultd/vaultdtest"
)

// The copy is never written to: also where the restore is refused, the copy is empty, damaged, or may only be read.
func TestRestoreOnlyReadsTheCopy(t *testing.T) {
	d := served(t, "--guess-delays", "0")
	p := newPerson(t, d)
	must(t, p.register("right"))
	dir := t.TempDir()
	copied := filepath.Join(dir, "copy")
	d.Must("backup", "--out", copied)
	whole := read(t, copied)
	must(t, os.Rename(filepath.Join(d.Data, "store.db"), filepath.Join(dir, "moved")))
	wantFailure(t, d, 1, "stop vaultd first", "restore", "--from", copied) // it serves the store that was moved away
	must(t, os.Rename(filepath.Join(dir, "moved"), filepath.Join(d.Data, "store.db")))
	if _, err := p.guess("wrong"); !errors.Is(err, errWrong) {
		t.Fatal(err)
	}
	d.Kill()
	must(t, os.Remove(filepath.Join(d.Data, "store.db")))
	must(t, os.Chmod(copied, 0o400))
	must(t, os.Chmod(dir, 0o500))
	defer func() { must(t, os.Chmod(dir, 0o700)) }()
	for _, c := range []struct {
		text []byte
		says string
	}{{whole, "--lock-accounts"}, {nil, "it is empty"}, {whole[:len(whole)/2], "damaged"},
		{[]byte(strings.Repeat("no store ", 2000)), "damaged"}} {
		must(t, os.Chmod(dir, 0o700))
		path := filepath.Join(dir, hex.EncodeToString([]byte(c.says)))
		must(t, os.WriteFile(path, c.text, 0o400))
		before := sha256.Sum256(c.text)
		must(t, os.Chmod(dir, 0o500))
		_, stderr, code := d.Run("restore", "--from", path)
		if code != 1 || !strings.Contains(stderr, c.says) || strings.Contains(stderr, "goroutine") {
			t.Errorf("exit code %d; it must say %q: %s", code, c.says, stderr)
		}
		if sha256.Sum256(read(t, path)) != before {
			t.Errorf("%s: the copy was changed", c.says)
		}
		if _, err := os.Stat(filepath.Join(d.Data, "store.db")); err == nil {
			t.Errorf("%s: there is a store", c.says)
		}
	}
	if out := d.Must("restore", "--from", copied, "--lock-accounts"); !strings.Contains(out, "all of them are locked") {
		t.Error(out)
	}
}

// A store that is damaged is refused at start, with a sentence and the exit code that keeps systemd from trying again.
func TestDamageHasASentence(t *testing.T) {
	d := served(t)
	d.Kill()
	store := filepath.Join(d.Data, "store.db")
	whole := read(t, store)
	for what, text := range map[string][]byte{"empty": nil, "cut": whole[:len(whole)/2+100], "zeros": make([]byte, len(whole))} {
		must(t, os.WriteFile(store, text, 0o600))
		for _, command := range []string{"status", "rotate"} {
			wantFailure(t, d, 1, "damaged", command)
		}
		_, stderr, code := d.Run("serve", "--listen", "127.0.0.1:0", "--dev-tls")
		if code != 3 || !strings.Contains(stderr, "the store's file is damaged") || strings.Contains(stderr, "goroutine") {
			t.Errorf("%s: exit code %d: %s", what, code, stderr)
		}
	}
	must(t, os.WriteFile(store, whole, 0o600))
	startIt(t, d)
}

// What starting again does not mend has an exit code of its own.
func TestExitCodes(t *testing.T) {
	d := vaultdtest.New(t)
	serve := []string{"--listen", "127.0.0.1:0", "--dev-tls"}
	_, pin, _ := strings.Cut(d.HSM, "pin-source=file:")
	right := read(t, pin)
	must(t, os.WriteFile(pin, []byte("wrong-pin"), 0o600))
	wantFailure(t, d, 3, "does not accept the PIN", "serve", serve...)
	must(t, os.WriteFile(pin, nil, 0o600))
	wantFailure(t, d, 3, "is empty", "serve", serve...)
	must(t, os.WriteFile(pin, right, 0o600))
	must(t, os.Rename(hsmtest.TokenDir(), hsmtest.TokenDir()+"-away"))
	must(t, os.Mkdir(hsmtest.TokenDir(), 0o700))
	wantFailure(t, d, 1, "SOFTHSM2_CONF", "serve", serve...)
	wantFailure(t, d, 1, "not there", "status")
	wantFailure(t, d, 1, "not there", "backup", "--out", filepath.Join(t.TempDir(), "copy"))
}

// Status says with its exit code that a running vault cannot work.
func TestStatusOfAVaultThatCannotWork(t *testing.T) {
	d := served(t)
	d.Must("status")
	must(t, os.Rename(hsmtest.TokenDir(), hsmtest.TokenDir()+"-away"))
	stdout, stderr, code := d.Run("status")
	if code != 1 || !strings.Contains(stdout, "cannot work") || !strings.Contains(stderr, "cannot work") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

// A token that cannot be written: vaultd says so at its start, and not with each guess.
func TestTokenThatCannotBeWritten(t *testing.T) {
	spy := hsmtest.NewSpy(t, "vaultd")
	d := vaultdtest.NewOn(t, spy.URI)
	startIt(t, d)
	d.Kill()
	spy.Break(hsmtest.SetAttributeValue, hsmtest.Rule{Action: hsmtest.FailBefore, Code: pkcs11.CKR_TOKEN_WRITE_PROTECTED})
	wantFailure(t, d, 1, "cannot be written", "serve", "--listen", "127.0.0.1:0", "--dev-tls")
	spy.Heal()
	startIt(t, d)
}

// Readyz follows the token and the last write to it, over HTTPS.
func TestReadyFollowsTheToken(t *testing.T) {
	spy := hsmtest.NewSpy(t, "vaultd")
	d := vaultdtest.NewOn(t, spy.URI, "--guess-delays", "0")
	startIt(t, d)
	p := newPerson(t, d)
	must(t, p.register("right"))
	ready := func() bool {
		r, err := p.client.Get("https://" + d.Addr + "/readyz")
		must(t, err)
		must(t, r.Body.Close())
		return r.StatusCode == 200
	}
	until := func(what string, want bool) {
		t.Helper()
		for range 100_000 { // each asks the vault
			if ready() == want {
				return
			}
		}
		t.Errorf("%s: ready is not %v", what, want)
	}
	until("at first", true)
	for what, break1 := range map[string]func(){
		"the token is gone": func() {
			spy.Break(hsmtest.Any, hsmtest.Rule{Action: hsmtest.FailBefore, Code: pkcs11.CKR_DEVICE_REMOVED})
		},
		"the token does not answer": func() { spy.Break(hsmtest.Any, hsmtest.Rule{Action: hsmtest.Hang}) },
		"its anchor cannot be written": func() {
			spy.Break(hsmtest.SetAttributeValue, hsmtest.Rule{Action: hsmtest.FailBefore, Code: pkcs11.CKR_TOKEN_WRITE_PROTECTED})
			_, _ = p.guess("right")
		},
	} {
		break1()
		until(what, false)
		spy.Heal()
		until("after "+what, true)
		_, err := p.guess("right")
		var code *codeError
		for errors.As(err, &code) && code.code == api.CodeStale { // a guess is given back meanwhile
			code = nil
			_, err = p.guess("right")
		}
		if err != nil {
			t.Errorf("after %s: %v", what, err)
		}
		if a, err := p.account(); err != nil || a.GuessesLeft != 10 {
			t.Errorf("after %s: %+v %v", what, a, err)
		}
	}
}

func TestSettingsThatAreWrong(t *testing.T) {
	d := vaultdtest.New(t)
	file := filepath.Join(t.TempDir(), "vaultd.conf")
	for text, says := range map[string]string{
		"guess-delays =\n":                      "line 1: guess-delays has no value",
		"\nguess-delays = soon\n":               "line 2: guess-delays has a wrong value",
		"name = a\nname = b\n":                  "line 2: name stands in line 1 already",
		"log-level = debug # more\n":            "line 1: log-level has a wrong value",
		"rate-address = many\n":                 "line 1: rate-address has a wrong value",
		"name = x\nlisten = 127.0.0.1:0\nq=1\n": "line 3",
	} {
		must(t, os.WriteFile(file, []byte(text), 0o600))
		wantFailure(t, d, 2, says, "serve", "--config", file, "--dev-tls")
	}
	token := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(token, []byte("token\n"), 0o600))
	wantFailure(t, d, 2, "exclude each other", "serve", "--listen", "127.0.0.1:0", "--dev-tls", "--open-registration",
		"--enrolment-token-file", token)
}

// Without a word of the operator nobody registers, and who has an account goes on.
func TestClosedByDefault(t *testing.T) {
	d := served(t)
	old := newPerson(t, d)
	must(t, old.register("right"))
	d.Kill()
	d.Args = nil
	startIt(t, d)
	var code *codeError
	if err := newPerson(t, d).register("right"); !errors.As(err, &code) || code.code != api.CodeEnrolment {
		t.Errorf("a new account: %v", err)
	}
	must(t, old.register("next"))
	if _, err := old.guess("next"); err != nil {
		t.Error(err)
	}
	d.Stop() // all is written then
	if !strings.Contains(d.Output(), "nobody can make a new account") {
		t.Errorf("no warning: %s", d.Output())
	}
}

// An account is removed by the operator, beside the running server and without it.
func TestRemove(t *testing.T) {
	d := served(t)
	for range 2 {
		p := newPerson(t, d)
		must(t, p.register("right"))
		if d.Output() != "" && askStatus(t, d).Accounts == 2 {
			d.Kill()
		}
		d.Must("remove", "--account", api.FormatID(p.id))
		wantFailure(t, d, 1, "no such account", "remove", "--account", api.FormatID(p.id))
		if !askStatus(t, d).Running {
			startIt(t, d)
		}
		var code *codeError
		if _, err := p.account(); !errors.As(err, &code) || code.code != api.CodeNoAccount {
			t.Errorf("a removed account: %v", err)
		}
		d.Kill()
		startIt(t, d)
	}
	wantFailure(t, d, 2, "64 hexadecimal digits", "remove", "--account", "x")
}
