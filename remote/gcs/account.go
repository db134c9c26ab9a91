package gcs

import (
	"context"
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
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/bucket"
	"github.com/holdfast-backup/holdfast/remote/oauth"
	"github.com/holdfast-backup/holdfast/remote/web"
)

// scope is what a token is good for: reading and writing objects, and no bucket's settings.
const scope = "https://www.googleapis.com/auth/devstorage.read_write"

// serviceAccount gets tokens for what it signs with its key (RFC 7523).
type serviceAccount struct {
	client *web.Client
	email  string
	keyID  string
	key    *rsa.PrivateKey
	at     string // where tokens are given
}

// newServiceAccount reads the key file of a service account, and returns its tokens. inClear: tokens may be got without TLS.
func newServiceAccount(client *web.Client, file []byte, inClear bool) (*oauth.Cache, error) {
	var f struct {
		Email string `json:"client_email"`
		KeyID string `json:"private_key_id"`
		Key   string `json:"private_key"`
		At    string `json:"token_uri"`
	}
	if err := json.Unmarshal(file, &f); err != nil || f.Email == "" || f.At == "" {
		return nil, fmt.Errorf("%w: the key of the service account is missing or cannot be read", store.ErrSignIn) // err may repeat a part of it
	}
	key, err := privateKey([]byte(f.Key))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrSignIn, err)
	}
	if u, err := url.Parse(f.At); err != nil || u.Scheme != "https" && (u.Scheme != "http" || !inClear) {
		return nil, fmt.Errorf("%w: the service account asks for tokens in clear", store.ErrSignIn)
	}
	a := &serviceAccount{client: client, email: f.Email, keyID: f.KeyID, key: key, at: f.At}
	return oauth.NewCache(a.ask), nil
}

// privateKey reads a key as Google gives it, PEM. No error repeats a part of it.
func privateKey(text []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("the private key of the service account cannot be read")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok {
		return nil, errors.New("the private key of the service account cannot be read")
	}
	return key, nil
}

// ask asks for a token, and tells how long it lasts.
func (a *serviceAccount) ask(ctx context.Context) (token string, lasts time.Duration, err error) {
	signed, err := a.sign(time.Now())
	if err != nil {
		return "", 0, fmt.Errorf("%w: the key of the service account cannot sign", store.ErrSignIn)
	}
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {signed}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.at, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, fmt.Errorf("%w: the service account names no address for tokens", store.ErrSignIn)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header["Idempotency-Key"] = nil // a second token does no harm; not sent itself
	resp, err := a.client.Do(req)
	if err != nil {
		return "", 0, err
	}
	defer bucket.Finish(resp)
	var answer struct {
		Token   string `json:"access_token"`
		Seconds int64  `json:"expires_in"`
		Error   string `json:"error"`
	}
	err = json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&answer)
	switch {
	case resp.StatusCode == http.StatusBadRequest, resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusForbidden:
		// Also where this computer's clock is wrong.
		return "", 0, fmt.Errorf("%w: Google does not accept the key of the service account", store.ErrSignIn)
	case resp.StatusCode != http.StatusOK:
		return "", 0, bucket.Said(resp.StatusCode, answer.Error)
	case err != nil || answer.Token == "":
		return "", 0, fmt.Errorf("%w: the answer holds no token", store.ErrUnreachable)
	}
	return answer.Token, time.Duration(min(max(answer.Seconds, 0), 24*3600)) * time.Second, nil
}

// sign signs that the service account asks for a token (RFC 7519, RFC 7515 with RS256).
func (a *serviceAccount) sign(now time.Time) (string, error) {
	header, err := json.Marshal(map[string]string{"alg": "RS256", "typ": "JWT", "kid": a.keyID})
	if err != nil {
		return "", err
	}
	claims, err := json.Marshal(map[string]any{
		"iss": a.email, "scope": scope, "aud": a.at, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	})
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, a.key, crypto.SHA256, sum[:])
	if err != nil {
		return "", err
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}
