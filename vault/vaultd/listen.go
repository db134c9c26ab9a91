package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/pires/go-proxyproto"
)

// The limits of connections. Each may wait for its next request, so they are what a stranger could use up.
const (
	maxConnections    = 4096
	maxPerAddress     = 256
	proxyHeaderWithin = 5 * time.Second
)

// listenMain opens the listener for clients. Peers in proxyFrom must begin with a header of the PROXY protocol, version 2,
// which says whom they speak for; all others are whom they seem to be.
func listenMain(ctx context.Context, address, proxyFrom string) (net.Listener, error) {
	peers, err := prefixes(proxyFrom)
	if err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	limited := &limitedListener{Listener: l, peers: peers, open: map[netip.Addr]int{}}
	if len(peers) == 0 {
		return limited, nil
	}
	return &proxyproto.Listener{
		Listener: limited, ReadHeaderTimeout: proxyHeaderWithin,
		ConnPolicy: func(o proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
			if contains(peers, o.Upstream) {
				return proxyproto.REQUIRE, nil
			}
			return proxyproto.SKIP, nil
		},
		ValidateHeader: func(h *proxyproto.Header) error {
			if h.Version != 2 {
				return errors.New("not version 2 of the PROXY protocol")
			}
			return nil
		},
	}, nil
}

// prefixes reads "10.0.0.0/8, 192.0.2.7".
func prefixes(text string) (all []netip.Prefix, err error) {
	for one := range strings.SplitSeq(text, ",") {
		one = strings.TrimSpace(one)
		if one == "" {
			continue
		}
		p, err := netip.ParsePrefix(one)
		if a, single := netip.ParseAddr(one); err != nil && single == nil {
			p, err = a.Prefix(a.BitLen())
		}
		if err != nil {
			return nil, fmt.Errorf("%w: --proxy-from: %q is neither an address nor a range like 10.0.0.0/8", errUsage, one)
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

func contains(peers []netip.Prefix, address net.Addr) bool {
	a, ok := addrOf(address)
	for _, p := range peers {
		if ok && p.Contains(a) {
			return true
		}
	}
	return false
}

func addrOf(address net.Addr) (netip.Addr, bool) {
	tcp, ok := address.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}, false
	}
	a, ok := netip.AddrFromSlice(tcp.IP)
	return a.Unmap(), ok
}

// limitedListener closes connections over its limit at once, so that those it has taken do not wait.
type limitedListener struct {
	net.Listener
	peers []netip.Prefix // proxies: many clients share an address

	mu    sync.Mutex
	total int
	open  map[netip.Addr]int
}

// Accept implements net.Listener.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from, _ := addrOf(c.RemoteAddr())
		if l.enter(from, contains(l.peers, c.RemoteAddr())) {
			return &countedConn{Conn: c, leave: sync.OnceFunc(func() { l.leave(from) })}, nil
		}
		_ = c.Close() // it is the stranger's
	}
}

func (l *limitedListener) enter(from netip.Addr, proxy bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.total >= maxConnections || !proxy && l.open[from] >= maxPerAddress {
		return false
	}
	l.total++
	l.open[from]++
	return true
}

func (l *limitedListener) leave(from netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	if l.open[from]--; l.open[from] == 0 {
		delete(l.open, from)
	}
}

type countedConn struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *countedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
