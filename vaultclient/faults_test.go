package vaultclient_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-backup/holdfast/core/vaults"
	"github.com/holdfast-backup/holdfast/vault/api"
	cards "github.com/holdfast-backup/holdfast/vault/card"
	"github.com/holdfast-backup/holdfast/vault/vaultd/vaultdtest"
	"github.com/holdfast-backup/holdfast/vaultclient"
)

// proxy stands between a client and vaultd and does harm.
type proxy struct {
	*httptest.Server
	t      testing.TB
	to     *vaultdtest.Vaultd
	client *http.Client

	mu sync.Mutex
	// harm decides what becomes of a request: "" nothing, "before": it never
	// arrives; "after": its answer is lost; "late": it arrives again, much later; "503";
	// "before 2": a vault of the version before stands there, which knows half an id of a start; "hang": no answer comes.
	harm func(r *http.Request) string
	late []func()
	hits map[string]int
	// alter changes the answers; nil: none.
	alter func(path string, body []byte) []byte
	hung  chan struct{} // closed when what hangs may end
}

// watch has a function change all answers.
func (p *proxy) watch(alter func(path string, body []byte) []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.alter = alter
}

// release ends what hangs.
func (p *proxy) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.hung)
	p.hung = make(chan struct{})
}

func newProxy(t testing.TB, to *vaultdtest.Vaultd) *proxy {
	t.Helper()
	p := &proxy{t: t, to: to, hits: map[string]int{}, harm: func(*http.Request) string { return "" }, hung: make(chan struct{})}
	// it is the attacker
	p.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(p.handle))
	p.Config.ErrorLog = nil
	p.EnableHTTP2 = false
	p.StartTLS()
	t.Cleanup(func() {
		p.release()
		p.Close()
	})
	return p
}

// card leads to the proxy instead.
func (p *proxy) card(card []byte) []byte {
	c, err := cards.Parse(card)
	must(p.t, err)
	c.URL, c.Certificate = cards.URL(p.URL), p.Certificate().Raw
	return c.Encode()
}

