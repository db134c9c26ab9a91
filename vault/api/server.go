package api

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-backup/holdfast/vault"
)

// Params are what a Server is made of.
type Params struct {
	Vault *vault.Vault // required
	// EnrolmentToken, if any, must be known to make a new account. The server keeps its hash only.
	EnrolmentToken []byte
	// Closed: nobody may make a new account. Without it and without an EnrolmentToken, anybody may.
	Closed bool
	// Gauges are further metrics, of the program.
	Gauges func() []Gauge
	// PerAddress and PerAccount limit requests; their zero values do not.
	PerAddress, PerAccount Rate
	Log                    *slog.Logger     // nil: none
	Now                    func() time.Time // nil: time.Now
}

// Server answers the API's requests. It is an http.Handler.
type Server struct {
	p         Params
	mux       *http.ServeMux
	enrolment []byte
	addresses *limiter[netip.Prefix]
	accounts  *limiter[vault.AccountID]
	working   chan struct{} // holds one element for each request under way
	readiness readiness
	metrics   metrics
}

// maxWorking is how many requests are worked on at once; more are asked to come again.
const maxWorking = 1024

// New makes a server.
func New(p Params) *Server {
	if p.Vault == nil {
		panic("api: Params.Vault is required")
	}
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	s := &Server{p: p, mux: http.NewServeMux(), addresses: newLimiter[netip.Prefix](p.PerAddress),
		accounts: newLimiter[vault.AccountID](p.PerAccount),
		working:  make(chan struct{}, maxWorking)}
	if len(p.EnrolmentToken) > 0 {
		sum := sha256.Sum256(p.EnrolmentToken)
		s.enrolment = sum[:]
		s.p.EnrolmentToken = nil
	}
	for route, handle := range s.routes() {
		s.metrics.add(route)
		s.mux.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, route, handle) })
	}
	s.metrics.add(unknownRoute)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.serve(w, r, unknownRoute, func(*http.Request) (any, error) { return nil, errNotFound })
	})
	return s
}

const unknownRoute = "unknown"

// handler answers one request with what is to be JSON, nil for 204.
type handler func(r *http.Request) (any, error)

func (s *Server) routes() map[string]handler {
	return map[string]handler{
		"GET /v1/vault":                              s.vault,
		"POST /v1/accounts/{id}/registration":        s.registrationStart,
		"POST /v1/accounts/{id}/registration/finish": s.registrationFinish,
		"POST /v1/accounts/{id}/recovery":            s.recoveryStart,
		"POST /v1/accounts/{id}/recovery/finish":     s.recoveryFinish,
		"GET /v1/accounts/{id}":                      s.account,
		"DELETE /v1/accounts/{id}":                   s.remove,
		"GET /healthz":                               s.healthy,
		"GET /readyz":                                s.ready,
	}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

func (s *Server) serve(w http.ResponseWriter, r *http.Request, route string, handle handler) {
	begun := s.p.Now()
	status := s.answer(w, r, route, guarded(handle))
	took := s.p.Now().Sub(begun)
	s.metrics.observe(route, status, took)
	level := slog.LevelDebug
	if status >= 500 {
		level = slog.LevelWarn
	}
	s.p.Log.Log(r.Context(), level, "request", "route", route, "status", status, "took", took)
}

// health are the routes that are never limited.
var health = []string{"GET /healthz", "GET /readyz"}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, route string, handle handler) int {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if !slices.Contains(health, route) {
		if err := s.admit(r, route); err != nil {
			return s.problem(w, err)
		}
		select {
		case s.working <- struct{}{}:
			defer func() { <-s.working }()
		default:
			return s.problem(w, &rateError{time.Second})
		}
	}
	r.Body = http.MaxBytesReader(w, r.Body, MaxBodyBytes)
	body, err := handle(r)
	if err != nil {
		return s.problem(w, err)
	}
	if body == nil {
		w.WriteHeader(http.StatusNoContent)
		return http.StatusNoContent
	}
	return writeJSON(w, "application/json", http.StatusOK, body)
}

// admit refuses who asks too often. Nothing that a stranger chose is remembered but in a form of fixed size.
func (s *Server) admit(r *http.Request, route string) error {
	now := s.p.Now()
	if wait := s.addresses.take(address(r.RemoteAddr), now); wait > 0 {
		return &rateError{wait}
	}
	if !strings.Contains(route, "{id}") {
		return nil
	}
	id, err := s.id(r)
	if err != nil {
		return err
	}
	if wait := s.accounts.take(id, now); wait > 0 {
		return &rateError{wait}
	}
	return nil
}

// guarded turns a panic into an error without a stack trace: the arguments in
// one can hold secrets.
func guarded(handle handler) handler {
	return func(r *http.Request) (body any, err error) {
		defer func() {
			if p := recover(); p != nil {
				body, err = nil, fmt.Errorf("%w: a %T in the code", vault.ErrUnavailable, p)
			}
		}()
		return handle(r)
	}
}

func writeJSON(w http.ResponseWriter, kind string, status int, body any) int {
	text, err := json.Marshal(body)
	if err != nil {
		panic("api: " + err.Error()) // our own types
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)+1))
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // the client is gone then
	return status
}

