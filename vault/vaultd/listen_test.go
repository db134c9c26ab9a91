//go:build unix

package main

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"testing"

	"github.com/pires/go-proxyproto"
)

// behind sends one request through a balancer that speaks for a client.
func behind(t *testing.T, addr, client string) (status int, err error) {
	t.Helper()
	tr := &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
			if err != nil || client == "" {
				return c, err
			}
			from := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(client))
			_, err = proxyproto.HeaderProxyFromAddrs(2, from, c.RemoteAddr()).WriteTo(c)
			return c, err
		},
	}
	defer tr.CloseIdleConnections()
	r, err := (&http.Client{Transport: tr}).Get("https://" + addr + "/v1/vault")
	if err != nil {
		return 0, err
	}
	must(t, r.Body.Close())
	return r.StatusCode, nil
}

// Behind a balancer, clients are told apart by what the balancer says; only listed balancers are believed.
func TestProxyProtocol(t *testing.T) {
	d := served(t, "--rate-address", "1/2", "--proxy-from", "127.0.0.0/8")
	ask := func(client string, want int) {
		t.Helper()
		if status, err := behind(t, d.Addr, client); err != nil || status != want {
			t.Errorf("from %q: %d %v, not %d", client, status, err, want)
		}
	}
	for _, want := range []int{200, 200, 429} {
		ask("192.0.2.1:1000", want)
	}
	ask("192.0.2.2:1000", 200)
	if status, err := behind(t, d.Addr, ""); err == nil {
		t.Errorf("a balancer that does not say for whom it speaks: %d", status)
	}
	other := served(t, "--rate-address", "1/2", "--proxy-from", "192.0.2.0/24")
	if status, err := behind(t, other.Addr, "198.51.100.1:1"); err == nil {
		t.Errorf("a stranger's word was taken: %d", status)
	}
	for range 2 {
		if status, err := behind(t, other.Addr, ""); err != nil || status != 200 {
			t.Errorf("a client without a balancer: %d %v", status, err)
		}
	}
	wantFailure(t, d, 2, "10.0.0.0/8", "serve", "--listen", "127.0.0.1:0", "--dev-tls", "--proxy-from", "all")
}

// Connections of one address are limited, and those that end make room.
func TestConnectionsAreLimited(t *testing.T) {
	l := &limitedListener{open: map[netip.Addr]int{}}
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for range maxPerAddress {
		if !l.enter(a, false) {
			t.Fatal("too few")
		}
	}
	if l.enter(a, false) || !l.enter(b, false) {
		t.Error("the limit of one address")
	}
	l.leave(a)
	if !l.enter(a, false) || l.enter(a, false) {
		t.Error("after one has ended")
	}
	for range maxConnections - maxPerAddress - 1 {
		if !l.enter(b, true) {
			t.Fatal("a balancer has the limit of an address")
		}
	}
	if l.enter(b, true) {
		t.Error("the limit of all")
	}
	for range maxPerAddress {
		l.leave(a)
	}
	if len(l.open) != 1 || l.total != maxConnections-maxPerAddress {
		t.Errorf("%d addresses, %d connections", len(l.open), l.total)
	}
}
