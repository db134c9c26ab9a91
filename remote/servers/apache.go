package servers

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// WebDAV is a server of WebDAV.
type WebDAV struct {
	Addr           string // host and port
	User, Password string
	Root           string // where its files are
	Identity       string // of its certificate, "" without TLS
}

// Apache starts Apache with mod_dav, in clear.
func Apache(t *testing.T) *WebDAV {
	t.Helper()
	dir := t.TempDir()
	s := &WebDAV{Addr: "127.0.0.1:" + Port(t), User: "ann", Password: "a pass: word", Root: filepath.Join(dir, "files")}
	const modules = "/usr/lib/apache2/modules"
	var config []string
	for _, m := range []string{"mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic", "dav", "dav_fs"} {
		config = append(config, fmt.Sprintf("LoadModule %s_module %s/mod_%s.so", m, modules, m))
	}
	if err := os.Mkdir(s.Root, 0o755); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(dir, "state")
	if err := os.Mkdir(state, 0o755); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 { // Apache does not serve as root
		u, err := user.Lookup("www-data")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.Atoi(u.Uid)
		for _, own := range []string{s.Root, state} {
			if err := os.Chown(own, uid, -1); err != nil {
				t.Fatal(err)
			}
		}
		for up := dir; up != os.TempDir() && up != "/"; up = filepath.Dir(up) {
			if err := os.Chmod(up, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		config = append(config, "User www-data", "Group www-data")
	}
	hash, err := exec.Command(Find(t, "openssl"), "passwd", "-apr1", s.Password).Output()
	if err != nil {
		t.Fatal(err)
	}
	passwords := filepath.Join(dir, "passwords")
	if err := os.WriteFile(passwords, []byte(s.User+":"+string(hash)), 0o644); err != nil {
		t.Fatal(err)
	}
	config = append(config,
		"ServerName localhost", "ServerRoot "+dir, "Listen "+s.Addr, "DocumentRoot "+s.Root, "PidFile "+filepath.Join(dir, "pid"),
		"ErrorLog /dev/stderr", "DAVLockDB "+filepath.Join(state, "locks"), "StartServers 1", "ThreadsPerChild 32",
		"<Directory "+s.Root+">", "Dav On", "AuthType Basic", "AuthName test", "AuthUserFile "+passwords, "Require valid-user", "</Directory>",
		"")
	Run(t, s.Addr, exec.Command(Find(t, "apache2"), "-X", "-f", Write(t, filepath.Join(dir, "apache.conf"), strings.Join(config, "\n"))))
	return s
}
