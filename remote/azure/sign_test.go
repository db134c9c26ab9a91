package azure

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/remote/bucket"
	"github.com/holdfast-backup/holdfast/remote/servers"
)

// The examples of "Authorize with Shared Key". That the signature of such a text is right, Azurite says.
func TestTextToSign(t *testing.T) {
	for want, c := range map[string]struct {
		method, url string
		length      int64
		header      map[string]string
	}{
		"GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n" +
			"/myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20": {
			method: http.MethodGet, url: "https://myaccount.blob.core.windows.net/mycontainer?restype=container&comp=metadata&timeout=20",
			header: map[string]string{"x-ms-version": "2015-02-21", "x-ms-date": "Fri, 26 Jun 2015 23:39:12 GMT"},
		},
		"PUT\n\n\n11\nmd5\ntext/plain\n\n\n\n*\n\nbytes=0-1\nx-ms-blob-type:BlockBlob\nx-ms-date:d\n/a/c/b%20x": {
			method: http.MethodPut, url: "https://a.example/c/b x", length: 11,
			header: map[string]string{
				"Content-Type": "text/plain", "Content-MD5": "md5", "If-None-Match": "*", "Range": "bytes=0-1", "X-Ms-Date": "d",
				"X-Ms-Blob-Type": "BlockBlob",
			},
		},
	} {
		u, err := url.Parse(c.url)
		if err != nil {
			t.Fatal(err)
		}
		req := &http.Request{Method: c.method, URL: u, ContentLength: c.length, Header: make(http.Header)}
		account := "myaccount"
		if c.method == http.MethodPut {
			account = "a"
		}
		for k, v := range c.header {
			req.Header.Set(k, v)
		}
		if got := toSign(req, account); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A list of many pages has each object once.
func TestPages(t *testing.T) {
	s := servers.Azurite(t)
	c, err := newContainer(address.Address{Kind: address.Azure, Host: s.Container, Query: url.Values{
		"account": {s.Account}, "endpoint": {s.Endpoint},
	}}, address.Secret{address.AccountKey: s.Key})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i := range 5 {
		if _, err := c.Put(t.Context(), fmt.Sprint("a/", i), nil, bucket.MD5(nil), true); err != nil {
			t.Fatal(err)
		}
	}
	seen, pages := map[string]bool{}, 0
	for next := ""; pages == 0 || next != ""; pages++ {
		entries, after, err := c.List(t.Context(), "a/", next, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if seen[e.Key] {
				t.Errorf("%s is listed twice", e.Key)
			}
			seen[e.Key] = true
		}
		next = after
	}
	if len(seen) != 5 || pages != 3 {
		t.Errorf("%d objects on %d pages", len(seen), pages)
	}
}
