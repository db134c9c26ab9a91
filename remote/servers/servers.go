// Package servers starts real servers for tests, each on a free port of this computer, in a folder of its own.
package servers

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/crypto/ssh"
)

// Port returns a port that nobody listens at, below those that the system gives to whoever connects: nobody takes it
// before the server does.
func Port(t *testing.T) string {
	t.Helper()
	for range 100 {
		port := strconv.Itoa(10_000 + mathrand.IntN(20_000))
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			_ = l.Close() // only its port is wanted
			return port
		}
	}
	t.Fatal("no port is free")
	return ""
}

// Find returns the path of a program that Debian keeps outside of a person's PATH.
func Find(t *testing.T, program string) string {
	t.Helper()
	for _, dir := range append([]string{"/usr/sbin", "/usr/local/sbin"}, filepath.SplitList(os.Getenv("PATH"))...) {
		if at := filepath.Join(dir, program); isFile(at) {
			return at
		}
	}
	t.Fatalf("there is no %s: scripts/install test", program)
	return ""
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Run starts a program and ends it with the test. It returns when somebody listens at addr.
func Run(t *testing.T, addr string, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	var said output
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, ended := context.WithCancel(context.Background())
	go func() {
		cmd.Wait() //nolint:errcheck // it is killed
		ended()
	}()
	t.Cleanup(func() {
		cmd.Process.Kill() //nolint:errcheck // it may have ended
		<-ctx.Done()
	})
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if c, err := net.Dial("tcp", addr); err == nil {
			_ = c.Close() // only tried
			return cmd
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s ended: %s", cmd.Path, said.text())
		case <-t.Context().Done():
			t.Fatalf("%s does not listen: %s", cmd.Path, said.text())
		}
	}
}

// output is what a program says.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// SSH is a server of SFTP.
type SSH struct {
	Addr     string // host and port
	User     string
	Key      string // private, PEM, that signs in; "": the password does
	Password string
	Host     string // the server's public key, as in known_hosts
	Root     string // a folder for objects, as the server names it
}

// Key returns a new private key as PEM, and its public half as in authorized_keys.
func Key(t *testing.T) (private, public string) {
	t.Helper()
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(priv, "")
	if err != nil {
		t.Fatal(err)
	}
	p, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block)), strings.TrimSpace(string(ssh.MarshalAuthorizedKey(p)))
}

// Write writes a file of a server's folder, for its owner alone.
func Write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// OpenSSH starts OpenSSH's server for whoever runs the tests.
func OpenSSH(t *testing.T) *SSH {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &SSH{Addr: "127.0.0.1:" + Port(t), User: u.Username, Root: filepath.Join(dir, "objects")}
	if err := os.Mkdir(s.Root, 0o700); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // where it locks itself in
			t.Fatal(err)
		}
	}
	hostKey, host := Key(t)
	own, public := Key(t)
	s.Key, s.Host = own, host
	_, port, _ := net.SplitHostPort(s.Addr)
	config := Write(t, filepath.Join(dir, "sshd_config"), strings.Join([]string{
		"ListenAddress 127.0.0.1", "Port " + port, "HostKey " + Write(t, filepath.Join(dir, "host"), hostKey),
		"AuthorizedKeysFile " + Write(t, filepath.Join(dir, "authorized"), public+"\n"),
		"PidFile none", "StrictModes no", "UsePAM no", "PasswordAuthentication no", "MaxStartups 100", "MaxSessions 100",
		"Subsystem sftp internal-sftp", "",
	}, "\n"))
	Run(t, s.Addr, exec.Command(Find(t, "sshd"), "-D", "-e", "-f", config))
	return s
}

// S3 is a server of S3 with one bucket.
type S3 struct {
	Addr        string // host and port, in clear
	Bucket      string
	Key, Secret string
	Root        string // where its files are
}

// Versity starts versitygw, a server of S3 over a folder.
func Versity(t *testing.T) *S3 {
	t.Helper()
	dir := t.TempDir()
	s := &S3{Addr: "127.0.0.1:" + Port(t), Bucket: "holdfast-test", Key: "AKIATEST", Secret: "a/secret+key=",
		Root: filepath.Join(dir, "files")}
	for _, d := range []string{s.Root, filepath.Join(s.Root, s.Bucket), filepath.Join(dir, "meta")} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(Tool(t, "github.com/versity/versitygw/cmd/versitygw@v1.8.0"), "--port", s.Addr, "--quiet", "posix", "--sidecar",
		filepath.Join(dir, "meta"), s.Root)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+s.Key, "ROOT_SECRET_KEY="+s.Secret)
	Run(t, s.Addr, cmd)
	return s
}

// Tool returns a server that is built from a Go module, as build/tools keeps it.
func Tool(t *testing.T, module string) string {
	t.Helper()
	name, _, _ := strings.Cut(path.Base(module), "@")
	tools := toolFolder(t)
	at := filepath.Join(tools, name)
	once(t, at, func() {
		cmd := exec.Command("go", "install", module)
		cmd.Dir, cmd.Env = os.TempDir(), append(os.Environ(), "GOBIN="+tools, "GOFLAGS=", "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go install %s: %v\n%s", module, err, out)
		}
	})
	return at
}

// once has a file of build/tools made where it is not there. Tests of other packages wait meanwhile.
func once(t *testing.T, at string, build func()) {
	t.Helper()
	if isFile(at) {
		return
	}
	tools := toolFolder(t)
	if err := os.MkdirAll(tools, 0o755); err != nil {
		t.Fatal(err)
	}
	lock := flock.New(filepath.Join(tools, "lock"))
	if err := lock.Lock(); err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock() //nolint:errcheck // it ends with the process too
	if !isFile(at) {
		build()
	}
}

// toolFolder is build/tools of this repository.
func toolFolder(t *testing.T) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("nobody knows where the sources are")
	}
	return filepath.Join(filepath.Dir(file), "..", "..", "build", "tools")
}
