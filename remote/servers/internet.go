package servers

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Internet is a proxy behind which services have the names that they have in the world. They answer over TLS, with
// certificates of an authority of the test's own.
type Internet struct {
	Proxy *url.URL       // for HTTPS_PROXY
	Roots *x509.CertPool // the authority
	File  string         // the same as PEM, for SSL_CERT_FILE

	inClear atomic.Int64
}

// InClear is how many requests were sent without TLS, which all on the way can read.
func (i *Internet) InClear() int { return int(i.inClear.Load()) }

// NewInternet starts one with the services that hosts names, without ports. Other names cannot be reached.
func NewInternet(t *testing.T, hosts map[string]http.Handler) *Internet {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if ca, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	i := &Internet{Roots: x509.NewCertPool(), File: filepath.Join(t.TempDir(), "authority.pem")}
	i.Roots.AddCert(ca)
	Write(t, i.File, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))

	names := make([]string, 0, len(hosts))
	for name := range hosts {
		names = append(names, name)
	}
	leaf, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "services"}, DNSNames: names, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, ca, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secure := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{leaf}, PrivateKey: key}}}

	services := &http.Server{ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { hosts[r.TLS.ServerName].ServeHTTP(w, r) })}
	inside := &handed{conns: make(chan net.Conn), closed: make(chan struct{})}
	var serving sync.WaitGroup
	serving.Go(func() { _ = services.Serve(inside) }) // until it is closed
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			i.inClear.Add(1)
		}
		name, _, _ := net.SplitHostPort(r.Host)
		if _, known := hosts[name]; r.Method != http.MethodConnect || !known {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n") // who asked may be gone
		inside.give(tls.Server(buffered{conn, rw.Reader}, secure))
	}))
	t.Cleanup(func() {
		front.Close()
		_ = services.Close() // with all connections
		serving.Wait()
	})
	if i.Proxy, err = url.Parse(front.URL); err != nil {
		t.Fatal(err)
	}
	return i
}

// buffered is a connection of which a part may have been read already.
type buffered struct {
	net.Conn
	r *bufio.Reader
}

func (b buffered) Read(p []byte) (int, error) { return b.r.Read(p) }

// handed is a listener for connections that are handed to it.
type handed struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (h *handed) give(c net.Conn) {
	select {
	case h.conns <- c:
	case <-h.closed:
		_ = c.Close() // nobody is left to serve it
	}
}

func (h *handed) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

func (h *handed) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

func (h *handed) Addr() net.Addr { return &net.TCPAddr{} }

// Browse opens a page as the person's browser does, which asks for a language, and returns what it shows in the end.
func (i *Internet) Browse(t *testing.T, page, language string) (status int, text string) {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: i.Roots}, DisableKeepAlives: true, //nolint:gosec // a test's
		Proxy: func(r *http.Request) (*url.URL, error) {
			if r.URL.Scheme == "https" {
				return i.Proxy, nil
			}
			return nil, nil //nolint:nilnil // no proxy
		}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, page, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Language", language)
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}
