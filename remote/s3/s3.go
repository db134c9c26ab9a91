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
	return bucket.Params{Service: s, Location: a.String(), Prefix: a.Path, Connections: connections, Flat: true,
		Facts: store.Facts{Deletes: store.DeletesAsSet, PaidDays: paidDays(a.Query.Get("endpoint"))}}, nil
}

// paidDays is how long an object is paid for at least, by the rules of the providers that have one for all objects.
func paidDays(endpoint string) int {
	_, host, ok := strings.Cut(endpoint, "://")
	if !ok {
		host = endpoint
	}
	host, _, _ = strings.Cut(host, "/")
	if host == "wasabisys.com" || strings.HasSuffix(host, ".wasabisys.com") {
		return 90
	}
	return 0
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
		Key          string
		Size         int64
		LastModified string
	}
	CommonPrefixes        []struct{ Prefix string }
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
	query := url.Values{"prefix": {prefix}}
	if limit > 0 {
		query.Set("max-keys", strconv.Itoa(limit))
	}
	answer, err := s.page(ctx, query, at)
	if err != nil {
		return nil, "", err
	}
	entries := answer.entries()
	next, err := answer.next()
	return entries, next, err
}

// Folders implements bucket.Service.
func (s *service) Folders(ctx context.Context, prefix, at string) (names []string, next string, err error) {
	answer, err := s.page(ctx, url.Values{"prefix": {prefix}, "delimiter": {"/"}}, at)
	if err != nil {
		return nil, "", err
	}
	for _, p := range answer.CommonPrefixes {
		if name, ok := strings.CutPrefix(answer.plain(p.Prefix), prefix); ok {
			names = append(names, strings.TrimSuffix(name, "/"))
		}
	}
	next, err = answer.next()
	return names, next, err
}

// page asks for the page of a list.
func (s *service) page(ctx context.Context, query url.Values, at string) (answer page, err error) {
	query.Set("encoding-type", "url")
	if marker, older := strings.CutPrefix(at, byMarker); older {
		query.Set("marker", marker)
	} else {
		query.Set("list-type", "2")
		if token, ok := strings.CutPrefix(at, byToken); ok {
			query.Set("continuation-token", token)
		}
	}
	resp, err := s.send(ctx, http.MethodGet, "", query, nil, nil)
	if err != nil {
		return page{}, err
	}
	defer bucket.Finish(resp)
	if resp.StatusCode != http.StatusOK {
		return page{}, read(resp).told(resp.StatusCode)
	}
	err = bucket.ReadXML(resp, &answer)
	return answer, err
}

// plain decodes a name of the page.
func (p *page) plain(text string) string {
	if p.EncodingType == "url" {
		if decoded, err := url.QueryUnescape(text); err == nil {
			return decoded
		}
	}
	return text
}

// entries are the objects of a page.
func (p *page) entries() (entries []bucket.Entry) {
	for _, o := range p.Contents {
		entries = append(entries, bucket.Entry{Key: p.plain(o.Key), Size: o.Size, Put: bucket.Time(o.LastModified)})
	}
	return entries
}

// next names the next page.
func (p *page) next() (string, error) {
	last := ""
	if n := len(p.Contents); n > 0 {
		last = p.plain(p.Contents[n-1].Key)
	}
	if n := len(p.CommonPrefixes); n > 0 {
		last = max(last, p.plain(p.CommonPrefixes[n-1].Prefix))
	}
	switch {
	case !p.IsTruncated:
		return "", nil
	case p.NextContinuationToken != "":
		return byToken + p.NextContinuationToken, nil
	case p.NextMarker != "":
		return byMarker + p.plain(p.NextMarker), nil
	case last != "":
		return byMarker + last, nil
	}
	return "", fmt.Errorf("%w: the service's list has no end", store.ErrUnreachable)
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
