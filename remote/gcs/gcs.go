// Package gcs keeps objects in a bucket of Google Cloud Storage, by its JSON interface. One request stores an object,
// with its MD5; ifGenerationMatch=0 has the service refuse a name that is taken.
package gcs

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/bucket"
	"github.com/holdfast-backup/holdfast/remote/google"
	"github.com/holdfast-backup/holdfast/remote/oauth"
	"github.com/holdfast-backup/holdfast/remote/web"
)

const connections = 8

// service is a bucket, as a bucket.Service.
type service struct {
	bearer oauth.Bearer
	root   *url.URL // of the service
	bucket string
}

// Open opens a bucket and a prefix in it. The bucket must be there: where its bytes lie, and what they cost, is chosen
// once and for ever, by whoever makes it. Errors: store.ErrSignIn, store.ErrUnreachable, store.ErrPermission,
// address.ErrInvalid, *store.IdentityError.
func Open(ctx context.Context, a address.Address, secret address.Secret) (*bucket.Store, error) {
	p, err := Params(a, secret)
	if err != nil {
		return nil, &store.Error{Op: "open", Location: a.String(), Err: err}
	}
	return bucket.Open(ctx, p, false)
}

// Params is what bucket.Open needs for a bucket. Errors: store.ErrSignIn, address.ErrInvalid.
func Params(a address.Address, secret address.Secret) (bucket.Params, error) {
	s, err := newService(a, secret)
	return bucket.Params{Service: s, Location: a.String(), Prefix: a.Path, Connections: connections, Flat: true,
		Facts: store.Facts{Deletes: store.DeletesAsSet}}, err
}

func newService(a address.Address, secret address.Secret) (*service, error) {
	endpoint := a.Query.Get("endpoint")
	if endpoint == "" {
		endpoint = "https://storage.googleapis.com"
	}
	root, err := web.Endpoint(endpoint)
	if err != nil {
		return nil, err
	}
	client := web.NewClient(web.Options{Connections: connections, Identity: secret[address.Identity]})
	account, err := newServiceAccount(client, []byte(secret[address.ServiceAccount]), root.Scheme == "http")
	if err != nil {
		return nil, err
	}
	return &service{bearer: oauth.Bearer{Client: client, Tokens: account}, root: root, bucket: a.Host}, nil
}

// Close implements bucket.Service.
func (s *service) Close() { s.bearer.Client.Close() }

// url is that of an object, or of all of them (key ""). Slashes of a key are no slashes of the path.
func (s *service) url(above, key string, query url.Values) string {
	path, raw := above+"/storage/v1/b/"+s.bucket+"/o", above+"/storage/v1/b/"+url.PathEscape(s.bucket)+"/o"
	if key != "" {
		path, raw = path+"/"+key, raw+"/"+url.PathEscape(key)
	}
	u := *s.root
	u.Path, u.RawPath, u.RawQuery = s.root.Path+path, s.root.EscapedPath()+raw, query.Encode()
	return u.String()
}

// object is an object as the service tells of it.
type object struct {
	Name string `json:"name,omitempty"`
	Size int64  `json:"size,string,omitempty"`
	MD5  string `json:"md5Hash,omitempty"`
	Time string `json:"timeCreated,omitempty"`
}

func (o object) entry() bucket.Entry {
	e := bucket.Entry{Key: o.Name, Size: o.Size, Put: bucket.Time(o.Time)}
	if sum, err := base64.StdEncoding.DecodeString(o.MD5); err == nil && len(sum) == md5.Size {
		e.Hash = sum
	}
	return e
}

// Hash implements bucket.Service.
func (s *service) Hash(data []byte) []byte { return bucket.MD5(data) }

// Put implements bucket.Service (Objects: insert, multipart).
func (s *service) Put(ctx context.Context, key string, data, sum []byte, fresh bool) (bucket.Entry, error) {
	query := url.Values{"uploadType": {"multipart"}, "fields": {"name,size,md5Hash"}}
	if fresh {
		query.Set("ifGenerationMatch", "0")
	}
	// With its hash, the service refuses an object whose bytes were changed on the way.
	contentType, parts, err := google.Multipart(object{Name: key, MD5: base64.StdEncoding.EncodeToString(sum)}, data)
	if err != nil {
		return bucket.Entry{}, err
	}
	resp, err := s.bearer.Send(ctx, http.MethodPost, s.url("/upload", "", query), map[string]string{"Content-Type": contentType}, parts...)
	if err != nil {
		return bucket.Entry{}, err
	}
	defer bucket.Finish(resp)
	if resp.StatusCode != http.StatusOK {
		return bucket.Entry{}, s.told(ctx, resp)
	}
	var o object
	err = bucket.ReadJSON(resp, &o)
	return o.entry(), err
}