// decode reads exactly one JSON object with known fields.
func decode(r *http.Request, into any) error {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(kind) != "application/json" {
		return invalid("Content-Type is not application/json")
	}
	text, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return invalid("the body is longer than 8 KiB")
	case err != nil:
		return invalid("the body cannot be read")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return invalid("the body is not the JSON object that is expected")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return invalid("something follows the JSON object")
	}
	return nil
}

func (s *Server) id(r *http.Request) (vault.AccountID, error) {
	id, ok := parseID(r.PathValue("id"))
	if !ok {
		return id, invalid("an account id is 64 lower-case hexadecimal digits")
	}
	return id, nil
}

func (s *Server) vault(*http.Request) (any, error) {
	p := s.p.Vault.Public()
	return Vault{p.Name, p.Suite, p.PublicKey, p.Guesses, vault.WrongCap}, nil
}

func (s *Server) registrationStart(r *http.Request) (any, error) {
	var q RegistrationStart
	id, err := s.id(r)
	if err == nil {
		err = decode(r, &q)
	}
	if err != nil {
		return nil, err
	}
	reply, err := s.p.Vault.RegisterStart(r.Context(), id, vault.RegistrationRequest{Request: q.Request, Enrolled: s.enrolled(r)})
	if err != nil {
		return nil, err
	}
	return RegistrationReply{reply.Response, reply.Ticket}, nil
}

func (s *Server) registrationFinish(r *http.Request) (any, error) {
	var q RegistrationFinish
	id, err := s.id(r)
	if err == nil {
		err = decode(r, &q)
	}
	if err != nil {
		return nil, err
	}
	return nil, s.p.Vault.RegisterFinish(r.Context(), id, vault.Registration{
		Ticket: q.Ticket, Record: q.Record, SealedKey: q.SealedKey, Management: q.ManagementKey, Signature: q.Signature, Enrolled: s.enrolled(r),
	})
}

// enrolled tells in constant time whether the client has the enrolment token, if there is one.
func (s *Server) enrolled(r *http.Request) bool {
	if s.enrolment == nil {
		return !s.p.Closed
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	sum := sha256.Sum256([]byte(token))
	return ok && subtle.ConstantTimeCompare(sum[:], s.enrolment) == 1
}

func (s *Server) recoveryStart(r *http.Request) (any, error) {
	var q RecoveryStart
	id, err := s.id(r)
	if err == nil {
		err = decode(r, &q)
	}
	if err != nil {
		return nil, err
	}
	reply, err := s.p.Vault.RecoverStart(r.Context(), id, vault.RecoveryStart{KE1: q.KE1, Version: q.Version})
	if err != nil {
		return nil, err
	}
	return RecoveryReply{reply.KE2, reply.GuessesLeft}, nil
}

func (s *Server) recoveryFinish(r *http.Request) (any, error) {
	var q RecoveryFinish
	id, err := s.id(r)
	if err == nil {
		err = decode(r, &q)
	}
	if err != nil {
		return nil, err
	}
	released, err := s.p.Vault.RecoverFinish(r.Context(), id, vault.RecoveryFinish{Start: q.Start, KE3: q.KE3})
	if err != nil {
		return nil, err
	}
	return Released{released}, nil
}

func (s *Server) account(r *http.Request) (any, error) {
	id, err := s.id(r)
	if err != nil {
		return nil, err
	}
	a, err := s.p.Vault.Account(r.Context(), id)
	if err != nil {
		return nil, err
	}
	answer := Account{State: StateLiving, Reason: a.Reason, GuessesLeft: a.GuessesLeft, Version: a.Version,
		WrongGuesses: a.Wrong, Registered: a.Registered.UTC(), Changed: a.Changed.UTC(), Guesses: []Guess{}}
	if a.Reason != "" {
		answer.State = StateDestroyed
	}
	if !a.WaitUntil.IsZero() {
		answer.WaitUntil = a.WaitUntil.UTC()
	}
	for _, g := range a.Past {
		answer.Guesses = append(answer.Guesses, Guess{g.Time.UTC(), g.Outcome})
	}
	return answer, nil
}

// remove takes version and signature from the query, since some proxies drop
// the body of a DELETE. Neither is secret.
func (s *Server) remove(r *http.Request) (any, error) {
	id, err := s.id(r)
	if err != nil {
		return nil, err
	}
	query := r.URL.Query()
	for name := range query {
		if name != "version" && name != "signature" {
			return nil, invalid("an unknown query parameter")
		}
	}
	version, err := strconv.ParseUint(query.Get("version"), 10, 64)
	if err != nil {
		return nil, invalid("version is not a number")
	}
	signature, err := base64.RawURLEncoding.DecodeString(query.Get("signature"))
	if err != nil {
		return nil, invalid("signature is not base64url")
	}
	return nil, s.p.Vault.Delete(r.Context(), id, version, signature)
}

func (s *Server) healthy(*http.Request) (any, error) { return map[string]string{"status": "ok"}, nil }

func (s *Server) ready(r *http.Request) (any, error) {
	if err := s.isReady(r.Context()); err != nil {
		return nil, err
	}
	return map[string]string{"status": "ok"}, nil
}
