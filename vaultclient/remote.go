package vaultclient

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-backup/holdfast/core/vaults"
	"github.com/holdfast-backup/holdfast/vault"
	"github.com/holdfast-backup/holdfast/vault/api"
	cards "github.com/holdfast-backup/holdfast/vault/card"
)

// requestFor is how long one request may take.
const requestFor = 15 * time.Second

// maxAnswerBytes is more than any answer has.
const maxAnswerBytes = 64 << 10

// longestRate is how long a rate limit is waited out rather than reported.
const longestRate = 5 * time.Second

// Remote is a Vault over HTTPS, TLS 1.3. Where the card has a certificate, that one and no other is accepted.
type Remote struct {
	protocol
	base      string
	client    *http.Client
	enrolment []byte
}

func openRemote(p Params, card cards.Card) *Remote {
	config := &tls.Config{MinVersion: tls.VersionTLS13}
	if len(card.Certificate) > 0 || len(p.SPKI) > 0 {
		config.InsecureSkipVerify = true // in favour of the stricter check below
		config.VerifyConnection = func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 || !pinned(s.PeerCertificates[0], card.Certificate, p.SPKI) {
				return errOtherCertificate
			}
			return nil
		}
	}
	r := &Remote{
		base: strings.TrimSuffix(string(card.URL), "/"), enrolment: bytes.Clone(p.EnrolmentToken),
		client: &http.Client{
			Transport: &http.Transport{TLSClientConfig: config, Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true,
				TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: 64 << 10},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // no vault redirects
		},
	}
	r.card, r.tried = card, p.Tried
	r.begin = func(context.Context) (transport, func(), error) { return messages{r}, func() {}, nil }
	r.pause = func(attempt int) time.Duration {
		step := 150 * time.Millisecond << min(attempt, 5)
		return step + rand.N(step) // so that many clients of a vault that comes back do not come at once
	}
	return r
}

// pinned reports whether a certificate is the one that is named, or has the public key that is named.
func pinned(c *x509.Certificate, der, spki []byte) bool {
	if sum := sha256.Sum256(c.RawSubjectPublicKeyInfo); len(spki) > 0 && !bytes.Equal(sum[:], spki) {
		return false
	}
	return len(der) == 0 || bytes.Equal(c.Raw, der)
}

var errOtherCertificate = errors.New("the server has another certificate than the card")

// Close implements Vault.
func (r *Remote) Close() error {
	r.client.CloseIdleConnections()
	clear(r.enrolment)
	return nil
}

// messages is the transport of a Remote.
type messages struct{ *Remote }

func (m messages) path(id vault.AccountID, rest string) string {
	return "/v1/accounts/" + api.FormatID(id) + rest
}

// PublicKey implements identified.
func (m messages) PublicKey(ctx context.Context) ([]byte, error) {
	var a api.Vault
	err := m.send(ctx, http.MethodGet, "/v1/vault", nil, &a)
	return a.PublicKey, err
}

func (m messages) RegisterStart(ctx context.Context, id vault.AccountID, q vault.RegistrationRequest) (*vault.RegistrationReply, error) {
	var a api.RegistrationReply
	err := m.send(ctx, http.MethodPost, m.path(id, "/registration"), api.RegistrationStart{Request: q.Request}, &a)
	return &vault.RegistrationReply{Response: a.Response, Ticket: a.Ticket}, err
}

func (m messages) RegisterFinish(ctx context.Context, id vault.AccountID, r vault.Registration) error {
	return m.send(ctx, http.MethodPost, m.path(id, "/registration/finish"),
		api.RegistrationFinish{Ticket: r.Ticket, Record: r.Record, SealedKey: r.SealedKey, ManagementKey: r.Management, Signature: r.Signature},
		nil)
}

func (m messages) RecoverStart(ctx context.Context, id vault.AccountID, r vault.RecoveryStart) (*vault.RecoveryReply, error) {
	var a api.RecoveryReply
	err := m.send(ctx, http.MethodPost, m.path(id, "/recovery"), api.RecoveryStart{KE1: r.KE1, Version: r.Version}, &a)
	return &vault.RecoveryReply{KE2: a.KE2, GuessesLeft: a.GuessesLeft}, err
}

func (m messages) RecoverFinish(ctx context.Context, id vault.AccountID, r vault.RecoveryFinish) ([]byte, error) {
	var a api.Released
	err := m.send(ctx, http.MethodPost, m.path(id, "/recovery/finish"), api.RecoveryFinish{Start: r.Start, KE3: r.KE3}, &a)
	return a.Released, err
}

func (m messages) Account(ctx context.Context, id vault.AccountID) (*vault.Account, error) {
	var a api.Account
	if err := m.send(ctx, http.MethodGet, m.path(id, ""), nil, &a); err != nil {
		return nil, err
	}
	if (a.State == api.StateLiving) != (a.Reason == "") || a.GuessesLeft < 0 || a.GuessesLeft > vault.Guesses {
		return nil, fmt.Errorf("%w: an account that cannot be", errAnswer)
	}
	answer := &vault.Account{Reason: a.Reason, GuessesLeft: a.GuessesLeft, Version: a.Version, Wrong: a.WrongGuesses, Registered: a.Registered,
		Changed: a.Changed, WaitUntil: a.WaitUntil}
	for _, g := range a.Guesses {
		answer.Past = append(answer.Past, vault.Guess{Time: g.Time, Outcome: g.Outcome})
	}
	return answer, nil
}

