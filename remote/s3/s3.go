// Package s3 keeps objects in a bucket of Amazon S3, or of what speaks its REST interface. One request stores an object,
// with its MD5; If-None-Match has the service refuse a name that is taken.
package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/bucket"
	"github.com/holdfast-backup/holdfast/remote/web"
)

const connections = 8

// service is a bucket, as a bucket.Service.
type service struct {
	client *web.Client
	at     endpoint
	signer *signer
}

// Open opens a bucket and a prefix in it; create makes the bucket, if it is not there. Errors: store.ErrSignIn,
// store.ErrUnreachable, store.ErrPermission, address.ErrInvalid, *store.IdentityError.
func Open(ctx context.Context, a address.Address, secret address.Secret, create bool) (*bucket.Store, error) {
	p, err := Params(a, secret)
	if err != nil {
		return nil, &store.Error{Op: "open", Location: a.String(), Err: err}
	}
	return bucket.Open(ctx, p, create)
}

// Params is what bucket.Open needs for a bucket. Errors: address.ErrInvalid.
func Params(a address.Address, secret address.Secret) (bucket.Params, error) {
	at, err := endpointOf(a)
	if err != nil {
		return bucket.Params{}, err
	}
	s := &service{
		client: web.NewClient(web.Options{Connections: connections, Identity: secret[address.Identity]}),
		at:     at, signer: newSigner(secret, a.Query.Get("region")),
	}
	return bucket.Params{Service: s, Location: a.String(), Prefix: a.Path, Connections: connections, Flat: true}, nil
}

// Close implements bucket.Service.
func (s *service) Close() { s.client.Close() }

// send sends one request, and a second one where the service names another region than was asked. key "": to the bucket.
func (s *service) send(ctx context.Context, method, key string, query url.Values, header map[string]string, body []byte) (
	*http.Response, error,
) {
	for {
		region := s.signer.current()
		req, err := http.NewRequestWithContext(ctx, method, s.at.url(region, key, query), bytes.NewReader(body)) // none of no bytes
		if err != nil {
			return nil, store.ErrInvalidName // err repeats the URL
		}
		for k, v := range header {
			req.Header.Set(k, v)
		}
		if err := s.signer.sign(ctx, req, region, body); err != nil {
			return nil, err
		}
		if method == http.MethodDelete {
			req.Header["Idempotency-Key"] = nil // it may be sent anew where the server has closed a connection that rested; not signed
		}
		resp, err := s.client.Do(req)
		if err != nil || !s.signer.moved(resp, region) {
			return resp, err
		}
		bucket.Finish(resp)
	}
}

// Hash implements bucket.Service.
func (s *service) Hash(data []byte) []byte { return bucket.MD5(data) }

// Put implements bucket.Service (PutObject).
func (s *service) Put(ctx context.Context, key string, data, sum []byte, fresh bool) (bucket.Entry, error) {
	header := map[string]string{
		"Content-Type": "application/octet-stream", "Content-MD5": base64.StdEncoding.EncodeToString(sum),
	}
	if fresh {
		header["If-None-Match"] = "*"
	}
	resp, err := s.send(ctx, http.MethodPut, key, nil, header, data)
	if err != nil {
		return bucket.Entry{}, err
	}
	defer bucket.Finish(resp)
	if resp.StatusCode != http.StatusOK {
		return bucket.Entry{}, s.told(ctx, resp)
	}
	// The answer tells no size. Its hash is that of all bytes.
	return bucket.Entry{Key: key, Size: int64(len(data)), Hash: hash(resp)}, nil
}

// hash is the MD5 that an answer tells, nil: none. The tag of an object that was encrypted with a key of its owner's is
// another one.
func hash(resp *http.Response) []byte {
	sum, err := hex.DecodeString(strings.Trim(resp.Header.Get("ETag"), `"`))
	odd := strings.HasPrefix(resp.Header.Get("X-Amz-Server-Side-Encryption"), "aws:") ||
		resp.Header.Get("X-Amz-Server-Side-Encryption-Customer-Algorithm") != ""
	if err != nil || len(sum) != md5.Size || odd {
		return nil
	}
	return sum
}

// Look implements bucket.Service (HeadObject).
func (s *service) Look(ctx context.Context, key string) (bucket.Entry, error) {
	resp, err := s.send(ctx, http.MethodHead, key, nil, nil, nil)
	if err != nil {
		return bucket.Entry{}, err
	}
	defer bucket.Finish(resp)
	switch {
	case resp.StatusCode != http.StatusOK:
		return bucket.Entry{}, s.told(ctx, resp)
	case resp.ContentLength < 0:
		return bucket.Entry{}, fmt.Errorf("%w: the service tells no size", store.ErrUnreachable)
	}
	return bucket.Entry{Key: key, Size: resp.ContentLength, Hash: hash(resp)}, nil
}

// Read implements bucket.Service (GetObject).
func (s *service) Read(ctx context.Context, key string, p []byte, offset int64) error {
	resp, err := s.send(ctx, http.MethodGet, key, nil, map[string]string{"Range": bucket.Range(p, offset)}, nil)
	if err != nil {
		return err
	}
	defer bucket.Finish(resp)
	if resp.StatusCode >= 300 && resp.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		return s.told(ctx, resp)
	}
	return bucket.Fill(resp, p, offset)
}

// Whole implements bucket.WholeReader (GetObject).
func (s *service) Whole(ctx context.Context, key string, most int64) ([]byte, error) {
	resp, err := s.send(ctx, http.MethodGet, key, nil, nil, nil)
	if err != nil {
		return nil, err
	}
	defer bucket.Finish(resp)
	if resp.StatusCode != http.StatusOK {
		return nil, s.told(ctx, resp)
	}
	return bucket.Whole(resp, most)
}

