package oauth_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/oauth"
	"github.com/holdfast-backup/holdfast/remote/servers"
	"github.com/holdfast-backup/holdfast/remote/web"
)

// cloud is a service with accounts, under a name of the world.
type cloud struct {
	*servers.Accounts
	*servers.Internet
	provider oauth.Provider
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{Accounts: servers.NewAccounts(oauth.Client{ID: "holdfast", Secret: "open"}, "files")}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ask", c.Ask)
	mux.HandleFunc("POST /give", c.Give)
	mux.HandleFunc("GET /thing", func(w http.ResponseWriter, r *http.Request) {
		if !c.Knows(r) {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	c.Internet = servers.NewInternet(t, map[string]http.Handler{"cloud.example": mux})
	c.provider = oauth.Provider{
		Endpoint: oauth2.Endpoint{
			AuthURL: "https://cloud.example/ask", TokenURL: "https://cloud.example/give", AuthStyle: oauth2.AuthStyleInParams,
		},
		Scopes: []string{"files"}, Client: c.Client,
	}
	return c
}

func (c *cloud) client(t *testing.T) *web.Client {
	w := web.NewClient(web.Options{Connections: 2, Proxy: c.Proxy, Roots: c.Roots})
	t.Cleanup(w.Close)
	return w
}

// get asks for something that only who has signed in gets.
func (c *cloud) get(t *testing.T, b oauth.Bearer) (int, error) {
	t.Helper()
	resp, err := b.Send(t.Context(), http.MethodGet, "https://cloud.example/thing", nil)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// A token is refreshed when it has ended, each new one is told of, and what was told opens the next session.
func TestTokensAreRefreshed(t *testing.T) {
	for _, rotates := range []bool{false, true} {
		c := newCloud(t)
		c.Rotate = rotates
		client := c.client(t)
		var told []address.Secret
		secret := c.SignedIn(t)
		secret["other"] = "kept"
		for range 2 { // sessions
			s, err := oauth.NewSession(client, c.provider, secret, func(s address.Secret) { told = append(told, s) })
			if err != nil {
				t.Fatal(err)
			}
			b := oauth.Bearer{Client: client, Tokens: s}
			for range 3 {
				if status, err := c.get(t, b); status != http.StatusOK || err != nil {
					t.Errorf("%d %v", status, err)
				}
			}
			c.Expire()
			if status, err := c.get(t, b); status != http.StatusOK || err != nil {
				t.Errorf("after the end of a token: %d %v", status, err)
			}
			secret = told[len(told)-1]
		}
		// The second session goes on with the token of the first.
		if n := c.Given(); n != 3 || len(told) != 3 {
			t.Errorf("%d tokens were given, %d told", n, len(told))
		}
		if secret["other"] != "kept" {
			t.Errorf("a field of the secret is gone: %v", secret)
		}
	}
}

// Who has lost what was agreed to is asked to sign in again. A service that fails is no reason for that.
func TestRevoked(t *testing.T) {
	c := newCloud(t)
	client := c.client(t)
	s, err := oauth.NewSession(client, c.provider, c.SignedIn(t), func(address.Secret) {})
	if err != nil {
		t.Fatal(err)
	}
	b := oauth.Bearer{Client: client, Tokens: s}
	if status, err := c.get(t, b); status != http.StatusOK || err != nil {
		t.Errorf("%d %v", status, err)
	}
	c.Revoke()
	if _, err := c.get(t, b); !errors.Is(err, store.ErrSignIn) {
		t.Errorf("revoked: %v", err)
	}
	other := c.provider
	other.Endpoint.TokenURL = "https://gone.example/give"
	s, err = oauth.NewSession(client, other, c.SignedIn(t), func(address.Secret) {})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Token(t.Context(), ""); !errors.Is(err, store.ErrUnreachable) || errors.Is(err, store.ErrSignIn) {
		t.Errorf("nobody answers: %v", err)
	}
}

// A secret without a session asks to sign in, and is not repeated.
func TestNoSession(t *testing.T) {
	c := newCloud(t)
	wrong, err := json.Marshal(oauth.Token{Access: servers.Planted})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "{" + servers.Planted, string(wrong)} {
		_, err := oauth.NewSession(c.client(t), c.provider, address.Secret{address.Token: text}, nil)
		if !errors.Is(err, store.ErrSignIn) || strings.Contains(err.Error(), servers.Planted) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
