// Package web is how holdfast-remote speaks HTTP with servers: bounded waits, certificates that the person agreed to,
// a pause where the server asks for one.
package web

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/again"
	"github.com/holdfast-backup/holdfast/remote/stall"
)

// Options of a Client.
type Options struct {
	Connections int
	// Identity is the certificate that the person agreed to, where no authority vouches for it: SHA256:… of its DER.
	Identity string
	// Proxy is a proxy for all requests; nil: the one that the environment names, if any.
	Proxy *url.URL
	// Roots vouch for certificates; nil: those of the system.
	Roots *x509.CertPool
	// Patience is how long a connection may be silent; 0: stall.Patience.
	Patience time.Duration
}

// Client sends requests to one server.
type Client struct {
	http  *http.Client
	o     Options
	mu    sync.Mutex
	until time.Time // the server asked for silence
}

// NewClient returns a client.
func NewClient(o Options) *Client {
	c := &Client{o: o}
	proxy := http.ProxyFromEnvironment
	if o.Proxy != nil {
		proxy = http.ProxyURL(o.Proxy)
	}
	dialer := &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 15 * time.Second}
	c.http = &http.Client{
		Transport: &http.Transport{
			Proxy: proxy,
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				raw, err := dialer.DialContext(ctx, network, addr)
				if err != nil {
					return nil, err
				}
				conn := &stall.Conn{Conn: raw, Patience: o.Patience}
				conn.Busy() // for its whole life: one that rests is not missed
				return conn, nil
			},
			TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true, VerifyConnection: c.verify}, // verify does it
			MaxIdleConnsPerHost:   o.Connections,
			MaxConnsPerHost:       o.Connections,
			TLSHandshakeTimeout:   30 * time.Second,
			ExpectContinueTimeout: time.Second,
			DisableCompression:    true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c
}

// Endpoint reads the URL of a service that an address names, without a slash at its end. Errors: address.ErrInvalid.
func Endpoint(text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(text, "/"))
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return nil, fmt.Errorf("%w: an endpoint is written https://…", address.ErrInvalid) // err repeats it
	}
	return u, nil
}

// Close gives the connections back.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// verify accepts a certificate that an authority vouches for, or the one that the person agreed to.
func (c *Client) verify(state tls.ConnectionState) error {
	leaf := state.PeerCertificates[0]
	sum := sha256.Sum256(leaf.Raw)
	fingerprint := "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
	if c.o.Identity != "" && c.o.Identity == fingerprint {
		return nil
	}
	opts := x509.VerifyOptions{Roots: c.o.Roots, DNSName: state.ServerName, Intermediates: x509.NewCertPool()}
	for _, cert := range state.PeerCertificates[1:] {
		opts.Intermediates.AddCert(cert)
	}
	if _, err := leaf.Verify(opts); err == nil {
		return nil
	}
	return &store.IdentityError{
		Server: state.ServerName, Kind: "tls", Fingerprint: fingerprint, Key: fingerprint, Changed: c.o.Identity != "",
	}
}

// firstPause is the first pause that a busy server gets which names none.
const firstPause = 500 * time.Millisecond

// Do sends a request. It waits as long as a busy server asks for (429 and 503, with Retry-After or without), and sends
// it again, a few times; but for PUT and POST: a server may have done one all the same, and the caller knows how to
// tell. Errors: those of store.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	for try, wait := 1, firstPause; ; try, wait = try+1, 2*wait {
		if err := c.pause(req.Context()); err != nil {
			return nil, err
		}
		resp, err := c.http.Do(req)
		if err != nil {
			return nil, Failed(req.Context(), err)
		}
		if resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable {
			return resp, nil
		}
		asked := After(resp.Header.Get("Retry-After"))
		c.rest(asked)
		writes := req.Method == http.MethodPut || req.Method == http.MethodPost
		if writes || req.Body != nil && req.Body != http.NoBody && req.GetBody == nil || try == again.Tries {
			return resp, nil
		}
		_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // what is longer costs the connection
		_ = resp.Body.Close()
		if asked == 0 {
			if err := again.Sleep(req.Context(), wait); err != nil {
				return nil, err
			}
		}
		next := req.Clone(req.Context())
		if req.GetBody != nil {
			if next.Body, err = req.GetBody(); err != nil {
				return nil, err
			}
		}
		req = next
	}
}

// RoundTrip implements http.RoundTripper, by Do.
func (c *Client) RoundTrip(req *http.Request) (*http.Response, error) { return c.Do(req) }

// rest has all requests wait.
func (c *Client) rest(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if until := time.Now().Add(d); d > 0 && until.After(c.until) {
		c.until = until
	}
}

// longestPause is the longest that a server may ask for.
const longestPause = 5 * time.Minute

// After reads a Retry-After, in seconds or as a date; 0: none.
func After(text string) time.Duration {
	if n, err := strconv.Atoi(text); err == nil {
		return min(time.Duration(max(n, 0))*time.Second, longestPause)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(time.Until(at), 0), longestPause)
	}
	return 0
}

func (c *Client) pause(ctx context.Context) error {
	c.mu.Lock()
	wait := time.Until(c.until)
	c.mu.Unlock()
	return again.Sleep(ctx, wait)
}

// Failed says what an error of net/http means, without the URL.
func Failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var identity *store.IdentityError
	if errors.As(err, &identity) {
		return identity
	}
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	// Not wrapped: an EOF of the connection is none of the object.
	return fmt.Errorf("%w: %s", store.ErrUnreachable, err.Error())
}
