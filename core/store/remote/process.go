package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// Name is the program's name, without what a system adds.
const Name = "holdfast-remote"

// Beside returns the path of the program beside this one. Errors: os.ErrNotExist.
func Beside() (string, error) {
	own, err := os.Executable()
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(own); err == nil {
		own = real
	}
	at := filepath.Join(filepath.Dir(own), Name)
	if runtime.GOOS == "windows" {
		at += ".exe"
	}
	if _, err := os.Stat(at); err != nil {
		return "", fmt.Errorf("%s belongs beside this program: %w", Name, err)
	}
	return at, nil
}

// Program returns a Start for a program at a path; find is called at each start.
func Program(find func() (string, error)) func(context.Context) (io.ReadWriteCloser, error) {
	return func(context.Context) (io.ReadWriteCloser, error) {
		at, err := find()
		if err != nil {
			return nil, err
		}
		return start(exec.Command(at)) //nolint:gosec // beside this program
	}
}

// passed are the variables that the program gets: how the network is reached, which certificates count, where an SSH agent is.
var passed = []string{
	"PATH", "LANG", "TZ", "TMPDIR", "TEMP", "TMP",
	"SystemRoot", "SystemDrive", "USERPROFILE", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "USER", "LOGNAME",
}

// isPassed reports whether a variable is passed. Windows does not tell small letters from capitals, and calls its PATH "Path".
func isPassed(name string) bool {
	return slices.ContainsFunc(passed, func(p string) bool { return p == name || runtime.GOOS == "windows" && strings.EqualFold(p, name) })
}

// process is the program while it runs.
type process struct {
	in    io.WriteCloser
	out   io.ReadCloser
	cmd   *exec.Cmd
	ended chan struct{}
	once  sync.Once
}

func start(cmd *exec.Cmd) (*process, error) {
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); isPassed(name) {
			cmd.Env = append(cmd.Env, v)
		}
	}
	alone(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{in: in, out: out, cmd: cmd, ended: make(chan struct{})}
	go func() {
		_, _ = cmd.Process.Wait() // how it ended does not matter
		close(p.ended)
	}()
	return p, nil
}

func (p *process) Read(b []byte) (int, error)  { return p.out.Read(b) }
func (p *process) Write(b []byte) (int, error) { return p.in.Write(b) }

// patience is how long a program may take to end by itself.
const patience = 2 * time.Second

// Close ends the program: it ends by itself when nobody writes to it any more.
func (p *process) Close() error {
	var err error
	p.once.Do(func() {
		err = p.in.Close()
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case <-p.ended:
		case <-timer.C:
			_ = p.cmd.Process.Kill() // it may have ended just now
			<-p.ended
		}
		err = errors.Join(err, p.out.Close())
	})
	return err
}
