package hsmtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/vault/hsm"
)

// PIN of all tokens made here.
const PIN = "7263-test-pin"

// SoftHSM makes a SoftHSM token of that label in the test's folder and points
// this process, and those it starts, to it. The URI has module, token and pin-source.
func SoftHSM(t testing.TB, label string) *hsm.URI {
	t.Helper()
	module := softHSM(t)
	dir := folder(t)
	if n := hsm.OpenModules(); n != 0 {
		t.Fatalf("%d PKCS#11 modules are open from before", n)
	}
	tokens := filepath.Join(dir, "tokens")
	must(t, os.Mkdir(tokens, 0o700))
	conf := filepath.Join(dir, "softhsm2.conf")
	must(t, os.WriteFile(conf, fmt.Appendf(nil,
		"directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n", tokens), 0o600))
	t.Setenv("SOFTHSM2_CONF", conf)
	run(t, "softhsm2-util", "--module", module, "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", PIN)
	return withPIN(t, dir, "pkcs11:token="+label+"?module-path="+module)
}

// Open makes a SoftHSM token with a vault's keys, and opens it until the test ends.
func Open(t testing.TB) *hsm.HSM {
	t.Helper()
	p := hsm.Params{URI: SoftHSM(t, "vault")}
	must(t, hsm.Init(t.Context(), p))
	h, err := hsm.Open(t.Context(), p)
	must(t, err)
	t.Cleanup(h.Close)
	return h
}

// TokenDir is where SoftHSM keeps the token of this test.
func TokenDir() string {
	return filepath.Join(filepath.Dir(os.Getenv("SOFTHSM2_CONF")), "tokens")
}

// folder is t.TempDir without the test's name: SoftHSM takes a # in its
// configuration, as in the names of repeated subtests, for a comment.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "holdfast-token-")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func softHSM(t testing.TB) string {
	t.Helper()
	for _, path := range []string{os.Getenv("SOFTHSM2_MODULE"), "/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so",
		"/opt/homebrew/lib/softhsm/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so"} {
		if _, err := os.Stat(path); path != "" && err == nil {
			return path
		}
	}
	t.Fatal("SoftHSM 2 is not installed (Debian: softhsm2; elsewhere set SOFTHSM2_MODULE)")
	return ""
}

func withPIN(t testing.TB, dir, uri string) *hsm.URI {
	t.Helper()
	pin := filepath.Join(dir, "pin")
	must(t, os.WriteFile(pin, []byte(PIN+"\n"), 0o600))
	u, err := hsm.ParseURI(uri + "&pin-source=file:" + pin)
	must(t, err)
	return u
}

func run(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
