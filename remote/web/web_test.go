package web_test

import (
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/web"
)

// A server that takes a request and says nothing is unreachable after a while.
func TestASilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // the test ends
	c := web.NewClient(web.Options{Connections: 1, Patience: 100 * time.Millisecond})
	defer c.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String()+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := c.Do(req); !errors.Is(err, store.ErrUnreachable) {
		t.Errorf("%v %v", resp, err)
	}
}

// A server may ask for silence by seconds or by a date, and for so long only.
func TestAfter(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": 0, "x": 0, "-1": 0, "7": 7 * time.Second, "86400": 5 * time.Minute, "Mon, 02 Jan 2006 15:04:05 GMT": 0,
		time.Now().Add(24 * time.Hour).UTC().Format(http.TimeFormat): 5 * time.Minute,
	} {
		if got := web.After(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
