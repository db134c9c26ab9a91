// Package vaultdtest runs the real vaultd for tests: it builds the program,
// makes a token and a data folder, and starts, stops and kills it.
package vaultdtest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/holdfast-backup/holdfast/vault/hsm"
	"github.com/holdfast-backup/holdfast/vault/hsm/hsmtest"
)

// Vaultd is a vault's folder and token, and the process that serves it, if one does.
type Vaultd struct {
	t    testing.TB
	path string   // of the program
	Data string   // its folder
	HSM  string   // its token's URI, with pin-source
	Args []string // of serve, besides data, hsm, listen and dev-tls
	Env  []string // that of this process when it was made

	mu     *sync.Mutex
	output *bytes.Buffer // of all processes so far
	cmd    *exec.Cmd
	ended  chan struct{}
	// Addr is where the present process listens; the same after a restart.
	Addr string
}

var build = struct {
	once sync.Once
	path string
	err  error
	out  []byte
}{}

// program builds vaultd once in a process.
func program(t testing.TB) string {
	t.Helper()
	build.once.Do(func() {
		dir, err := os.MkdirTemp("", "holdfast-vaultd-")
		if err != nil {
			build.err = err
			return
		}
		build.path = filepath.Join(dir, "vaultd")
		build.out, build.err = exec.Command("go", "build", "-o", build.path, "github.com/holdfast-backup/holdfast/vault/vaultd").CombinedOutput()
	})
	if build.err != nil {
		t.Fatalf("build vaultd: %v\n%s", build.err, build.out)
	}
	return build.path
}

// Program is the path of vaultd, built once in a process.
func Program(t testing.TB) string { return program(t) }

// Cleanup removes what was built; for TestMain.
func Cleanup() {
	if build.path != "" {
		_ = os.RemoveAll(filepath.Dir(build.path))
	}
	build.once, build.path = sync.Once{}, "" // another test may want it again
}

// New makes a SoftHSM token, and a vault on it with vaultd init. Nothing serves it yet. Unless the
// arguments say who may register, anybody may.
func New(t testing.TB, args ...string) *Vaultd {
	t.Helper()
	return NewOn(t, hsmtest.SoftHSM(t, "vaultd"), args...)
}

// NewOn is New on a token that has a pin-source and no vault yet.
func NewOn(t testing.TB, uri *hsm.URI, args ...string) *Vaultd {
	t.Helper()
	dir, err := os.MkdirTemp("", "holdfast-data-") // short, for the socket's path
	if err != nil {
		t.Fatal(err)
	}
	v := &Vaultd{t: t, path: program(t), Data: filepath.Join(dir, "data"), HSM: uri.String() + "&pin-source=file:" + uri.PINSource, Args: args,
		// Another vault of this test has another SoftHSM configuration.
		Env: os.Environ(), Addr: loopback() + ":0", mu: &sync.Mutex{}, output: &bytes.Buffer{}}
	t.Cleanup(func() {
		v.Kill()
		_ = os.RemoveAll(dir)
	})
	if !strings.Contains(strings.Join(args, " "), "--enrolment-token-file") {
		v.Args = append(v.Args, "--open-registration")
	}
	v.Must("init")
	return v
}

var loopbacks atomic.Uint32

// loopback is an address of this computer for one vaultd alone. When that is started again, its port must be free, and ports of 127.0.0.1
// go to other processes meanwhile.
func loopback() string {
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d", 1+pid/250%250, 1+pid%250, 1+loopbacks.Add(1)%250)
}

// Run runs another command of vaultd and returns what it wrote and its exit code.
func (v *Vaultd) Run(command string, args ...string) (stdout, stderr string, code int) {
	v.t.Helper()
	cmd := exec.Command(v.path, append([]string{command, "--data", v.Data, "--hsm", v.HSM}, args...)...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Env = &out, &problems, v.Env
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		v.t.Fatal(err)
	}
	return out.String(), problems.String(), cmd.ProcessState.ExitCode()
}

// Must is Run that has to succeed.
func (v *Vaultd) Must(command string, args ...string) string {
	v.t.Helper()
	stdout, stderr, code := v.Run(command, args...)
	if code != 0 {
		v.t.Fatalf("vaultd %s: exit code %d\n%s%s", command, code, stdout, stderr)
	}
	return stdout
}

// Start starts serving and waits until it listens; false if it ended instead.
func (v *Vaultd) Start() bool {
	v.t.Helper()
	cmd := exec.Command(v.path, append([]string{"serve", "--data", v.Data, "--hsm", v.HSM, "--listen", v.Addr, "--dev-tls"}, v.Args...)...)
	cmd.Env = v.Env
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		v.t.Fatal(err)
	}
	cmd.Stderr = writer{v}
	if err := cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	listening := make(chan string, 1)
	ended := make(chan struct{})
	go func() {
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			_, _ = writer{v}.Write(append(lines.Bytes(), '\n'))
			if addr, ok := strings.CutPrefix(lines.Text(), "listening on https://"); ok {
				listening <- addr
			}
		}
		_ = cmd.Wait() // how it ended is in its state
		close(listening)
		close(ended)
	}()
	addr, ok := <-listening
	if !ok {
		return false
	}
	v.cmd, v.ended, v.Addr = cmd, ended, addr
	return true
}

type writer struct{ v *Vaultd }

func (w writer) Write(b []byte) (int, error) {
	w.v.mu.Lock()
	defer w.v.mu.Unlock()
	return w.v.output.Write(b)
}

// Output is what all processes so far have written to both streams.
func (v *Vaultd) Output() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.output.String()
}

// PID is that of the serving process.
func (v *Vaultd) PID() int { return v.cmd.Process.Pid }

// Kill kills the process at once, if there is one, and waits for its end.
func (v *Vaultd) Kill() {
	if v.cmd != nil {
		_ = v.cmd.Process.Kill() // it may have ended
		<-v.ended
		v.cmd = nil
	}
}

// Wait waits for the process to end by itself.
func (v *Vaultd) Wait() {
	<-v.ended
	v.cmd = nil
}

// Stop asks the process to stop, waits, and returns its exit code.
func (v *Vaultd) Stop() int {
	v.t.Helper()
	if err := v.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		v.t.Fatal(err)
	}
	<-v.ended
	code := v.cmd.ProcessState.ExitCode()
	v.cmd = nil
	return code
}

// Card is the vault's card for the address it listens on.
func (v *Vaultd) Card() []byte {
	v.t.Helper()
	return []byte(v.Must("card", "--url", "https://"+v.Addr, "--dev-tls"))
}
