//go:build cgo

package ui

import (
	"bytes"
	"crypto/elliptic"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/plug"
	"github.com/holdfast-backup/holdfast/vault/vaultd/vaultdtest"
)

// lie puts a proxy in a vault's place. It has the vault's certificate, and evaluates every password to the same point.
func lie(t *testing.T, v *vaultdtest.Vaultd) {
	t.Helper()
	at := v.Addr
	certificate, err := tls.LoadX509KeyPair(filepath.Join(v.Data, "dev-tls-cert.pem"), filepath.Join(v.Data, "dev-tls-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	v.Kill()
	v.Addr = at[:strings.LastIndex(at, ":")] + ":0"
	if !v.Start() {
		t.Fatal(v.Output())
	}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "https", Host: v.Addr})
	proxy.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // the test's own vault
	proxy.ModifyResponse = func(r *http.Response) error {
		if !strings.HasSuffix(r.Request.URL.Path, "/recovery") || r.StatusCode != http.StatusOK {
			return nil
		}
		var answer map[string]any
		if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
			return err
		}
		text, _ := answer["ke2"].(string)
		ke2, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return err
		}
		curve := elliptic.P256().Params()
		copy(ke2, elliptic.MarshalCompressed(elliptic.P256(), curve.Gx, curve.Gy))
		answer["ke2"] = ke2
		body, err := json.Marshal(answer)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
		return err
	}
	server := httptest.NewUnstartedServer(proxy)
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	_ = server.Listener.Close() // it listens elsewhere
	server.Listener = l
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13}
	server.StartTLS()
	t.Cleanup(server.Close)
}

// One of three vaults evaluates wrongly: the password opens the backup on another computer, and the window names the liar.
func TestTheWindowNamesALiar(t *testing.T) {
	all, destination := threeVaults(t), filepath.Join(t.TempDir(), "Holdfast")
	d := sitAt(t, plug.Vaults{Dir: t.TempDir()}, t.TempDir(), nil)
	d.toVaults(destination)
	for _, v := range all {
		d.addVault(v.Addr)
	}
	d.Until("a judged password", func() bool { return d.enabled("Set up the backup") })
	d.press("Set up the backup")
	d.Sees("Everything is set")
	d.press("Later")
	d.backUp()
	d.leave()

	lie(t, all[1])
	other := openWithPassword(t, destination)
	other.Sees("A vault gave something wrong")
	other.Sees("does not prove that it is the vault. The other vaults were enough.")
}
