package confine_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/remote/confine"
)

// confined is set in the process that confines itself, to a file that it tries to read.
const confined = "HOLDFAST_TEST_CONFINED"

func TestMain(m *testing.M) {
	if at := os.Getenv(confined); at != "" {
		os.Exit(tryAll(at, os.Args[1]))
	}
	os.Exit(m.Run())
}

// tryAll tells what a confined process can do, a line each.
func tryAll(file, addr string) int {
	if err := confine.Files(); err != nil {
		os.Stdout.WriteString("confine " + err.Error() + "\n") //nolint:errcheck // the test misses it
		return 1
	}
	say := func(what string, err error) {
		said := "yes"
		if errors.Is(err, fs.ErrPermission) {
			said = "no"
		} else if err != nil {
			said = err.Error()
		}
		os.Stdout.WriteString(what + " " + said + "\n") //nolint:errcheck // the test misses it
	}
	_, err := os.ReadFile(file)
	say("read", err)
	_, err = os.ReadDir(filepath.Dir(file))
	say("list", err)
	say("write", os.WriteFile(file+".new", nil, 0o600))
	say("run", exec.Command("/bin/true").Run())
	_, err = os.ReadFile("/etc/hosts")
	say("names", err)
	c, err := net.Dial("tcp", addr)
	if err == nil {
		_ = c.Close() // only tried
	}
	say("network", err)
	return 0
}

func TestConfined(t *testing.T) {
	if !confine.Works() {
		t.Fatal("this kernel has no Landlock")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // the test ends
	file := filepath.Join(t.TempDir(), "private")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], l.Addr().String())
	cmd.Env = append(os.Environ(), confined+"="+file)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got, want := strings.TrimSpace(string(out)), "read no\nlist no\nwrite no\nrun no\nnames yes\nnetwork yes"; got != want {
		t.Errorf("a confined process can\n%s\nwant\n%s", got, want)
	}
}