func (m messages) Delete(ctx context.Context, id vault.AccountID, version uint64, signature []byte) error {
	query := fmt.Sprintf("?version=%d&signature=%s", version, base64.RawURLEncoding.EncodeToString(signature))
	return m.send(ctx, http.MethodDelete, m.path(id, "")+query, nil, nil)
}

// errAnswer: what came back is not a vault's answer. A proxy may have made it.
var errAnswer = errors.New("the answer is not a vault's")

// send makes one request. It waits out short rate limits, since those count
// nothing. answer may be nil.
func (m messages) send(ctx context.Context, method, path string, body, answer any) error {
	for {
		wait, err := m.sendOnce(ctx, method, path, body, answer)
		if wait == 0 {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w: it is busy: %w", vaults.ErrUnreachable, ctx.Err())
		case <-timer.C:
		}
	}
}

func (m messages) sendOnce(ctx context.Context, method, path string, body, answer any) (wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestFor)
	defer cancel()
	var text io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			panic("vaultclient: " + err.Error()) // our own types
		}
		text = bytes.NewReader(b)
	}
	q, err := http.NewRequestWithContext(ctx, method, m.base+path, text)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", vaults.ErrCard, err)
	}
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	switch body.(type) {
	case api.RegistrationStart, api.RegistrationFinish:
		if len(m.enrolment) > 0 {
			q.Header.Set("Authorization", "Bearer "+string(m.enrolment))
		}
	}
	r, err := m.client.Do(q)
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, errOtherCertificate):
		return 0, fmt.Errorf("%w: %w", ErrNotTheVault, reasonOf(err))
	case errors.As(err, &certificate):
		return 0, certificateError(certificate)
	case err != nil:
		return 0, fmt.Errorf("%w: %w", vaults.ErrUnreachable, reasonOf(err))
	}
	defer r.Body.Close() //nolint:errcheck // only read from
	b, err := io.ReadAll(io.LimitReader(r.Body, maxAnswerBytes+1))
	if err != nil || len(b) > maxAnswerBytes {
		return 0, fmt.Errorf("%w: the answer broke off", vaults.ErrUnreachable)
	}
	switch {
	case r.StatusCode == http.StatusNoContent && answer == nil:
		return 0, nil
	case r.StatusCode == http.StatusOK && answer != nil:
		if err := json.Unmarshal(b, answer); err != nil {
			return 0, fmt.Errorf("%w: %w", vaults.ErrUnreachable, errAnswer)
		}
		return 0, nil
	}
	return problemError(r, b)
}

// certificateError says what is wrong with a certificate. One that has expired accuses nobody; one that nobody
// vouches for may also be another server's.
func certificateError(err *tls.CertificateVerificationError) error {
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) && invalid.Reason == x509.Expired {
		return fmt.Errorf("%w: %w: it is out of date", vaults.ErrUnreachable, vaults.ErrCertificate)
	}
	return fmt.Errorf("%w: %w: %w", ErrNotTheVault, vaults.ErrCertificate, err.Err)
}

// reasonOf leaves the address out, which has the account id in it.
func reasonOf(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner // of *url.Error
	}
	return err
}

// problemError turns an error answer into an error, or into a short wait.
func problemError(r *http.Response, body []byte) (wait time.Duration, err error) {
	var p api.Problem
	code, ok := "", json.Unmarshal(body, &p) == nil
	if ok {
		code, ok = strings.CutPrefix(p.Type, api.TypePrefix)
	}
	if !ok {
		return 0, fmt.Errorf("%w: %w (status %d)", vaults.ErrUnreachable, errAnswer, r.StatusCode)
	}
	switch api.Code(code) {
	case api.CodeInvalid:
		return 0, fmt.Errorf("%w: %s", vault.ErrInvalid, p.Detail)
	case api.CodeEnrolment:
		return 0, vault.ErrEnrolment
	case api.CodeWrongProof:
		return 0, vault.ErrWrongProof
	case api.CodeSignature:
		return 0, vault.ErrSignature
	case api.CodeNoAccount:
		return 0, vault.ErrNoAccount
	case api.CodeStale:
		return 0, vault.ErrStale
	case api.CodeDestroyed:
		return 0, &vault.DestroyedError{Reason: p.Reason}
	case api.CodeWait:
		return 0, &vault.WaitError{Until: p.WaitUntil}
	case api.CodeRate:
		seconds, err := strconv.Atoi(r.Header.Get("Retry-After"))
		if wait := time.Duration(seconds) * time.Second; err == nil && wait > 0 && wait <= longestRate {
			return wait, nil
		}
		return 0, fmt.Errorf("%w: it is busy", vaults.ErrUnreachable)
	case api.CodeUnavailable:
		return 0, fmt.Errorf("%w: %s", vault.ErrUnavailable, p.Title)
	}
	return 0, fmt.Errorf("%w: %w (status %d)", vaults.ErrUnreachable, errAnswer, r.StatusCode)
}
