package servers

import (
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
)

// SMB is a server of SMB 3 with two shares.
type SMB struct {
	Addr           string // host and port
	User, Password string
	Share          string // for objects
	Frozen         string // the same files, for readers alone
	Root           string // where the files are

	config string
	cmd    *exec.Cmd
}

// Samba starts Samba's server for whoever runs the tests. Lines of global settings may follow.
func Samba(t *testing.T, settings ...string) *SMB {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &SMB{Addr: "127.0.0.1:" + Port(t), User: u.Username, Password: "a pass: word", Share: "Files", Frozen: "frozen",
		Root: filepath.Join(dir, "files")}
	_, port, _ := net.SplitHostPort(s.Addr)
	config := []string{
		"[global]", "server role = standalone", "smb ports = " + port, "interfaces = 127.0.0.1", "bind interfaces only = yes",
		"disable netbios = yes", "disable spoolss = yes", "load printers = no", "printcap name = /dev/null", "passdb backend = tdbsam",
		"server min protocol = SMB3_00", "map to guest = never", "strict sync = yes", "rpc start on demand helpers = no",
	}
	for _, d := range []string{"private dir", "lock directory", "state directory", "cache directory", "pid directory", "ncalrpc dir"} {
		at := filepath.Join(dir, strings.Fields(d)[0])
		if err := os.MkdirAll(at, 0o700); err != nil {
			t.Fatal(err)
		}
		config = append(config, d+" = "+at)
	}
	config = append(config, "log file = "+filepath.Join(dir, "log"))
	config = append(config, settings...)
	config = append(config, "["+s.Share+"]", "path = "+s.Root, "read only = no", "["+s.Frozen+"]", "path = "+s.Root, "read only = yes", "")
	if err := os.Mkdir(s.Root, 0o700); err != nil {
		t.Fatal(err)
	}
	s.config = Write(t, filepath.Join(dir, "smb.conf"), strings.Join(config, "\n"))
	add := exec.Command(Find(t, "pdbedit"), "--configfile", s.config, "--create", "--password-from-stdin", "--user", s.User)
	add.Stdin = strings.NewReader(s.Password + "\n" + s.Password + "\n")
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("pdbedit: %v\n%s", err, out)
	}
	s.Start(t)
	return s
}

// Start starts the server, again after Kill.
func (s *SMB) Start(t *testing.T) {
	t.Helper()
	cmd := exec.Command(Find(t, "smbd"), "--foreground", "--no-process-group", "--debug-stdout", "--configfile", s.config)
	group(cmd) // it starts a process for each connection
	s.cmd = cmd
	t.Cleanup(func() { _ = killGroup(cmd) }) // all may have ended
	Run(t, s.Addr, cmd)
}

// Kill ends the server and all its connections, as a loss of power does.
func (s *SMB) Kill(t *testing.T) {
	t.Helper()
	if err := killGroup(s.cmd); err != nil {
		t.Fatal(err)
	}
}