// Delete implements bucket.Service (DeleteObject).
func (s *service) Delete(ctx context.Context, key string) error {
	resp, err := s.send(ctx, http.MethodDelete, key, nil, nil, nil)
	if err != nil {
		return err
	}
	defer bucket.Finish(resp)
	if resp.StatusCode != http.StatusNoContent && resp.StatusCode != http.StatusOK {
		return s.told(ctx, resp)
	}
	return nil
}

// Make implements bucket.Maker (CreateBucket).
func (s *service) Make(ctx context.Context) error {
	var body []byte
	if region := s.signer.current(); s.at.amazon && region != usualRegion {
		body = []byte("<CreateBucketConfiguration><LocationConstraint>" + region + "</LocationConstraint></CreateBucketConfiguration>")
	}
	resp, err := s.send(ctx, http.MethodPut, "", nil, nil, body)
	if err != nil {
		return err
	}
	defer bucket.Finish(resp)
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	if e := read(resp); e.Code != "BucketAlreadyOwnedByYou" {
		return e.told(resp.StatusCode)
	}
	return nil
}

// page is the answer to ListObjectsV2, and to the older ListObjects.
type page struct {
	Contents []struct {
		Key  string
		Size int64
	}
	IsTruncated           bool
	EncodingType          string
	NextContinuationToken string
	NextMarker            string // of the older one, which need not tell it
}

// The pages of the two lists are named in two ways.
const (
	byToken  = "token "
	byMarker = "marker "
)

// List implements bucket.Service (ListObjectsV2; ListObjects, where a service knows that one alone).
func (s *service) List(ctx context.Context, prefix, at string, limit int) ([]bucket.Entry, string, error) {
	query := url.Values{"encoding-type": {"url"}, "prefix": {prefix}}
	if marker, older := strings.CutPrefix(at, byMarker); older {
		query.Set("marker", marker)
	} else {
		query.Set("list-type", "2")
		if token, ok := strings.CutPrefix(at, byToken); ok {
			query.Set("continuation-token", token)
		}
	}
	if limit > 0 {
		query.Set("max-keys", strconv.Itoa(limit))
	}
	resp, err := s.send(ctx, http.MethodGet, "", query, nil, nil)
	if err != nil {
		return nil, "", err
	}
	defer bucket.Finish(resp)
	if resp.StatusCode != http.StatusOK {
		return nil, "", read(resp).told(resp.StatusCode)
	}
	var answer page
	if err := bucket.ReadXML(resp, &answer); err != nil {
		return nil, "", err
	}
	return answer.entries()
}

// entries are the objects of a page, and what names the next one.
func (p *page) entries() (entries []bucket.Entry, next string, err error) {
	plain := func(text string) string { return text }
	if p.EncodingType == "url" {
		plain = func(text string) string {
			if decoded, err := url.QueryUnescape(text); err == nil {
				return decoded
			}
			return text
		}
	}
	last := ""
	for _, o := range p.Contents {
		last = plain(o.Key)
		entries = append(entries, bucket.Entry{Key: last, Size: o.Size})
	}
	switch {
	case !p.IsTruncated:
	case p.NextContinuationToken != "":
		next = byToken + p.NextContinuationToken
	case p.NextMarker != "":
		next = byMarker + plain(p.NextMarker)
	case last != "":
		next = byMarker + last
	default:
		err = fmt.Errorf("%w: the service's list has no end", store.ErrUnreachable)
	}
	return entries, next, err
}

// said is how the service says that something is wrong.
type said struct{ Code string }

// read reads an error; the zero value where an answer has none.
func read(resp *http.Response) (s said) {
	if err := xml.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&s); err != nil {
		return said{} // a gateway's words
	}
	return s
}

// told turns an answer that nobody hoped for into an error of store.
func (s *service) told(ctx context.Context, resp *http.Response) error {
	e := read(resp)
	if resp.StatusCode == http.StatusNotFound && e.Code != "NoSuchKey" && e.Code != "NoSuchBucket" {
		// Of the object, of the bucket or of a gateway's: an answer to HEAD has no words. Its connection goes back before
		// another one is asked for, or calls that all ask so would wait for each other.
		bucket.Finish(resp)
		if _, _, err := s.List(ctx, ".holdfast-nothing", "", 1); err != nil {
			return err
		}
		return store.ErrNotExist
	}
	return e.told(resp.StatusCode)
}

// told turns what the service says into an error of store.
func (s said) told(status int) error {
	switch s.Code {
	case "PreconditionFailed":
		return store.ErrExists
	case "NoSuchKey":
		return store.ErrNotExist
	case "NoSuchBucket":
		return bucket.ErrGone
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "TokenRefreshRequired":
		return fmt.Errorf("%w: the service does not accept the access key (%s)", store.ErrSignIn, s.Code)
	case "RequestTimeTooSkewed":
		return fmt.Errorf("%w: the clock of this computer differs from the service's", store.ErrSignIn)
	case "QuotaExceeded", "XMinioStorageFull", "InsufficientStorage":
		return fmt.Errorf("%w: the service says %s", store.ErrNoSpace, s.Code)
	case "ConditionalRequestConflict", "OperationAborted", "SlowDown":
		return fmt.Errorf("%w: the service says %s", bucket.ErrFailed, s.Code)
	}
	switch status {
	case http.StatusPreconditionFailed:
		return store.ErrExists
	case http.StatusNotFound: // of the bucket's list
		return bucket.ErrGone
	}
	return bucket.Said(status, s.Code)
}
