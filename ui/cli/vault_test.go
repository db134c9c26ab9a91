//go:build cgo

package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/plug"
	"github.com/holdfast-backup/holdfast/ui/cli"
	"github.com/holdfast-backup/holdfast/vault/hsm/hsmtest"
	"github.com/holdfast-backup/holdfast/vault/vaultd/vaultdtest"
)

func testVaults() core.Vaults {
	dir := filepath.Join(os.Getenv("HOME"), "vaults")
	return plug.Vaults{Dir: dir, Software: filepath.Join(dir, "software token")}
}

// TestVaultScripts runs the password's commands against a real vaultd on
// SoftHSM: testdata/vault with no delays between guesses, testdata/waiting with
// them, testdata/enrolment with a token for new accounts.
func TestVaultScripts(t *testing.T) {
	t.Cleanup(vaultdtest.Cleanup)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("planted-enrolment\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, args := range map[string][]string{"vault": {"--guess-delays", "0"}, "waiting": nil,
		"enrolment": {"--enrolment-token-file", token}} {
		t.Run(dir, func(t *testing.T) {
			v := vaultdtest.New(t, args...)
			if !v.Start() {
				t.Fatal(v.Output())
			}
			card := v.Card()
			picture := []byte(v.Must("card", "--url", "https://"+v.Addr, "--dev-tls", "--qr"))
			runScripts(t, filepath.Join("testdata", dir), func(e *testscript.Env) error {
				e.Setenv("ADDR", v.Addr)
				with := bytes.Replace(card, []byte("{"), []byte(`{"enrolment":"planted-enrolment",`), 1)
				return errors.Join(os.WriteFile(filepath.Join(e.WorkDir, "card.json"), card, 0o600),
					os.WriteFile(filepath.Join(e.WorkDir, "card.png"), picture, 0o600),
					os.WriteFile(filepath.Join(e.WorkDir, "with-token.json"), with, 0o600))
			})
			if out := v.Output(); strings.Contains(out, "lamp otter") || strings.Contains(out, "planted") {
				t.Errorf("the vault's log holds a password or a token:\n%s", out)
			}
		})
	}
}

// TestSharedScripts runs the commands of a shared password against four vaultd, each on a SoftHSM token of its own:
// "vaultd kill N" and "vaultd start N" in a script do that. So each script has its own.
func TestSharedScripts(t *testing.T) {
	t.Cleanup(vaultdtest.Cleanup)
	for _, dir := range []string{"shared", "move", "old"} {
		t.Run(dir, func(t *testing.T) { sharedScripts(t, filepath.Join("testdata", dir)) })
	}
}

func sharedScripts(t *testing.T, dir string) {
	var all []*vaultdtest.Vaultd
	cards := map[string][]byte{}
	for _, name := range []string{"a", "b", "c", "d"} {
		v := vaultdtest.New(t, "--guess-delays", "0", "--rate-address", "0", "--rate-account", "0")
		if !v.Start() {
			t.Fatal(v.Output())
		}
		all = append(all, v)
		cards[name+".json"] = []byte(v.Must("card", "--url", "https://"+v.Addr, "--dev-tls", "--name", "Vault "+strings.ToUpper(name)))
	}
	vaultd := func(ts *testscript.TestScript, _ bool, args []string) {
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		all[n].Kill()
		if args[0] == "start" && !all[n].Start() {
			ts.Fatalf("vaultd does not start:\n%s", all[n].Output())
		}
	}
	accounts := func(ts *testscript.TestScript, _ bool, args []string) {
		n, err := strconv.Atoi(args[0])
		ts.Check(err)
		if out := all[n].Must("status"); !strings.Contains(out, "accounts     "+args[1]+"\n") {
			ts.Fatalf("%s accounts are expected:\n%s", args[1], out)
		}
	}
	commands := map[string]func(*testscript.TestScript, bool, []string){"vaultd": vaultd, "accounts": accounts}
	runScriptsWith(t, dir, commands, func(e *testscript.Env) error {
		e.Setenv("ADDR", all[0].Addr)
		var err error
		for name, card := range cards {
			err = errors.Join(err, os.WriteFile(filepath.Join(e.WorkDir, name), card, 0o600))
		}
		return err
	})
}

// TestTokenScripts uses a token of this computer, with no server: SoftHSM's.
func TestTokenScripts(t *testing.T) {
	uri := hsmtest.SoftHSM(t, "person")
	runScripts(t, "testdata/token", func(e *testscript.Env) error {
		e.Setenv("SOFTHSM2_CONF", os.Getenv("SOFTHSM2_CONF"))
		e.Setenv("TOKEN", uri.String()+"&pin-source=file:"+uri.PINSource)
		e.Setenv("TOKEN_WITHOUT_PIN", uri.String())
		return nil
	})
}

// TestPasswordOnNSS sets up with a password on NSS softokn, and restores with
// nothing but the place and the password. It runs in this process, whose
// name p11-kit knows.
func TestPasswordOnNSS(t *testing.T) {
	hsmtest.Alone(t, func(t *testing.T) {
		uri := hsmtest.NSS(t)
		dir := t.TempDir()
		at := func(name string) string { return filepath.Join(dir, name) }
		for name, content := range map[string]string{"docs/a.txt": "hello", "pw": "lamp otter quilt\n", "wrong": "lamp otter kilt\n"} {
			if err := os.MkdirAll(filepath.Dir(at(name)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(at(name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		vaults := plug.Vaults{Dir: at("vaults")}
		run := func(want int, args ...string) string {
			t.Helper()
			var out, problems bytes.Buffer
			code := cli.Run(cli.Params{
				Args: args, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &problems, Vaults: vaults,
				NewKeyring: func(_, profile string) (core.Keyring, error) {
					return keyring.File{Path: filepath.Join(profile, "device.key")}, nil
				},
			})
			if code != want {
				t.Fatalf("%v: exit code %d, want %d\n%s%s", args, code, want, &out, &problems)
			}
			return out.String() + problems.String()
		}
		token := fmt.Sprintf("%s&pin-source=file:%s", uri, uri.PINSource)
		run(0, "--profile", at("p"), "setup", "--destination", at("place"), "--source", at("docs"), "--password-in", at("pw"), "--vault", token)
		run(0, "--profile", at("p"), "backup")
		if said := run(4, "restore", "latest", "--to", at("no"), "--destination", at("place"), "--password-in", at("wrong"), "--vault",
			token); !strings.Contains(said, "9 guesses left") {
			t.Error(said)
		}
		run(0, "restore", "latest", "--to", at("out"), "--destination", at("place"), "--password-in", at("pw"), "--vault", token)
		if b, err := exec.Command("diff", "-r", at("docs"), at("out/docs")).CombinedOutput(); err != nil {
			t.Errorf("%v %s", err, b)
		}
	})
}
