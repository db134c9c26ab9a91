package hsmtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/holdfast-backup/holdfast/vault/hsm"
)

// nameVariable holds the program name of a process that Alone started.
const nameVariable = "HOLDFAST_TEST_ALONE"

// Alone runs f, a test or subtest of this name, in a process of its own that has
// the test binary's flags, and passes on how it ended. Softokn keeps its
// database, and p11-kit what it read of its configuration, as long as a process lives.
func Alone(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	if os.Getenv(nameVariable) != "" {
		f(t)
		return
	}
	var pattern []string
	for name := range strings.SplitSeq(t.Name(), "/") {
		pattern = append(pattern, "^"+regexp.QuoteMeta(name)+"$")
	}
	self, err := os.Executable()
	must(t, err)
	name := fmt.Sprintf("holdfast-nss-%d-%d", os.Getpid(), started.Add(1))
	cmd := exec.Command(self, "-test.run="+strings.Join(pattern, "/"), "-test.v=true")
	cmd.Args[0] = name
	cmd.Env = append(os.Environ(), nameVariable+"="+name)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("in its own process: %v\n%s", err, out)
	}
}

var started atomic.Int64

// NSS makes an NSS database in the test's folder and makes p11-kit's proxy
// load softokn with it: NSS wants its database named in the pReserved argument of C_Initialize, which
// p11-kit fills from x-init-reserved (pkcs11.conf(5)). Only within Alone, once.
func NSS(t testing.TB) *hsm.URI {
	t.Helper()
	program := os.Getenv(nameVariable)
	if program == "" {
		t.Fatal("hsmtest.NSS is to be called within hsmtest.Alone")
	}
	proxy := first(t, "p11-kit's proxy is not installed (Debian: p11-kit)", "/usr/lib/*/p11-kit-proxy.so", "/usr/lib64/p11-kit-proxy.so")
	softokn := first(t, "NSS softokn is not installed (Debian: libnss3)", "/usr/lib/*/libsoftokn3.so", "/usr/lib/*/nss/libsoftokn3.so",
		"/usr/lib64/libsoftokn3.so")
	dir := folder(t)
	must(t, os.WriteFile(filepath.Join(dir, "password"), []byte(PIN+"\n"), 0o600))
	run(t, "certutil", "-N", "-d", "sql:"+dir, "-f", filepath.Join(dir, "password")) // Debian: libnss3-tools

	modules := "/etc/pkcs11/modules" // the only place that p11-kit looks for root
	if os.Getuid() != 0 {
		home := folder(t)
		t.Setenv("HOME", home)
		t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, ".config"))
		modules = filepath.Join(home, ".config/pkcs11/modules")
	}
	must(t, os.MkdirAll(modules, 0o755))
	file := filepath.Join(modules, program+".module")
	text := fmt.Sprintf("module: %s\ncritical: no\nenable-in: %s\n"+
		"x-init-reserved: configdir='sql:%s' certPrefix='' keyPrefix='' secmod='secmod.db'\n", softokn, program, dir)
	must(t, os.WriteFile(file, []byte(text), 0o644))
	t.Cleanup(func() { _ = os.Remove(file) })
	return withPIN(t, dir, "pkcs11:token=NSS%20Certificate%20DB?module-path="+proxy)
}

func first(t testing.TB, missing string, patterns ...string) string {
	t.Helper()
	for _, pattern := range patterns {
		paths, err := filepath.Glob(pattern)
		must(t, err)
		if len(paths) > 0 {
			return paths[0]
		}
	}
	t.Fatal(missing)
	return ""
}
