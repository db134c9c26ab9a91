package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"golang.org/x/oauth2"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/bucket"
	"github.com/holdfast-backup/holdfast/remote/web"
)

// Provider is a service that people sign in to.
type Provider struct {
	Endpoint oauth2.Endpoint
	Scopes   []string          // the least that a backup needs
	Params   map[string]string // what the page for the sign-in is asked for besides
	Client   Client            // of this build, or of the person; the zero value: none
	// Localhost: the service is sent back to this name, in place of 127.0.0.1.
	Localhost bool
	// Ports are those that the service sends back to; none: it takes any.
	Ports []int
}

// Client is a program as the service knows it. A secret of a program that everybody can read is none (RFC 8252, 8.5).
type Client struct {
	ID     string `json:"id"`
	Secret string `json:"secret,omitempty"`
}

// Token is what a sign-in gives, as a place's secret keeps it in JSON (address.Token).
type Token struct {
	// Client has signed in. Another one may not see what it stored, and cannot refresh its token.
	Client  Client    `json:"client"`
	Refresh string    `json:"refresh"`
	Access  string    `json:"access,omitempty"`
	Until   time.Time `json:"until,omitzero"` // Access is good until then
}

// Session is Tokens of a sign-in. It refreshes them, and tells of each new one.
type Session struct {
	*Cache
	client   *web.Client
	provider Provider
	secret   address.Secret
	token    Token
	changed  func(address.Secret)
}

// NewSession returns the session that a secret holds. changed is told of the secret whenever its token is refreshed.
// Errors: store.ErrSignIn where it holds none.
func NewSession(client *web.Client, p Provider, secret address.Secret, changed func(address.Secret)) (*Session, error) {
	s := &Session{client: client, provider: p, secret: maps.Clone(secret), changed: changed}
	if secret[address.Token] == "" {
		return nil, store.ErrSignIn
	}
	if err := json.Unmarshal([]byte(secret[address.Token]), &s.token); err != nil || s.token.Refresh == "" {
		return nil, fmt.Errorf("%w: what was kept of the last sign-in cannot be read", store.ErrSignIn) // err may repeat a part of it
	}
	s.Cache = NewCache(s.refresh)
	s.value, s.until = s.token.Access, s.token.Until
	return s, nil
}

// config is this program at the provider.
func (p Provider) config(c Client, back string) *oauth2.Config {
	return &oauth2.Config{ClientID: c.ID, ClientSecret: c.Secret, Endpoint: p.Endpoint, Scopes: p.Scopes, RedirectURL: back}
}

// with has the requests of package oauth2 go through a client.
func with(ctx context.Context, client *web.Client) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: client})
}

// refresh gets a new access token (RFC 6749, 6).
func (s *Session) refresh(ctx context.Context) (token string, lasts time.Duration, err error) {
	source := s.provider.config(s.token.Client, "").TokenSource(with(ctx, s.client), &oauth2.Token{RefreshToken: s.token.Refresh})
	t, err := source.Token()
	if err != nil {
		return "", 0, failed(ctx, err)
	}
	s.token = tokenOf(s.token.Client, t, s.token.Refresh)
	text, err := json.Marshal(s.token)
	if err != nil {
		return "", 0, err
	}
	s.secret[address.Token] = string(text)
	s.changed(maps.Clone(s.secret))
	return s.token.Access, time.Until(s.token.Until), nil
}

// tokenOf is what a service has given. One that gives no new refresh token goes on with the one before.
func tokenOf(c Client, t *oauth2.Token, refresh string) Token {
	if t.RefreshToken != "" {
		refresh = t.RefreshToken
	}
	until := t.Expiry
	if until.IsZero() {
		until = time.Now().Add(time.Hour) // it says nothing; one that ends before is refused, and refreshed
	}
	return Token{Client: c, Refresh: refresh, Access: t.AccessToken, Until: until}
}

// failed says what an error of package oauth2 means. None repeats a token.
func failed(ctx context.Context, err error) error {
	var said *oauth2.RetrieveError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &said) && said.Response != nil:
		status := said.Response.StatusCode
		if status == http.StatusBadRequest || status == http.StatusUnauthorized || status == http.StatusForbidden {
			return fmt.Errorf("%w: the service does not accept the last sign-in any more", store.ErrSignIn) // it ended, or was revoked
		}
		return bucket.Said(status, said.ErrorCode)
	}
	return web.Failed(ctx, err)
}
