package servers

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// GCS is a server of Google Cloud Storage with one bucket. It asks for tokens, and gives them.
type GCS struct {
	Addr    string // host and port, in clear
	Bucket  string
	Account []byte // the key file of a service account that may do all

	server string // without tokens
	email  string
	key    *rsa.PrivateKey

	mu     sync.Mutex
	tokens map[string]bool
	given  int
}

// FakeGCS starts fake-gcs-server, which knows no users. So a gate stands before it. The gate gives a token for a request
// that the service account has signed (RFC 7523), and refuses requests without a token.
func FakeGCS(t *testing.T) *GCS {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s := &GCS{
		Bucket: "holdfast-test", server: "127.0.0.1:" + Port(t), email: "ann@project.iam.gserviceaccount.com", key: key,
		tokens: make(map[string]bool),
	}
	host, port, _ := net.SplitHostPort(s.server)
	Run(t, s.server, exec.Command(Tool(t, "github.com/fsouza/fake-gcs-server@v1.56.1"), "-backend", "memory", "-scheme", "http",
		"-host", host, "-port", port, "-public-host", s.server, "-log-level", "error"))
	s.Addr = Between(t, s.server, func(w http.ResponseWriter, r *http.Request, through http.Handler) {
		switch {
		case r.URL.Path == "/token":
			s.give(w, r)
		case s.knows(r):
			through.ServeHTTP(w, r)
		default:
			answerJSON(w, http.StatusUnauthorized, map[string]any{"error": map[string]any{"code": http.StatusUnauthorized,
				"errors": []map[string]string{{"reason": "authError"}}}})
		}
	})
	s.Account = s.account(t, key)
	s.ask(t, http.MethodPost, "/storage/v1/b", fmt.Sprintf(`{"name": %q}`, s.Bucket))
	return s
}

// OtherKey is the file of the same service account with a key that it does not have.
func (s *GCS) OtherKey(t *testing.T) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return s.account(t, key)
}

// account is the file of the service account, as Google gives it.
func (s *GCS) account(t *testing.T, key *rsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file, err := json.MarshalIndent(map[string]string{
		"type": "service_account", "project_id": "project", "private_key_id": "1", "client_email": s.email, "client_id": "1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"auth_uri":    "https://accounts.google.com/o/oauth2/auth", "token_uri": "http://" + s.Addr + "/token",
		"universe_domain": "googleapis.com",
	}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// Remove removes a bucket with the objects that are named.
func (s *GCS) Remove(t *testing.T, bucket string, objects ...string) {
	t.Helper()
	for _, o := range objects {
		s.ask(t, http.MethodDelete, "/storage/v1/b/"+bucket+"/o/"+url.PathEscape(o), "")
	}
	s.ask(t, http.MethodDelete, "/storage/v1/b/"+bucket, "")
}

// Has reports whether a bucket is there.
func (s *GCS) Has(t *testing.T, bucket string) bool {
	t.Helper()
	return s.send(t, http.MethodGet, "/storage/v1/b/"+bucket, "").StatusCode == http.StatusOK
}

func (s *GCS) ask(t *testing.T, method, path, body string) {
	t.Helper()
	if resp := s.send(t, method, path, body); resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s", method, path, resp.Status)
	}
}

func (s *GCS) send(t *testing.T, method, path, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.server+path, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	return Send(t, req)
}

// Forget has no token count any more that was given until now.
func (s *GCS) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// Given is how many tokens were given.
func (s *GCS) Given() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.given
}

func (s *GCS) knows(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	defer s.mu.Unlock()
	return ok && s.tokens[token]
}

// give answers a request for a token. It must be signed with the service account's key.
func (s *GCS) give(w http.ResponseWriter, r *http.Request) {
	if err := s.check(r); err != nil {
		answerJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant", "error_description": err.Error()})
		return
	}
	token := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[token] = true
	s.given++
	answerJSON(w, http.StatusOK, map[string]any{"access_token": token, "expires_in": 3599, "token_type": "Bearer"})
}

func (s *GCS) check(r *http.Request) error {
	if r.FormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		return errors.New("another kind of grant")
	}
	parts := strings.Split(r.FormValue("assertion"), ".")
	if len(parts) != 3 {
		return errors.New("no JWT")
	}
	var decoded [3][]byte
	for i, p := range parts {
		b, err := base64.RawURLEncoding.DecodeString(p)
		if err != nil {
			return err
		}
		decoded[i] = b
	}
	var header struct{ Alg, Typ string }
	var claims struct {
		Iss, Scope, Aud string
		Iat, Exp        int64
	}
	if err := errors.Join(json.Unmarshal(decoded[0], &header), json.Unmarshal(decoded[1], &claims)); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(&s.key.PublicKey, crypto.SHA256, sum[:], decoded[2]); err != nil {
		return err
	}
	now := time.Now().Unix()
	switch {
	case header.Alg != "RS256" || header.Typ != "JWT":
		return errors.New("another kind of signature")
	case claims.Iss != s.email || claims.Aud != "http://"+r.Host+"/token" || !strings.Contains(claims.Scope, "/auth/devstorage.read_write"):
		return errors.New("other claims")
	case claims.Iat > now+5 || claims.Exp < now || claims.Exp > claims.Iat+3600:
		return errors.New("another time")
	}
	return nil
}

func answerJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // who asked is gone
}
