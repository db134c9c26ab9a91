package servers

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// Proxy stands between a store and its server, cuts the connections when so many bytes have gone through, and lets a
// test see and change what goes through.
type Proxy struct {
	Addr  string
	see   atomic.Pointer[func(b []byte, answer bool)]
	left  atomic.Int64 // bytes that go through until then
	armed atomic.Bool
}

// NewProxy starts one in front of a server. It lets all through until CutAfter.
func NewProxy(t *testing.T, server string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: l.Addr().String()}
	var all sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close() // the test ends
		all.Wait()
	})
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { p.serve(c, server) })
		}
	})
	return p
}

// CutAfter cuts all connections when n more bytes have gone through, in either direction; Heal ends that.
func (p *Proxy) CutAfter(n int64) {
	p.left.Store(n)
	p.armed.Store(true)
}

// Heal lets all through again.
func (p *Proxy) Heal() { p.armed.Store(false) }

// See calls see with all that goes through from now on, from any goroutine. It may change what it sees. answer: the
// server says it.
func (p *Proxy) See(see func(b []byte, answer bool)) { p.see.Store(&see) }

func (p *Proxy) serve(c net.Conn, server string) {
	s, err := net.Dial("tcp", server)
	if err != nil {
		_ = c.Close() // nobody is there
		return
	}
	var both sync.WaitGroup
	end := func() {
		_ = c.Close() // it is cut, or at its end
		_ = s.Close() // so is this
	}
	both.Go(func() { defer end(); p.copy(s, c, false) })
	both.Go(func() { defer end(); p.copy(c, s, true) })
	both.Wait()
}

func (p *Proxy) copy(to io.Writer, from io.Reader, answer bool) {
	b := make([]byte, 16<<10)
	for {
		n, err := from.Read(b)
		if see := p.see.Load(); see != nil {
			(*see)(b[:n], answer)
		}
		cut := false
		if p.armed.Load() {
			if left := p.left.Add(-int64(n)); left < 0 {
				n, cut = int(max(0, int64(n)+left)), true
			}
		}
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if cut || err != nil {
			return
		}
	}
}

// Between stands before a server of HTTP and has do answer each request, which may let it through. It returns its address.
func Between(t *testing.T, server string, do func(w http.ResponseWriter, r *http.Request, through http.Handler)) string {
	t.Helper()
	target := &url.URL{Scheme: "http", Host: server}
	transport := &http.Transport{MaxIdleConnsPerHost: 32}
	through := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it may be signed
	}, ErrorHandler: func(http.ResponseWriter, *http.Request, error) { cut() }}
	gate := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { do(w, r, through) }))
	gate.Config.ErrorLog = log.New(io.Discard, "", 0)
	gate.Start()
	t.Cleanup(func() {
		gate.Close()
		transport.CloseIdleConnections()
	})
	return gate.Listener.Addr().String()
}

// cut closes the connection of a request.
func cut() { panic(http.ErrAbortHandler) }