func (p *proxy) handle(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	p.mu.Lock()
	harm := p.harm(r)
	p.hits[harm]++
	to, alter, hung := p.to, p.alter, p.hung
	var late []func()
	if harm == "" {
		late, p.late = p.late, nil
	}
	p.mu.Unlock()
	forward := func() *http.Response {
		q, err := http.NewRequest(r.Method, "https://"+to.Addr+r.URL.RequestURI(), bytes.NewReader(body))
		if err != nil {
			return nil
		}
		q.Header = r.Header.Clone()
		answer, err := p.client.Do(q)
		if err != nil {
			return nil
		}
		return answer
	}
	switch harm {
	case "before":
		panic(http.ErrAbortHandler)
	case "hang":
		<-hung
		panic(http.ErrAbortHandler)
	case "503":
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case "before 2":
		var q api.RecoveryFinish
		if json.Unmarshal(body, &q) == nil && len(q.Start) != 0 && len(q.Start) != 16 {
			w.WriteHeader(http.StatusBadRequest)
			// the client is gone then
			_ = json.NewEncoder(w).Encode(api.Problem{Type: api.TypePrefix + string(api.CodeInvalid), Detail: "a start has 16 bytes"})
			return
		}
	}
	answer := forward()
	if answer == nil || harm == "after" {
		panic(http.ErrAbortHandler)
	}
	defer answer.Body.Close() //nolint:errcheck // a test's
	for _, again := range late {
		again()
	}
	if harm == "late" {
		p.mu.Lock()
		p.late = append(p.late, func() {
			if a := forward(); a != nil {
				_ = a.Body.Close() // nothing to do about it
			}
		})
		p.mu.Unlock()
	}
	for k, v := range answer.Header {
		w.Header()[k] = v
	}
	said, err := io.ReadAll(answer.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if alter != nil {
		said = alter(r.URL.Path, said)
		w.Header().Del("Content-Length")
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = w.Write(said) // the client is gone then
}

// A network that loses, breaks and doubles messages: each password tried costs
// one guess, and the right one works.
func TestOneTryIsOneGuess(t *testing.T) {
	d := served(t, "--guess-delays", "0", "--rate-address", "0", "--rate-account", "0")
	p := newProxy(t, d)
	random := rand.New(rand.NewPCG(1, 2))
	p.harm = func(*http.Request) string {
		return []string{"", "", "", "", "before", "after", "late", "503"}[random.IntN(8)]
	}
	v, err := vaultclient.Open(t.Context(), vaultclient.Params{Card: p.card(d.Card())})
	must(t, err)
	defer func() { must(t, v.Close()) }()
	key := secret()
	card, err := v.SetPassword(t.Context(), vaultclient.NewPassword{Password: []byte("right"), Key: key, Seed: secret()})
	must(t, err)
	c, err := cards.Parse(card)
	must(t, err)
	straight := remote(d)(t, func() []byte {
		own, err := cards.Parse(d.Card())
		must(t, err)
		own.Account = c.Account
		return own.Encode()
	}())
	defer func() { must(t, straight.Close()) }()
	status := func() vaults.State {
		t.Helper()
		s, err := straight.State(t.Context())
		must(t, err)
		return s
	}
	if s := status(); len(s.Past) != 1 {
		t.Errorf("setting the password took %d guesses", len(s.Past))
	}
	for i := range 8 {
		_, err := v.Recover(t.Context(), []byte("wrong"))
		var w *vaults.Error
		if !errors.As(err, &w) || w.GuessesLeft != 9-i {
			t.Fatalf("try %d: %v", i, err)
		}
		if s := status(); s.GuessesLeft != 9-i || len(s.Past) != 2+i {
			t.Fatalf("after try %d: %+v", i, s)
		}
	}
	got, err := v.Recover(t.Context(), []byte("right"))
	if err != nil || !bytes.Equal(got, key) {
		t.Errorf("the right password: %v", err)
	}
	if s := status(); s.GuessesLeft != 10 || len(s.Past) != 10 {
		t.Errorf("%+v", s)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, harm := range []string{"before", "after", "late", "503"} {
		if p.hits[harm] == 0 {
			t.Errorf("%q never happened", harm)
		}
	}
}

// Vaultd is killed and started again between KE2 and KE3: the same try goes on.
func TestRestartBetweenTheMessages(t *testing.T) {
	d := served(t, "--guess-delays", "0")
	p := newProxy(t, d)
	v, err := vaultclient.Open(t.Context(), vaultclient.Params{Card: p.card(d.Card())})
	must(t, err)
	defer func() { must(t, v.Close()) }()
	key := secret()
	_, err = v.SetPassword(t.Context(), vaultclient.NewPassword{Password: []byte("right"), Key: key, Seed: secret()})
	must(t, err)
	restarts := 0
	p.mu.Lock()
	p.harm = func(r *http.Request) string {
		if restarts == 0 && strings.HasSuffix(r.URL.Path, "/recovery/finish") {
			restarts++
			d.Kill()
			if !d.Start() {
				t.Error("vaultd does not start again")
			}
		}
		return ""
	}
	p.mu.Unlock()
	got, err := v.Recover(t.Context(), []byte("right"))
	if err != nil || !bytes.Equal(got, key) || restarts != 1 {
		t.Fatalf("%v, %d restarts", err, restarts)
	}
	if s, err := v.State(t.Context()); err != nil || s.GuessesLeft != 10 || len(s.Past) != 2 {
		t.Errorf("%+v %v", s, err)
	}
}

// A vault of the version before takes half an id of a start, and this one takes it too.
func TestHalfAStartID(t *testing.T) {
	d := served(t, "--guess-delays", "0")
	p := newProxy(t, d)
	p.harm = func(*http.Request) string { return "before 2" }
	v, err := vaultclient.Open(t.Context(), vaultclient.Params{Card: p.card(d.Card())})
	must(t, err)
	defer func() { must(t, v.Close()) }()
	key := secret()
	_, err = v.SetPassword(t.Context(), vaultclient.NewPassword{Password: []byte("right"), Key: key, Seed: secret()})
	must(t, err)
	_, err = v.Recover(t.Context(), []byte("wrong"))
	wantErr(t, "wrong", err, vaults.ErrWrongPassword)
	got, err := v.Recover(t.Context(), []byte("right"))
	if err != nil || !bytes.Equal(got, key) {
		t.Error(err)
	}
	if s, err := v.State(t.Context()); err != nil || s.GuessesLeft != 10 || len(s.Past) != 3 {
		t.Errorf("%+v %v", s, err)
	}
}

func TestUnreachableAndImpostors(t *testing.T) {
	d := served(t)
	card, err := cards.Parse(d.Card())
	must(t, err)
	card.Account = make([]byte, 32)
	status := func(change func(c *cards.Card)) error {
		c := card
		change(&c)
		v, err := vaultclient.Open(t.Context(), vaultclient.Params{Card: c.Encode()})
		if err != nil {
			return err
		}
		defer v.Close() //nolint:errcheck // a test's
		_, err = v.State(t.Context())
		return err
	}
	wantErr(t, "an unknown account", status(func(*cards.Card) {}), vaultclient.ErrNoAccount)
	// Without the pin, a self-signed certificate is not accepted; nor is another than the pinned one.
	wantErr(t, "no pin", status(func(c *cards.Card) { c.Certificate = nil }), vaultclient.ErrNotTheVault)
	p := newProxy(t, d)
	wantErr(t, "another certificate", status(func(c *cards.Card) { c.URL = cards.URL(p.URL) }), vaultclient.ErrNotTheVault)
	// A web page of some hotel answers everything with 200 and HTML.
	hotel := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_,
			_ = io.WriteString(w, "<html>welcome</html>")
	}))
	defer hotel.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	nobody := "https://" + l.Addr().String()
	must(t, l.Close())
	var group sync.WaitGroup // each takes as long as messages are repeated
	for what, change := range map[string]func(c *cards.Card){
		"nobody listens": func(c *cards.Card) { c.URL = cards.URL(nobody) },
		"a hotel":        func(c *cards.Card) { c.URL, c.Certificate = cards.URL(hotel.URL), hotel.Certificate().Raw },
	} {
		group.Go(func() {
			err := status(change)
			wantErr(t, what, err, vaults.ErrUnreachable)
			if err != nil && (strings.Contains(err.Error(), "00000000") || strings.Contains(err.Error(), "/v1/accounts")) {
				t.Errorf("%v shows the account", err)
			}
		})
	}
	group.Wait()

	// A card whose public key is another vault's: nothing is registered.
	other := vaultclientCard(t, card)
	v, err := vaultclient.Open(t.Context(), vaultclient.Params{Card: other})
	must(t, err)
	defer v.Close() //nolint:errcheck // a test's
	_, err = v.SetPassword(t.Context(), vaultclient.NewPassword{Password: []byte("right"), Key: secret(), Seed: secret()})
	wantErr(t, "another public key", err, vaultclient.ErrNotTheVault)
}