// Look implements bucket.Service (Objects: get).
func (s *service) Look(ctx context.Context, key string) (bucket.Entry, error) {
	resp, err := s.bearer.Send(ctx, http.MethodGet, s.url("", key, url.Values{"fields": {"name,size,md5Hash"}}), nil)
	if err != nil {
		return bucket.Entry{}, err
	}
	defer bucket.Finish(resp)
	if resp.StatusCode != http.StatusOK {
		return bucket.Entry{}, s.told(ctx, resp)
	}
	var o object
	err = bucket.ReadJSON(resp, &o)
	return o.entry(), err
}

// Read implements bucket.Service (Objects: get, of the bytes).
func (s *service) Read(ctx context.Context, key string, p []byte, offset int64) error {
	resp, err := s.bearer.Send(ctx, http.MethodGet, s.url("", key, url.Values{"alt": {"media"}}),
		map[string]string{"Range": bucket.Range(p, offset)})
	if err != nil {
		return err
	}
	defer bucket.Finish(resp)
	if resp.StatusCode >= 300 && resp.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		return s.told(ctx, resp)
	}
	return bucket.Fill(resp, p, offset)
}

// Whole implements bucket.WholeReader (Objects: get, of the bytes).
func (s *service) Whole(ctx context.Context, key string, most int64) ([]byte, error) {
	resp, err := s.bearer.Send(ctx, http.MethodGet, s.url("", key, url.Values{"alt": {"media"}}), nil)
	if err != nil {
		return nil, err
	}
	defer bucket.Finish(resp)
	if resp.StatusCode != http.StatusOK {
		return nil, s.told(ctx, resp)
	}
	return bucket.Whole(resp, most)
}

// Delete implements bucket.Service (Objects: delete).
func (s *service) Delete(ctx context.Context, key string) error {
	resp, err := s.bearer.Send(ctx, http.MethodDelete, s.url("", key, nil), nil)
	if err != nil {
		return err
	}
	defer bucket.Finish(resp)
	if resp.StatusCode != http.StatusNoContent && resp.StatusCode != http.StatusOK {
		return s.told(ctx, resp)
	}
	return nil
}

// List implements bucket.Service (Objects: list).
func (s *service) List(ctx context.Context, prefix, page string, limit int) ([]bucket.Entry, string, error) {
	if limit == 0 {
		limit = 1000 // the most of a page
	}
	answer, err := s.page(ctx, url.Values{"fields": {"items(name,size,timeCreated),nextPageToken"}, "maxResults": {strconv.Itoa(limit)}},
		prefix, page)
	if err != nil {
		return nil, "", err
	}
	entries := make([]bucket.Entry, len(answer.Items))
	for i, o := range answer.Items {
		entries[i] = o.entry()
	}
	return entries, answer.Next, nil
}

// Folders implements bucket.Service.
func (s *service) Folders(ctx context.Context, prefix, page string) (names []string, next string, err error) {
	answer, err := s.page(ctx, url.Values{"fields": {"prefixes,nextPageToken"}, "delimiter": {"/"}}, prefix, page)
	for _, folder := range answer.Prefixes {
		if name, ok := strings.CutPrefix(folder, prefix); ok {
			names = append(names, strings.TrimSuffix(name, "/"))
		}
	}
	return names, answer.Next, err
}

// listed is a page of a list.
type listed struct {
	Items    []object `json:"items"`
	Prefixes []string `json:"prefixes"`
	Next     string   `json:"nextPageToken"`
}

// page asks for the page of a list.
func (s *service) page(ctx context.Context, query url.Values, prefix, page string) (answer listed, err error) {
	for q, v := range map[string]string{"prefix": prefix, "pageToken": page} {
		if v != "" {
			query.Set(q, v)
		}
	}
	resp, err := s.bearer.Send(ctx, http.MethodGet, s.url("", "", query), nil)
	if err != nil {
		return listed{}, err
	}
	defer bucket.Finish(resp)
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return listed{}, bucket.ErrGone
	default:
		return listed{}, s.told(ctx, resp)
	}
	err = bucket.ReadJSON(resp, &answer)
	return answer, err
}

// told turns an answer that nobody hoped for into an error of store.
func (s *service) told(ctx context.Context, resp *http.Response) error {
	switch resp.StatusCode {
	case http.StatusPreconditionFailed:
		return store.ErrExists
	case http.StatusNotFound: // of the object or of the bucket: the service does not say
		bucket.Finish(resp) // or calls that all ask so would wait for each other's connections
		if _, _, err := s.List(ctx, ".holdfast-nothing", "", 1); err != nil {
			return err
		}
		return store.ErrNotExist
	}
	reason := google.Reason(resp)
	switch reason {
	case "rateLimitExceeded", "userRateLimitExceeded": // also with a 403
		return fmt.Errorf("%w: it asks for fewer requests (%s)", bucket.ErrFailed, reason)
	case "quotaExceeded", "storageQuotaExceeded":
		return fmt.Errorf("%w: the service says %s", store.ErrNoSpace, reason)
	}
	return bucket.Said(resp.StatusCode, reason)
}
