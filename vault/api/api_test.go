package api_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core/opaque/opaquetest"
	"github.com/holdfast-backup/holdfast/vault"
	"github.com/holdfast-backup/holdfast/vault/api"
	"github.com/holdfast-backup/holdfast/vault/hsm"
	"github.com/holdfast-backup/holdfast/vault/hsm/hsmtest"
	"github.com/holdfast-backup/holdfast/vault/store"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// site is a served vault and an account on it.
type site struct {
	t          *testing.T
	vault      *vault.Vault
	server     *api.Server
	logs       *bytes.Buffer
	id         vault.AccountID
	management ed25519.PrivateKey
	public     []byte
	spec       *spec
}

func newSite(t *testing.T, p api.Params, policy vault.Policy) *site {
	t.Helper()
	uri := hsmtest.SoftHSM(t, "vault")
	must(t, hsm.Init(t.Context(), hsm.Params{URI: uri}))
	h, err := hsm.Open(t.Context(), hsm.Params{URI: uri})
	must(t, err)
	t.Cleanup(h.Close)
	v, err := vault.Open(t.Context(), vault.Params{Store: store.NewMemory(), HSM: h, Name: "test", Policy: policy})
	must(t, err)
	t.Cleanup(v.Close)
	s := &site{t: t, vault: v, logs: &bytes.Buffer{}, id: vault.AccountID{1, 2, 3}, public: v.Public().PublicKey, spec: readSpec(t)}
	_, s.management, _ = ed25519.GenerateKey(nil)
	p.Vault, p.Log = v, slog.New(slog.NewTextHandler(s.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s.server = api.New(p)
	return s
}

// send makes a request, holds request and answer against openapi.yaml, and
// returns status and body.
func (s *site) send(method, path string, body any, header ...string) (int, []byte) {
	s.t.Helper()
	var r io.Reader
	if text, ok := body.(string); ok {
		r = strings.NewReader(text)
	} else if body != nil {
		text, err := json.Marshal(body)
		must(s.t, err)
		r = bytes.NewReader(text)
	}
	q := httptest.NewRequestWithContext(s.t.Context(), method, path, r)
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		q.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.server.ServeHTTP(w, q)
	s.spec.check(s.t, method, q.URL.Path, w)
	return w.Code, w.Body.Bytes()
}

func (s *site) want(status int, code api.Code, method, path string, body any, header ...string) []byte {
	s.t.Helper()
	got, answer := s.send(method, path, body, header...)
	if got != status {
		s.t.Errorf("%s %s: %d %s, not %d", method, path, got, answer, status)
	}
	if code != "" {
		var p api.Problem
		if err := json.Unmarshal(answer, &p); err != nil || p.Type != api.TypePrefix+string(code) || p.Status != status {
			s.t.Errorf("%s %s: %s", method, path, answer)
		}
	}
	return answer
}

func parse[T any](t *testing.T, b []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return v
}

func (s *site) account() string { return "/v1/accounts/" + api.FormatID(s.id) }

func (s *site) registration(password string, header ...string) api.RegistrationFinish {
	s.t.Helper()
	c := opaquetest.New()
	reply := parse[api.RegistrationReply](s.t,
		s.want(200, "", "POST", s.account()+"/registration", api.RegistrationStart{Request: c.Request([]byte(password))}, header...))
	record, _, err := c.Record(reply.Response, s.id[:], s.public)
	must(s.t, err)
	r := vault.Registration{Ticket: reply.Ticket, Record: record, SealedKey: []byte("sealed"),
		Management: s.management.Public().(ed25519.PublicKey)}
	return api.RegistrationFinish{Ticket: r.Ticket, Record: r.Record, SealedKey: r.SealedKey, ManagementKey: r.Management,
		Signature: ed25519.Sign(s.management, vault.RegistrationMessage(s.public, s.id, r))}
}

// guess runs a recovery and returns the status of its last answer.
func (s *site) guess(password string) (int, []byte) {
	s.t.Helper()
	a := parse[api.Account](s.t, s.want(200, "", "GET", s.account(), nil))
	c := opaquetest.New()
	ke1 := c.KE1([]byte(password))
	status, body := s.send("POST", s.account()+"/recovery", api.RecoveryStart{KE1: ke1, Version: a.Version})
	if status != 200 {
		return status, body
	}
	reply := parse[api.RecoveryReply](s.t, body)
	ke3, session, _, err := c.KE3(reply.KE2, s.id[:], s.public)
	if err != nil {
		ke3 = bytes.Repeat([]byte{7}, 32)
	}
	start := vault.StartID(ke1)
	status, body = s.send("POST", s.account()+"/recovery/finish", api.RecoveryFinish{Start: start[:], KE3: ke3})
	if status == 200 {
		sealed, err := vault.OpenRelease(session, s.id, parse[api.Released](s.t, body).Released)
		must(s.t, err)
		body = sealed
	}
	return status, body
}

func TestTheWholeWay(t *testing.T) {
	s := newSite(t, api.Params{}, vault.Policy{})
	if v := parse[api.Vault](t, s.want(200, "", "GET", "/v1/vault", nil)); v.Name != "test" || v.Suite != 1 || v.Guesses != 10 ||
		!bytes.Equal(v.PublicKey, s.public) {
		t.Errorf("%+v", v)
	}
	s.want(404, api.CodeNoAccount, "GET", s.account(), nil)
	r := s.registration("right")
	s.want(204, "", "POST", s.account()+"/registration/finish", r)
	s.want(204, "", "POST", s.account()+"/registration/finish", r)
	if status, body := s.guess("right"); status != 200 || string(body) != "sealed" {
		t.Errorf("%d %s", status, body)
	}
	for range 9 {
		if status, body := s.guess("wrong"); status != 403 {
			t.Errorf("%d %s", status, body)
		}
	}
	if a := parse[api.Account](t, s.want(200, "", "GET", s.account(), nil)); a.State != api.StateLiving || a.GuessesLeft != 1 ||
		len(a.Guesses) != 10 {
		t.Errorf("%+v", a)
	}
	status, body := s.guess("wrong")
	if p := parse[api.Problem](t, body); status != 410 || p.Reason != vault.ReasonGuesses {
		t.Errorf("the last guess: %d %s", status, body)
	}
	if status, _ := s.guess("right"); status != 410 {
		t.Errorf("afterwards: %d", status)
	}
	a := parse[api.Account](t, s.want(200, "", "GET", s.account(), nil))
	if a.State != api.StateDestroyed || a.Reason != vault.ReasonGuesses {
		t.Errorf("%+v", a)
	}
	signature := func(version uint64) string {
		sig := ed25519.Sign(s.management, vault.DeletionMessage(s.public, s.id, version))
		return fmt.Sprintf("?version=%d&signature=%s", version, base64.RawURLEncoding.EncodeToString(sig))
	}
	s.want(409, api.CodeStale, "DELETE", s.account()+signature(a.Version-1), nil)
	s.want(400, api.CodeInvalid, "DELETE", s.account(), nil)
	s.want(400, api.CodeInvalid, "DELETE", s.account()+signature(a.Version)+"&more=1", nil)
	s.want(403, api.CodeSignature, "DELETE",
		s.account()+strings.Replace(signature(a.Version), "signature=", "signature=AAAA", 1)[:len(signature(a.Version))], nil)
	s.want(204, "", "DELETE", s.account()+signature(a.Version), nil)
	s.want(404, api.CodeNoAccount, "DELETE", s.account()+signature(a.Version), nil)
	s.want(200, "", "GET", "/healthz", nil)
	s.want(200, "", "GET", "/readyz", nil)
	s.want(404, api.CodeNotFound, "GET", "/v2/vault", nil)
	s.want(404, api.CodeNotFound, "PUT", s.account(), nil)
}

func TestWaiting(t *testing.T) {
	s := newSite(t, api.Params{}, vault.Policy{Delays: []time.Duration{time.Hour}})
	s.want(204, "", "POST", s.account()+"/registration/finish", s.registration("right"))
	for range 3 {
		s.guess("wrong")
	}
	status, body := s.guess("right")
	p := parse[api.Problem](t, body)
	if left := time.Until(p.WaitUntil); status != 429 || p.Type != api.TypePrefix+string(api.CodeWait) || left < 59*time.Minute ||
		left > time.Hour {
		t.Errorf("%d %s", status, body)
	}
	if a := parse[api.Account](t, s.want(200, "", "GET", s.account(), nil)); a.WaitUntil.IsZero() || a.GuessesLeft != 7 {
		t.Errorf("%+v", a)
	}
}

func TestBadRequestsChangeNothing(t *testing.T) {
	s := newSite(t, api.Params{}, vault.Policy{})
	good := s.registration("right")
	s.want(204, "", "POST", s.account()+"/registration/finish", good)
	before := s.want(200, "", "GET", s.account(), nil)
	text := func(v any) string { b, err := json.Marshal(v); must(t, err); return string(b) }
	start := api.RecoveryStart{KE1: opaquetest.New().KE1([]byte("right")), Version: parse[api.Account](t, before).Version}
	offCurve := bytes.Clone(start.KE1)
	for i := range 33 { // some x has no point
		offCurve[32] = byte(i)
		if _, err := opaquetest.New().Deserialize.KE1(offCurve); err != nil {
			break
		}
	}
	for what, body := range map[string]any{
		"no body": "", "not JSON": "x", "an array": "[]", "two objects": text(start) + "{}",
		"unknown field": strings.Replace(text(start), "{", `{"more":1,`, 1),
		"no base64":     `{"ke1":"!","version":1}`, "short": api.RecoveryStart{KE1: start.KE1[1:], Version: start.Version},
		"long": api.RecoveryStart{KE1: append(start.KE1, 0), Version: start.Version}, "nothing": "{}", "null": "null",
		"off the curve":    api.RecoveryStart{KE1: offCurve, Version: start.Version},
		"zeros":            api.RecoveryStart{KE1: make([]byte, 98), Version: start.Version},
		"negative version": strings.Replace(text(start), `"version":`, `"version":-`, 1),
		"over 8 KiB":       text(start) + strings.Repeat(" ", api.MaxBodyBytes),
		"wrong type":       `{"ke1":{},"version":1}`,
	} {
		t.Run(what, func(t *testing.T) {
			s.want(400, api.CodeInvalid, "POST", s.account()+"/recovery", body)
		})
	}
	s.want(400, api.CodeInvalid, "POST", s.account()+"/recovery", text(start), "Content-Type", "text/plain")
	for _, id := range []string{"x", strings.Repeat("0", 63), strings.Repeat("0", 66), strings.Repeat("AB", 32)} {
		s.want(400, api.CodeInvalid, "POST", "/v1/accounts/"+id+"/recovery", start)
		s.want(400, api.CodeInvalid, "GET", "/v1/accounts/"+id, nil)
	}
	for _, bad := range []api.RegistrationFinish{{},
		{Ticket: good.Ticket, Record: good.Record, SealedKey: good.SealedKey, ManagementKey: good.ManagementKey, Signature: good.Signature[1:]},
		{Ticket: good.Ticket[1:], Record: good.Record, SealedKey: good.SealedKey, ManagementKey: good.ManagementKey, Signature: good.Signature},
		{Ticket: good.Ticket, Record: good.Record, SealedKey: make([]byte, 257), ManagementKey: good.ManagementKey, Signature: good.Signature}} {
		s.want(400, api.CodeInvalid, "POST", s.account()+"/registration/finish", bad)
	}
	s.want(400, api.CodeInvalid, "POST", s.account()+"/registration", api.RegistrationStart{Request: make([]byte, 33)})
	s.want(400, api.CodeInvalid, "POST", s.account()+"/recovery/finish", api.RecoveryFinish{Start: make([]byte, 16), KE3: make([]byte, 31)})
	if after := s.want(200, "", "GET", s.account(), nil); !bytes.Equal(before, after) {
		t.Errorf("%s became %s", before, after)
	}
}

func TestEnrolmentToken(t *testing.T) {
	s := newSite(t, api.Params{EnrolmentToken: []byte("planted-token")}, vault.Policy{})
	start := api.RegistrationStart{Request: opaquetest.New().Request([]byte("right"))}
	s.want(401, api.CodeEnrolment, "POST", s.account()+"/registration", start)
	s.want(401, api.CodeEnrolment, "POST", s.account()+"/registration", start, "Authorization", "Bearer wrong")
	r := s.registration("right", "Authorization", "Bearer planted-token")
	path := s.account() + "/registration/finish"
	s.want(401, api.CodeEnrolment, "POST", path, r)
	s.want(401, api.CodeEnrolment, "POST", path, r, "Authorization", "Bearer wrong")
	s.want(204, "", "POST", path, r, "Authorization", "Bearer planted-token")
	s.want(204, "", "POST", path, s.registration("next")) // known accounts need the management key only
	if strings.Contains(s.logs.String(), "planted") {
		t.Error("the token is in the log")
	}
}

// Nobody makes a new account at a vault that is closed; who has one goes on.
func TestClosedRegistration(t *testing.T) {
	s := newSite(t, api.Params{Closed: true}, vault.Policy{})
	s.want(401, api.CodeEnrolment, "POST", s.account()+"/registration",
		api.RegistrationStart{Request: opaquetest.New().Request([]byte("right"))})
	open := api.New(api.Params{Vault: s.vault})
	closed := s.server
	s.server = open
	s.want(204, "", "POST", s.account()+"/registration/finish", s.registration("right"))
	s.server = closed
	s.want(204, "", "POST", s.account()+"/registration/finish", s.registration("next"))
}

func TestRateLimits(t *testing.T) {
	s := newSite(t, api.Params{PerAddress: api.Rate{PerMinute: 60, Burst: 20}, PerAccount: api.Rate{PerMinute: 60, Burst: 5}}, vault.Policy{})
	statuses := map[int]int{}
	for range 30 {
		status, _ := s.send("GET", s.account(), nil)
		statuses[status]++
	}
	if statuses[404] < 5 || statuses[404] > 8 || statuses[429] < 20 {
		t.Errorf("by account: %v", statuses)
	}
	s.want(429, api.CodeRate, "GET", "/v1/vault", nil) // by now the address, too
	for range 30 {
		s.want(200, "", "GET", "/healthz", nil)
	}
}

func TestMetrics(t *testing.T) {
	s := newSite(t, api.Params{}, vault.Policy{})
	s.want(204, "", "POST", s.account()+"/registration/finish", s.registration("right"))
	s.guess("right")
	s.guess("wrong")
	w := httptest.NewRecorder()
	s.server.Metrics().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	for _, line := range []string{"holdfast_vault_ready 1", "holdfast_vault_accounts 1", "holdfast_vault_guesses_total 2",
		"holdfast_vault_guesses_right_total 1", "holdfast_vault_guesses_wrong_total 1",
		`holdfast_vault_requests_total{route="POST /v1/accounts/{id}/recovery/finish",status="403"} 1`,
		`holdfast_vault_request_seconds_count{route="POST /v1/accounts/{id}/recovery"} 2`} {
		if !strings.Contains(w.Body.String(), "\n"+line+"\n") {
			t.Errorf("no %q in\n%s", line, w.Body)
		}
	}
	if w := s.server; w == nil {
		t.Fatal()
	}
	got := httptest.NewRecorder()
	s.server.ServeHTTP(got, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	if got.Code != http.StatusNotFound {
		t.Error("metrics are served to everybody")
	}
}

// Logs at the most talkative level show no account, no body, no address.
func TestLogsShowNothing(t *testing.T) {
	s := newSite(t, api.Params{}, vault.Policy{})
	r := s.registration("planted-password")
	s.want(204, "", "POST", s.account()+"/registration/finish", r)
	s.guess("planted-password")
	for range 10 {
		s.guess("planted-wrong")
	}
	s.send("GET", "/planted/path?planted=1", nil)
	s.send("POST", s.account()+"/recovery", `{"planted":"planted"}`)
	for _, secret := range []string{"planted", api.FormatID(s.id), "AQIDAAAA", base64.StdEncoding.EncodeToString(r.Record),
		base64.StdEncoding.EncodeToString(r.Ticket), "192.0.2.1"} {
		if strings.Contains(s.logs.String(), secret) {
			t.Errorf("the log shows %q", secret)
		}
	}
	if !strings.Contains(s.logs.String(), "route=") {
		t.Error("nothing was logged at all")
	}
}
