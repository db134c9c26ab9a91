//go:build unix

package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core/opaque/opaquetest"
	"github.com/holdfast-backup/holdfast/vault"
	"github.com/holdfast-backup/holdfast/vault/api"
	cards "github.com/holdfast-backup/holdfast/vault/card"
	"github.com/holdfast-backup/holdfast/vault/vaultd/vaultdtest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	vaultdtest.Cleanup()
	os.Exit(code)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// person has an account at a vaultd. The client neither stretches passwords nor repeats messages.
type person struct {
	d          *vaultdtest.Vaultd
	client     *http.Client
	public     []byte
	id         vault.AccountID
	management ed25519.PrivateKey
}

func newPerson(t *testing.T, d *vaultdtest.Vaultd) *person {
	t.Helper()
	c, err := cards.Parse(d.Card())
	must(t, err)
	p := &person{d: d, public: c.PublicKey,
		client: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}}
	t.Cleanup(p.client.CloseIdleConnections)
	_, _ = rand.Read(p.id[:])
	_, p.management, _ = ed25519.GenerateKey(nil)
	return p
}

// codeError is a problem that vaultd answered.
type codeError struct {
	status int
	code   api.Code
}

func (e *codeError) Error() string { return fmt.Sprintf("%d %s", e.status, e.code) }

func (p *person) send(method, rest string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	q, err := http.NewRequest(method, "https://"+p.d.Addr+"/v1/accounts/"+api.FormatID(p.id)+rest, bytes.NewReader(text))
	if err != nil {
		return err
	}
	q.Header.Set("Content-Type", "application/json")
	r, err := p.client.Do(q)
	if err != nil {
		return err
	}
	defer r.Body.Close() //nolint:errcheck // a test's
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if r.StatusCode >= 400 {
		var problem api.Problem
		if err := json.Unmarshal(b, &problem); err != nil {
			return err
		}
		return &codeError{r.StatusCode, api.Code(problem.Type[len(api.TypePrefix):])}
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(b, answer)
}

func (p *person) register(password string) error {
	c := opaquetest.New()
	var reply api.RegistrationReply
	if err := p.send("POST", "/registration", api.RegistrationStart{Request: c.Request([]byte(password))}, &reply); err != nil {
		return err
	}
	record, _, err := c.Record(reply.Response, p.id[:], p.public)
	if err != nil {
		return err
	}
	r := vault.Registration{Ticket: reply.Ticket, Record: record, SealedKey: []byte("sealed"),
		Management: p.management.Public().(ed25519.PublicKey)}
	return p.send("POST", "/registration/finish",
		api.RegistrationFinish{Ticket: r.Ticket, Record: r.Record, SealedKey: r.SealedKey, ManagementKey: r.Management,
			Signature: ed25519.Sign(p.management, vault.RegistrationMessage(p.public, p.id, r))}, nil)
}

func (p *person) account() (a api.Account, err error) {
	return a, p.send("GET", "", nil, &a)
}

// steps says how far a guess came.
type steps struct{ sentKE1, gotKE2, sentRight, done bool }

var errWrong = errors.New("wrong password")

func (p *person) guess(password string) (s steps, err error) {
	a, err := p.account()
	if err != nil {
		return s, err
	}
	c := opaquetest.New()
	ke1 := c.KE1([]byte(password))
	s.sentKE1 = true
	var reply api.RecoveryReply
	if err := p.send("POST", "/recovery", api.RecoveryStart{KE1: ke1, Version: a.Version}, &reply); err != nil {
		return s, err
	}
	s.gotKE2 = true
	ke3, session, _, wrong := c.KE3(reply.KE2, p.id[:], p.public)
	if wrong != nil {
		ke3 = bytes.Repeat([]byte{9}, 32)
	}
	s.sentRight = wrong == nil
	start := vault.StartID(ke1)
	var released api.Released
	err = p.send("POST", "/recovery/finish", api.RecoveryFinish{Start: start[:], KE3: ke3}, &released)
	var code *codeError
	if wrong != nil && errors.As(err, &code) && code.code == api.CodeWrongProof {
		return s, errWrong
	}
	if err != nil {
		return s, err
	}
	s.done = true
	sealed, err := vault.OpenRelease(session, p.id, released.Released)
	if err == nil && string(sealed) != "sealed" {
		err = errors.New("another sealed key")
	}
	return s, err
}
