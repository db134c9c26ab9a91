package s3

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core/places/address"
)

// Where a bucket is asked for, by what its address says. That signatures are right, the servers say.
func TestURLs(t *testing.T) {
	for _, c := range []struct{ bucket, query, key, want string }{
		{"box", "", "a/b", "https://box.s3.us-east-1.amazonaws.com/a/b"},
		{"box", "", "", "https://box.s3.us-east-1.amazonaws.com/"},
		{"my.box", "", "a", "https://s3.us-east-1.amazonaws.com/my.box/a"},
		{"box", "style=path", "a", "https://s3.us-east-1.amazonaws.com/box/a"},
		{"box", "endpoint=s3.example", "a", "https://s3.example/box/a"},
		{"box", "endpoint=s3.example", "", "https://s3.example/box"},
		{"box", "endpoint=http://nas:9000/s3/&style=path", "a", "http://nas:9000/s3/box/a"},
		{"box", "endpoint=https://s3.example&style=host", "ä %+~", "https://box.s3.example/%C3%A4%20%25%2B~"},
	} {
		q, err := url.ParseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		e, err := endpointOf(address.Address{Kind: address.S3, Host: c.bucket, Query: q})
		if err != nil {
			t.Fatal(err)
		}
		if got := e.url(usualRegion, c.key, nil); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
	if _, err := endpointOf(address.Address{Host: "box", Query: url.Values{"endpoint": {"ftp://x"}}}); err == nil {
		t.Error("an endpoint that is none is taken")
	}
}

// A bucket in another region is asked for there, unless the place names a region or the answer none.
func TestRegions(t *testing.T) {
	answer := func(status int, region string) *http.Response {
		return &http.Response{StatusCode: status, Header: http.Header{"X-Amz-Bucket-Region": {region}}}
	}
	for _, c := range []struct {
		given, region string
		status        int
		want          string
	}{
		{"", "eu-central-1", http.StatusMovedPermanently, "eu-central-1"},
		{"", "eu-central-1", http.StatusBadRequest, "eu-central-1"},
		{"", "eu-central-1", http.StatusOK, usualRegion},
		{"", usualRegion, http.StatusBadRequest, usualRegion},
		{"", "", http.StatusForbidden, usualRegion},
		{"", "evil.example/", http.StatusMovedPermanently, usualRegion},
		{"", strings.Repeat("a", 50), http.StatusMovedPermanently, usualRegion},
		{"eu-west-1", "eu-central-1", http.StatusMovedPermanently, "eu-west-1"},
	} {
		s := newSigner(nil, c.given)
		asked := s.current()
		if moved := s.moved(answer(c.status, c.region), asked); s.current() != c.want || moved != (c.want != asked) {
			t.Errorf("%+v: %s, moved: %t", c, s.current(), moved)
		}
	}
}

// Pages follow each other by a token, or by a name where the service knows the older list alone.
func TestPagesFollow(t *testing.T) {
	for _, c := range []struct {
		p    page
		want string
		ok   bool
	}{
		{page{}, "", true},
		{page{IsTruncated: true, NextContinuationToken: "x"}, byToken + "x", true},
		{page{IsTruncated: true, NextMarker: "a%20b", EncodingType: "url"}, byMarker + "a b", true},
		{page{IsTruncated: true, NextMarker: "a%20b"}, byMarker + "a%20b", true},
		{page{IsTruncated: true}, "", false},
	} {
		if next, err := c.p.next(); next != c.want || (err == nil) != c.ok {
			t.Errorf("%+v: %q, %v", c.p, next, err)
		}
	}
}

func TestPaidDays(t *testing.T) {
	for endpoint, want := range map[string]int{
		"": 0, "https://s3.eu-central-1.wasabisys.com": 90, "s3.wasabisys.com/x": 90, "https://wasabisys.com.example": 0, "https://s3.example": 0,
	} {
		if got := paidDays(endpoint); got != want {
			t.Errorf("%s: %d", endpoint, got)
		}
	}
}
