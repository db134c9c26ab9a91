package main_test

import (
	"bytes"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/store"
)

// The program fetches a page for the app, and tells the server nothing of who asks.
func TestAPage(t *testing.T) {
	const text = "holdfast release v1\n"
	var asked []http.Header
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/notice":
			asked = append(asked, r.Header)
			_, _ = w.Write([]byte(text)) // the test sees what arrives
		case "/long":
			_, _ = w.Write(bytes.Repeat([]byte("x"), 100))
		case "/elsewhere":
			http.Redirect(w, r, "/notice", http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	plain := strings.Replace(server.URL, "https://", "http://", 1)
	stranger := places.Through(start(t))
	if _, err := stranger.Page(t.Context(), server.URL+"/notice", 64); err == nil || len(asked) > 0 {
		t.Errorf("a certificate that nobody vouches for: %v, asked %d times", err, len(asked))
	}
	t.Setenv("SSL_CERT_FILE", roots)
	web := places.Through(start(t))
	if got, err := web.Page(t.Context(), server.URL+"/notice", int64(len(text))); err != nil || string(got) != text {
		t.Errorf("fetched %q, %v", got, err)
	}
	for name := range asked[0] {
		if name != "User-Agent" {
			t.Errorf("the server is told %s: %v", name, asked[0][name])
		}
	}
	if got := asked[0].Get("User-Agent"); got != "Holdfast" {
		t.Errorf("the server is told that %q asks", got)
	}
	for address, want := range map[string]error{
		server.URL + "/long":      store.ErrTooLarge,
		server.URL + "/nothing":   store.ErrUnreachable,
		server.URL + "/elsewhere": store.ErrUnreachable,
		plain + "/notice":         store.ErrPermission,
		"file://" + roots:         store.ErrPermission,
		"https://127.0.0.1:1/":    store.ErrUnreachable,
	} {
		if got, err := web.Page(t.Context(), address, 64); !errors.Is(err, want) || got != nil {
			t.Errorf("%s: %q, %v", address, got, err)
		}
	}
	if len(asked) != 1 {
		t.Errorf("the page was fetched %d times", len(asked))
	}
	if _, err := (places.Places{}).Page(t.Context(), server.URL, 64); !errors.Is(err, places.ErrUnknown) {
		t.Errorf("without the program: %v", err)
	}
}
