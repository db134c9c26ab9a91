package oauth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/web"
)

// Patience is how long a person has to agree.
const Patience = 5 * time.Minute

// Errors of SignIn, besides those of store.
var (
	// ErrRefused: the person did not agree, or the service did not.
	ErrRefused = fmt.Errorf("%w: the sign-in was refused", store.ErrSignIn)
	// ErrTooLate: nobody agreed in time.
	ErrTooLate = fmt.Errorf("%w: nobody has signed in within five minutes", store.ErrSignIn)
)

// SignIn leads a person through a sign-in in a browser (RFC 8252): show shows a page of the service, whose answer comes
// to a port of this computer, once, and is redeemed with what only this call knows (RFC 7636).
// Errors: address.ErrNoClient, ErrRefused, ErrTooLate, those of show and ctx, store.ErrUnreachable.
func SignIn(ctx context.Context, client *web.Client, p Provider, show func(page string) error) (Token, error) {
	if p.Client.ID == "" {
		return Token{}, address.ErrNoClient
	}
	l, err := listen(p.Ports)
	if err != nil {
		return Token{}, fmt.Errorf("no port of this computer takes the answer of the sign-in: %w", err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return Token{}, err
	}
	host := "127.0.0.1"
	if p.Localhost {
		host = "localhost"
	}
	state, verifier := rand.Text(), oauth2.GenerateVerifier()
	config := p.config(p.Client, "http://"+net.JoinHostPort(host, port)+"/")
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier)}
	for k, v := range p.Params {
		options = append(options, oauth2.SetAuthURLParam(k, v))
	}

	back := &callback{state: state, answers: make(chan answer, 1)}
	wait := serve(l, back)
	defer wait()
	if err := show(config.AuthCodeURL(state, options...)); err != nil {
		return Token{}, err
	}
	timeout, stop := context.WithTimeout(ctx, Patience)
	defer stop()
	select {
	case got := <-back.answers:
		if got.code == "" {
			return Token{}, ErrRefused
		}
		t, err := config.Exchange(with(ctx, client), got.code, oauth2.VerifierOption(verifier))
		switch {
		case err != nil:
			return Token{}, failed(ctx, err)
		case t.RefreshToken == "":
			return Token{}, fmt.Errorf("%w: the service gives no token that lasts", ErrRefused)
		}
		return tokenOf(p.Client, t, ""), nil
	case <-timeout.Done():
		if ctx.Err() != nil {
			return Token{}, ctx.Err()
		}
		return Token{}, ErrTooLate
	}
}

// listen listens at one of the ports, at any if there are none, of this computer alone.
func listen(ports []int) (net.Listener, error) {
	if len(ports) == 0 {
		ports = []int{0}
	}
	var all error
	for _, port := range ports {
		l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return l, nil
		}
		all = errors.Join(all, err)
	}
	return nil, all
}

// serve answers at a listener until what it returns is called. An answer that is under way is written to its end.
func serve(l net.Listener, h http.Handler) (stop func()) {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(l) }) // until it is stopped
	return func() {
		ctx, end := context.WithTimeout(context.Background(), time.Second)
		defer end()
		_ = s.Shutdown(ctx) // a browser that reads nothing is left behind
		_ = s.Close()
		serving.Wait()
	}
}

// answer is what the service has sent the browser back with. code "": it was refused.
type answer struct{ code string }

// callback takes one answer with the right state.
type callback struct {
	state   string
	answers chan answer
	once    sync.Once
}

// ServeHTTP implements http.Handler. What has another state than this sign-in is none of its answers.
func (c *callback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if r.Method != http.MethodGet || r.URL.Path != "/" || subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(c.state)) != 1 {
		http.NotFound(w, r)
		return
	}
	got := answer{}
	if q.Get("error") == "" {
		got.code = q.Get("code")
	}
	fresh := false
	c.once.Do(func() { fresh = true })
	if !fresh {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	_ = page.Execute(w, said(r.Header.Get("Accept-Language"), got.code != "")) // the answer counts all the same
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
	c.answers <- got
}

// said is what the browser shows at the end, in the language that it asks for first.
func said(languages string, agreed bool) map[string]string {
	german := strings.HasPrefix(strings.ToLower(languages), "de")
	switch {
	case german && agreed:
		return map[string]string{"Lang": "de", "Title": "Angemeldet",
			"Text": "Holdfast sichert jetzt an diesen Ort. Du kannst dieses Fenster schließen."}
	case german:
		return map[string]string{"Lang": "de", "Title": "Nicht angemeldet",
			"Text": "Es wurde nichts erlaubt. Du kannst dieses Fenster schließen und es in Holdfast noch einmal versuchen."}
	case agreed:
		return map[string]string{"Lang": "en", "Title": "Signed in",
			"Text": "Holdfast can keep backups here now. You can close this window."}
	}
	return map[string]string{"Lang": "en", "Title": "Not signed in",
		"Text": "Nothing was allowed. You can close this window and try again in Holdfast."}
}

var page = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="{{.Lang}}"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Holdfast: {{.Title}}</title>
<style>:root{color-scheme:light dark}body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:18vh auto;padding:0 1.5rem}</style>
<h1>{{.Title}}</h1><p>{{.Text}}</p></html>
`))
