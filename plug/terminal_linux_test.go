//go:build cgo

package plug_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/plug"
	"github.com/holdfast-backup/holdfast/ui/cli"
)

// asCommand makes this test's program the command line.
const asCommand = "HOLDFAST_TEST_VAULTS"

func TestMain(m *testing.M) {
	dir := os.Getenv(asCommand)
	if dir == "" {
		os.Exit(m.Run())
	}
	os.Exit(cli.Run(cli.Params{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Vaults: plug.Vaults{Dir: dir},
		NewKeyring: func(_, profile string) (core.Keyring, error) {
			return keyring.File{Path: filepath.Join(profile, "device.key")}, nil
		},
	}))
}

// terminal opens a pseudo-terminal: the person's side and the program's.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	must(t, unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	must(t, err)
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	return person, program
}

// At a terminal the person is shown the vault and asked; only "y" or "yes" agree.
func TestTheTerminalAsks(t *testing.T) {
	s := newStranger(t)
	place := s.place(t, card(t, "https://"+s.traps.Addr))
	for answer, want := range map[string]struct {
		code  int
		asked bool
		in    []string // where the password comes from
	}{
		"y\n": {cli.ExitUnreachable, true, []string{"-"}}, "YES\n": {cli.ExitUnreachable, true, []string{s.password}},
		"n\n": {cli.ExitUsage, false, []string{s.password, "-"}}, "\n": {cli.ExitUsage, false, []string{"-"}},
		"yess\n": {cli.ExitUsage, false, []string{s.password}}, "\x04": {cli.ExitUsage, false, []string{s.password, "-"}},
	} {
		for _, in := range want.in {
			person, program := terminal(t)
			self, err := os.Executable()
			must(t, err)
			c := exec.Command(self, "snapshots", "--destination", place, "--password-in", in)
			c.Env = append(os.Environ(), asCommand+"="+s.vaults.Dir)
			c.Stdin, c.Stdout, c.Stderr = program, program, program
			if in == "-" { // the password comes through a pipe, the answer from the terminal all the same
				c.Stdin = strings.NewReader("lamp otter quilt seventy\n")
			}
			c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 1}
			must(t, c.Start())
			must(t, program.Close())
			var shown bytes.Buffer
			buffer, sent := make([]byte, 4096), false
			for {
				n, err := person.Read(buffer)
				shown.Write(buffer[:n])
				if !sent && strings.Contains(shown.String(), "[y/N]") {
					sent = true
					_, err = io.WriteString(person, answer)
				}
				if err != nil {
					break // EIO: the program's side is closed
				}
			}
			code := 0
			var exit *exec.ExitError
			if err := c.Wait(); errors.As(err, &exit) {
				code = exit.ExitCode()
			} else {
				must(t, err)
			}
			must(t, person.Close())
			sprung := s.traps.Sprung(t)
			if code != want.code || (sprung != "") != want.asked {
				t.Errorf("%q, password from %s: exit code %d, %q\n%s", answer, in, code, sprung, &shown)
			}
			for _, part := range []string{"Your vault", s.traps.Addr, "SHA256:"} {
				if !strings.Contains(shown.String(), part) {
					t.Errorf("the question lacks %q:\n%s", part, &shown)
				}
			}
		}
	}
}
