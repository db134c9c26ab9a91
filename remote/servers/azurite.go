package servers

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Azure is a server of Azure Blob Storage with one container.
type Azure struct {
	Addr      string // host and port, in clear
	Endpoint  string // of the account
	Account   string
	Key       string // base64
	Container string
}

// azurite is the version that is installed. Later ones need a newer Node.js than Debian has.
const azurite = "3.35.0"

// Azurite starts Azurite, Microsoft's emulator.
func Azurite(t *testing.T) *Azure {
	t.Helper()
	s := &Azure{
		Addr: "127.0.0.1:" + Port(t), Account: "holdfasttest", Container: "backups",
		Key: base64.StdEncoding.EncodeToString([]byte("a key of some bytes, as Azure has 64 of them at random, and no.")),
	}
	s.Endpoint = "http://" + s.Addr + "/" + s.Account
	host, port, _ := net.SplitHostPort(s.Addr)
	dir := t.TempDir()
	cmd := exec.Command(Find(t, "node"), npm(t, "azurite", azurite, "dist/src/blob/main.js"), "--blobHost", host, "--blobPort", port,
		"--location", dir, "--silent", "--disableTelemetry")
	cmd.Env = append(os.Environ(), "AZURITE_ACCOUNTS="+s.Account+":"+s.Key)
	Run(t, s.Addr, cmd)
	s.Make(t, s.Container)
	return s
}

// Make makes a container.
func (s *Azure) Make(t *testing.T, container string) {
	t.Helper()
	s.ask(t, http.MethodPut, container, http.StatusCreated)
}

// Remove removes a container, with all that is in it.
func (s *Azure) Remove(t *testing.T, container string) {
	t.Helper()
	s.ask(t, http.MethodDelete, container, http.StatusAccepted)
}

// Has reports whether a container is there.
func (s *Azure) Has(t *testing.T, container string) bool {
	t.Helper()
	resp := s.send(t, http.MethodGet, container)
	return resp.StatusCode == http.StatusOK
}

func (s *Azure) ask(t *testing.T, method, container string, want int) {
	t.Helper()
	if resp := s.send(t, method, container); resp.StatusCode != want {
		t.Fatalf("%s of a container: %s", method, resp.Status)
	}
}

func (s *Azure) send(t *testing.T, method, container string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.Endpoint+"/"+container+"?restype=container&"+s.SAS("rwdlac"), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return Send(t, req)
}

// SAS makes a signature that permits something in all of the account for an hour (Create an account SAS).
func (s *Azure) SAS(permissions string) string {
	const version, services, kinds = "2019-12-12", "b", "co"
	end := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	key, _ := base64.StdEncoding.DecodeString(s.Key)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(strings.Join([]string{s.Account, permissions, services, kinds, "", end, "", "", version, ""}, "\n")))
	return url.Values{
		"sv": {version}, "ss": {services}, "srt": {kinds}, "sp": {permissions}, "se": {end},
		"sig": {base64.StdEncoding.EncodeToString(mac.Sum(nil))},
	}.Encode()
}

// Send sends a request, on a connection of its own, and closes the answer.
func Send(t *testing.T, req *http.Request) *http.Response {
	t.Helper()
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close() // its status tells
	return resp
}

// npm returns a file of an npm package, as build/tools keeps it.
func npm(t *testing.T, name, version, file string) string {
	t.Helper()
	root := filepath.Join(toolFolder(t), name+"-"+version)
	at := filepath.Join(root, "node_modules", name, filepath.FromSlash(file))
	once(t, at, func() {
		fresh := root + ".new" // renamed when it is whole
		if err := os.RemoveAll(fresh); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(Find(t, "npm"), "install", "--prefix", fresh, "--no-audit", "--no-fund", "--omit=dev", "--ignore-scripts",
			name+"@"+version)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("npm install %s@%s: %v\n%s", name, version, err, out)
		}
		if err := os.Rename(fresh, root); err != nil {
			t.Fatal(err)
		}
	})
	return at
}