// A card with another public key costs no guess, however often the right password is typed.
func TestAnAlteredKeyCostsNoGuess(t *testing.T) {
	d := served(t, "--guess-delays", "0")
	v := remote(d)(t, nil)
	defer func() { must(t, v.Close()) }()
	key := secret()
	card, err := v.SetPassword(t.Context(), vaultclient.NewPassword{Password: []byte("right"), Key: key, Seed: secret()})
	must(t, err)
	c, err := cards.Parse(card)
	must(t, err)
	altered, err := cards.Parse(vaultclientCard(t, c))
	must(t, err)
	altered.Account = c.Account
	w := remote(d)(t, altered.Encode())
	defer func() { must(t, w.Close()) }()
	for range 11 {
		_, err := w.Recover(t.Context(), []byte("right"))
		wantErr(t, "an altered key", err, vaultclient.ErrNotTheVault)
	}
	if s, err := v.State(t.Context()); err != nil || s.GuessesLeft != 10 || len(s.Past) != 1 {
		t.Errorf("%+v %v", s, err)
	}
	got, err := v.Recover(t.Context(), []byte("right"))
	if err != nil || !bytes.Equal(got, key) {
		t.Error(err)
	}
}

// vaultclientCard is the card with a made-up public key and no account.
func vaultclientCard(t *testing.T, c cards.Card) []byte {
	t.Helper()
	c.Account = nil
	for c.PublicKey = bytes.Clone(c.PublicKey); ; {
		c.PublicKey[20]++
		if _, err := cards.Parse(c.Encode()); err == nil {
			return c.Encode()
		}
	}
}

func TestEnrolment(t *testing.T) {
	file := t.TempDir() + "/enrolment"
	must(t, writeFile(file, "planted-enrolment\n"))
	d := served(t, "--enrolment-token-file", file)
	for token, want := range map[string]error{"": vaults.ErrEnrolment, "wrong": vaults.ErrEnrolment, "planted-enrolment": nil} {
		v, err := vaultclient.Open(t.Context(), vaultclient.Params{Card: d.Card(), EnrolmentToken: []byte(token)})
		must(t, err)
		_, err = v.SetPassword(t.Context(), vaultclient.NewPassword{Password: []byte("right"), Key: secret(), Seed: secret()})
		if !errors.Is(err, want) {
			t.Errorf("token %q: %v", token, err)
		}
		must(t, v.Close())
	}
	if strings.Contains(d.Output(), "planted") {
		t.Error("the token is in the log")
	}
}
