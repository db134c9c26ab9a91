package api_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/vault"
	"github.com/holdfast-backup/holdfast/vault/api"
)

var hostile = flag.Int("api.hostile", 20_000, "requests of TestHostileRequests")

// from makes a request as from the n-th of many addresses.
func from(t *testing.T, n int, method, path, body string) *http.Request {
	q := httptest.NewRequestWithContext(t.Context(), method, "/", strings.NewReader(body))
	q.URL.Path = path
	q.Header.Set("Content-Type", "application/json")
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], uint32(n)+10<<24)
	q.RemoteAddr = fmt.Sprintf("%d.%d.%d.%d:%d", a[0], a[1], a[2], a[3], 1024+n%60000)
	if n%2 == 1 {
		q.RemoteAddr = fmt.Sprintf("[2001:db8:%x:%x::1]:443", n>>16, n&0xffff)
	}
	return q
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Many strangers with ids of 15 KB, ids that nobody has, and everything else they may send: the server remembers next to
// nothing of them, and who has an account is answered as before.
func TestHostileRequests(t *testing.T) {
	limits := api.Params{PerAddress: api.Rate{PerMinute: 600, Burst: 300}, PerAccount: api.Rate{PerMinute: 1e6, Burst: 1e6}}
	s := newSite(t, limits, vault.Policy{})
	s.want(204, "", "POST", s.account()+"/registration/finish", s.registration("right"))
	limits.Vault = s.vault
	s.server = api.New(limits) // without a log, which is kept in memory here
	untouched := api.New(limits)
	request := `{"request":"` + strings.Repeat("A", 44) + `"}`
	before := heap()
	answered, asked := 0, 0
	for n := range *hostile {
		w := httptest.NewRecorder()
		switch n % 5 {
		case 0:
			s.server.ServeHTTP(w, from(t, n, "GET", "/v1/accounts/"+strings.Repeat("a", 15<<10), ""))
		case 1:
			s.server.ServeHTTP(w, from(t, n, "GET", fmt.Sprintf("/v1/accounts/%064x", n), ""))
		case 2:
			s.server.ServeHTTP(w, from(t, n, "POST", fmt.Sprintf("/v1/accounts/%064x/registration", n), request))
		case 3:
			s.server.ServeHTTP(w, from(t, n, "POST", fmt.Sprintf("/v1/accounts/%015000x/recovery", n), strings.Repeat("x", 9<<10)))
		case 4:
			s.server.ServeHTTP(w, from(t, n, "GET", fmt.Sprintf("/%d/%sz", n, strings.Repeat("a", 10<<10)), ""))
		}
		if w.Code < 400 {
			t.Fatalf("request %d: %d", n, w.Code)
		}
		if n%1000 == 0 { // an honest one, from an address of its own
			asked++
			w := httptest.NewRecorder()
			q := from(t, 1<<24, "GET", s.account(), "")
			s.server.ServeHTTP(w, q)
			if w.Code == 200 {
				answered++
			}
		}
	}
	if after := heap(); after > before+32<<20 {
		t.Errorf("the heap grew by %d KiB", (after-before)>>10)
	} else {
		t.Logf("the heap went from %d to %d KiB", before>>10, after>>10)
	}
	if answered*10 < asked*8 {
		t.Errorf("%d of %d honest requests were answered", answered, asked)
	}
	// The same work, in turns, at the server that was attacked and at one that was not. The fastest of each counts, and on a
	// busy machine some more are asked: what slows every request shows in all of them.
	fastest := map[*api.Server]time.Duration{s.server: time.Hour, untouched: time.Hour}
	slower := func() bool { return float64(fastest[untouched]) < 0.8*float64(fastest[s.server]) }
	for n := 0; n < 200 || slower() && n < 20_000; n++ {
		for _, server := range []*api.Server{s.server, untouched} {
			q := from(t, 1<<25+n, "GET", s.account(), "")
			begun := time.Now()
			server.ServeHTTP(httptest.NewRecorder(), q)
			fastest[server] = min(fastest[server], time.Since(begun))
		}
	}
	t.Logf("an honest request takes %v, and %v at a server that nobody attacks", fastest[s.server], fastest[untouched])
	if slower() {
		t.Error("an attack makes honest requests slow")
	}
	if status, body := s.guess("right"); status != 200 {
		t.Errorf("the right password: %d %s", status, body)
	}
}
