package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/web"
)

// usualRegion is the one of services that know none, and of Amazon's first.
const usualRegion = "us-east-1"

// endpoint is where a bucket is.
type endpoint struct {
	amazon bool
	root   *url.URL // of another service than Amazon's
	bucket string
	byHost bool // the bucket is a part of the server's name
}

func endpointOf(a address.Address) (endpoint, error) {
	e := endpoint{bucket: a.Host}
	text := a.Query.Get("endpoint")
	if text == "" {
		e.amazon = true
		// A name with dots is not in the service's certificate.
		e.byHost = a.Query.Get("style") != "path" && !strings.Contains(a.Host, ".")
		return e, nil
	}
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	root, err := web.Endpoint(text)
	e.root, e.byHost = root, a.Query.Get("style") == "host"
	return e, err
}

// url is that of an object in a region, or of the bucket (key "").
func (e endpoint) url(region, key string, query url.Values) string {
	u := url.URL{Scheme: "https", Host: "s3." + region + ".amazonaws.com"}
	if !e.amazon {
		u = *e.root
	}
	path := "/" + key
	if e.byHost {
		u.Host = e.bucket + "." + u.Host
	} else {
		path = "/" + e.bucket + path
		if key == "" {
			path = strings.TrimSuffix(path, "/")
		}
	}
	u.Path, u.RawPath, u.RawQuery = u.Path+path, u.EscapedPath()+escape(path), query.Encode()
	return u.String()
}

// escape escapes a path as the signature wants it: all but letters, digits, -._~ and slashes.
func escape(path string) string {
	var b strings.Builder
	for i := range len(path) {
		switch c := path[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~/", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// signer shows the service that a request is allowed, by a signature of each (AWS Signature Version 4).
type signer struct {
	*v4.Signer
	keys  aws.Credentials
	given bool // the place names the region

	mu     sync.Mutex
	region string
}

func newSigner(secret address.Secret, region string) *signer {
	s := &signer{
		Signer: v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }), // escape has done it
		keys: aws.Credentials{
			AccessKeyID: strings.TrimSpace(secret["access_key_id"]), SecretAccessKey: strings.TrimSpace(secret["secret_access_key"]),
			SessionToken: strings.TrimSpace(secret["session_token"]),
		},
		region: region, given: region != "",
	}
	if region == "" {
		s.region = usualRegion
	}
	return s
}

// current is the region that is asked.
func (s *signer) current() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.region
}

// moved reports whether the service says that the bucket is in another region than was asked, which is asked from now on.
func (s *signer) moved(resp *http.Response, asked string) bool {
	region := resp.Header.Get("X-Amz-Bucket-Region")
	if s.given || region == "" || region == asked || resp.StatusCode < 300 || !plain(region) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.region = region
	return true
}

// plain reports whether a text can be a region's name: it becomes a part of a server's.
func plain(text string) bool {
	odd := func(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' }
	return len(text) < 40 && !strings.ContainsFunc(text, odd)
}

// sign signs a request. Over TLS its body is not a part of that: nobody changes it on the way, and the service compares
// its MD5.
func (s *signer) sign(ctx context.Context, req *http.Request, region string, body []byte) error {
	hash := "UNSIGNED-PAYLOAD"
	if req.URL.Scheme == "http" || len(body) == 0 {
		sum := sha256.Sum256(body)
		hash = hex.EncodeToString(sum[:])
	}
	req.Header.Set("X-Amz-Content-Sha256", hash)
	if err := s.SignHTTP(ctx, s.keys, req, hash, "s3", region, time.Now()); err != nil {
		return fmt.Errorf("%w: the access key cannot sign", store.ErrSignIn)
	}
	return nil
}
