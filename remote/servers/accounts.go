package servers

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/remote/oauth"
)

// Accounts is where people sign in to a cloud, and where programs get tokens for that (RFC 6749, with PKCE of RFC 7636).
// One person agrees to all at once, until Refuse.
type Accounts struct {
	Client oauth.Client // who may ask
	Scope  string       // what must be asked for
	Rotate bool         // each refresh gives a new refresh token, and ends the one before

	mu        sync.Mutex
	refuses   bool
	codes     map[string]granted // not yet redeemed
	refreshes map[string]bool
	tokens    map[string]bool
	given     int
}

// granted is what a code stands for.
type granted struct{ challenge, back string }

// NewAccounts returns accounts for one program.
func NewAccounts(c oauth.Client, scope string) *Accounts {
	return &Accounts{
		Client: c, Scope: scope, codes: make(map[string]granted), refreshes: make(map[string]bool), tokens: make(map[string]bool),
	}
}

// Refuse has the person disagree from now on.
func (a *Accounts) Refuse() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refuses = true
}

// Expire ends the access tokens. They can be refreshed.
func (a *Accounts) Expire() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.tokens)
}

// Revoke ends all that was agreed to.
func (a *Accounts) Revoke() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.tokens)
	clear(a.refreshes)
}

// Given is how many access tokens were given.
func (a *Accounts) Given() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.given
}

// SignedIn returns the secret of a person who has signed in.
func (a *Accounts) SignedIn(t *testing.T) address.Secret {
	t.Helper()
	refresh := rand.Text()
	a.mu.Lock()
	a.refreshes[refresh] = true
	a.mu.Unlock()
	text, err := json.Marshal(oauth.Token{Client: a.Client, Refresh: refresh, Until: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return address.Secret{address.Token: string(text)}
}

// Knows reports whether a request has a token that counts.
func (a *Accounts) Knows(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	a.mu.Lock()
	defer a.mu.Unlock()
	return ok && a.tokens[token]
}

// Ask is the page where the person agrees. It leads back to the program.
func (a *Accounts) Ask(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || back.Scheme != "http" || back.Hostname() != "127.0.0.1" && back.Hostname() != "localhost" ||
		q.Get("client_id") != a.Client.ID || q.Get("response_type") != "code" ||
		q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || q.Get("state") == "" || q.Get("scope") != a.Scope {
		http.Error(w, "this request is not as it must be: "+q.Encode(), http.StatusBadRequest)
		return
	}
	answer := url.Values{"state": {q.Get("state")}}
	a.mu.Lock()
	if a.refuses {
		answer.Set("error", "access_denied")
	} else {
		code := rand.Text()
		a.codes[code] = granted{q.Get("code_challenge"), q.Get("redirect_uri")}
		answer.Set("code", code)
	}
	a.mu.Unlock()
	back.RawQuery = answer.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// Give gives tokens for a code or for a refresh token.
func (a *Accounts) Give(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	id, secret := r.FormValue("client_id"), r.FormValue("client_secret")
	if user, pass, ok := r.BasicAuth(); ok {
		id, secret = user, pass
	}
	if id != a.Client.ID || secret != a.Client.Secret {
		answerJSON(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	answer := map[string]any{"token_type": "Bearer", "expires_in": 3600}
	refresh := rand.Text()
	switch r.FormValue("grant_type") {
	case "authorization_code":
		code := r.FormValue("code")
		g, ok := a.codes[code]
		delete(a.codes, code)
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		if !ok || g.back != r.FormValue("redirect_uri") || g.challenge != base64.RawURLEncoding.EncodeToString(sum[:]) {
			answerJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
			return
		}
		a.refreshes[refresh] = true
		answer["refresh_token"] = refresh
	case "refresh_token":
		old := r.FormValue("refresh_token")
		if !a.refreshes[old] {
			answerJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
			return
		}
		if a.Rotate {
			delete(a.refreshes, old)
			a.refreshes[refresh] = true
			answer["refresh_token"] = refresh
		}
	default:
		answerJSON(w, http.StatusBadRequest, map[string]string{"error": "unsupported_grant_type"})
		return
	}
	token := rand.Text()
	a.tokens[token] = true
	a.given++
	answer["access_token"] = token
	answerJSON(w, http.StatusOK, answer)
}
