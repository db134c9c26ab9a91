// Package azure keeps objects as block blobs in a container of Azure Blob Storage, by its REST interface. One request
// stores an object, with its MD5; If-None-Match has the service refuse a name that is taken.
package azure

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/bucket"
	"github.com/holdfast-backup/holdfast/remote/web"
)

const (
	connections = 8
	version     = "2021-12-02" // of the REST interface
)

// container is a container, as a bucket.Service.
type container struct {
	client *web.Client
	root   *url.URL // of the container
	signer signer
}

// Open opens a container and a prefix in it; create makes the container, if it is not there. Errors: store.ErrSignIn,
// store.ErrUnreachable, store.ErrPermission, address.ErrInvalid, *store.IdentityError.
func Open(ctx context.Context, a address.Address, secret address.Secret, create bool) (*bucket.Store, error) {
	p, err := Params(a, secret)
	if err != nil {
		return nil, &store.Error{Op: "open", Location: a.String(), Err: err}
	}
	return bucket.Open(ctx, p, create)
}

// Params is what bucket.Open needs for a container. Errors: store.ErrSignIn, address.ErrInvalid.
func Params(a address.Address, secret address.Secret) (bucket.Params, error) {
	c, err := newContainer(a, secret)
	return bucket.Params{Service: c, Location: a.String(), Prefix: a.Path, Connections: connections, Flat: true,
		Facts: store.Facts{Deletes: store.DeletesAsSet}}, err
}

func newContainer(a address.Address, secret address.Secret) (*container, error) {
	account := a.Query.Get("account")
	s, err := newSigner(account, secret)
	if err != nil {
		return nil, err
	}
	endpoint := a.Query.Get("endpoint")
	if endpoint == "" {
		endpoint = "https://" + account + ".blob.core.windows.net"
	}
	root, err := web.Endpoint(endpoint)
	if err != nil {
		return nil, err
	}
	root.Path += "/" + a.Host
	return &container{
		client: web.NewClient(web.Options{Connections: connections, Identity: secret[address.Identity]}), root: root, signer: s,
	}, nil
}

// Close implements bucket.Service.
func (c *container) Close() { c.client.Close() }

// send sends one request. key "": to the container.
func (c *container) send(ctx context.Context, method, key string, query url.Values, header map[string]string, body []byte) (
	*http.Response, error,
) {
	u := *c.root
	if key != "" {
		u.Path += "/" + key
	}
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body)) // none of no bytes
	if err != nil {
		return nil, store.ErrInvalidName // err repeats the URL
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	req.Header.Set("X-Ms-Version", version)
	if method == http.MethodDelete {
		req.Header["Idempotency-Key"] = nil // it may be sent anew where the server has closed a connection that rested; not sent itself
	}
	c.signer.sign(req)
	return c.client.Do(req)
}

// Hash implements bucket.Service.
func (c *container) Hash(data []byte) []byte { return bucket.MD5(data) }

// Put implements bucket.Service (Put Blob).
func (c *container) Put(ctx context.Context, key string, data, sum []byte, fresh bool) (bucket.Entry, error) {
	header := map[string]string{
		"X-Ms-Blob-Type": "BlockBlob", "Content-Type": "application/octet-stream",
		"Content-MD5": base64.StdEncoding.EncodeToString(sum),
	}
	if fresh {
		header["If-None-Match"] = "*"
	}
	resp, err := c.send(ctx, http.MethodPut, key, nil, header, data)
	if err != nil {
		return bucket.Entry{}, err
	}
	defer bucket.Finish(resp)
	if resp.StatusCode != http.StatusCreated {
		err := told(resp)
		if resp.StatusCode == http.StatusNotFound && !errors.Is(err, bucket.ErrGone) {
			err = store.ErrNotExist // also without a code, of a gateway
		}
		return bucket.Entry{}, err
	}
	// The answer tells no size. Its hash is that of all bytes.
	return bucket.Entry{Key: key, Size: int64(len(data)), Hash: hash(resp)}, nil
}

// hash is the MD5 that an answer tells, nil: none.
func hash(resp *http.Response) []byte {
	sum, err := base64.StdEncoding.DecodeString(resp.Header.Get("Content-MD5"))
	if err != nil || len(sum) != md5.Size {
		return nil
	}
	return sum
}

// Look implements bucket.Service (Get Blob Properties).
func (c *container) Look(ctx context.Context, key string) (bucket.Entry, error) {
	resp, err := c.send(ctx, http.MethodHead, key, nil, nil, nil)
	if err != nil {
		return bucket.Entry{}, err
	}
	defer bucket.Finish(resp)
	switch {
	case resp.StatusCode != http.StatusOK:
		return bucket.Entry{}, told(resp)
	case resp.Header.Get("X-Ms-Resource-Type") == "directory": // of an account with folders
		return bucket.Entry{}, store.ErrNotExist
	case resp.ContentLength < 0:
		return bucket.Entry{}, fmt.Errorf("%w: the service tells no size", store.ErrUnreachable)
	}
	return bucket.Entry{Key: key, Size: resp.ContentLength, Hash: hash(resp)}, nil
}

// Read implements bucket.Service (Get Blob).
func (c *container) Read(ctx context.Context, key string, p []byte, offset int64) error {
	resp, err := c.send(ctx, http.MethodGet, key, nil, map[string]string{"Range": bucket.Range(p, offset)}, nil)
	if err != nil {
		return err
	}
	defer bucket.Finish(resp)
	if resp.StatusCode >= 300 && resp.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		return told(resp)
	}
	return bucket.Fill(resp, p, offset)
}

// Whole implements bucket.WholeReader (Get Blob).
func (c *container) Whole(ctx context.Context, key string, most int64) ([]byte, error) {
	resp, err := c.send(ctx, http.MethodGet, key, nil, nil, nil)
	if err != nil {
		return nil, err
	}
	defer bucket.Finish(resp)
	switch {
	case resp.StatusCode != http.StatusOK:
		return nil, told(resp)
	case resp.Header.Get("X-Ms-Resource-Type") == "directory": // of an account with folders
		return nil, store.ErrNotExist
	}
	return bucket.Whole(resp, most)
}

// Delete implements bucket.Service (Delete Blob).
func (c *container) Delete(ctx context.Context, key string) error {
	resp, err := c.send(ctx, http.MethodDelete, key, nil, nil, nil)
	if err != nil {
		return err
	}
	defer bucket.Finish(resp)
	if resp.StatusCode != http.StatusAccepted {
		return told(resp)
	}
	return nil
}

// Make implements bucket.Maker (Create Container). What nobody may read without the key is the service's default.
func (c *container) Make(ctx context.Context) error {
	resp, err := c.send(ctx, http.MethodPut, "", url.Values{"restype": {"container"}}, nil, nil)
	if err != nil {
		return err
	}
	defer bucket.Finish(resp)
	if resp.StatusCode != http.StatusCreated && code(resp) != "ContainerAlreadyExists" {
		return told(resp)
	}
	return nil
}

// page is the answer to List Blobs.
type page struct {
	Blobs []struct {
		Name       string
		Properties struct {
			Length string `xml:"Content-Length"`
			Kind   string `xml:"ResourceType"`
			Time   string `xml:"Last-Modified"`
		}
	} `xml:"Blobs>Blob"`
	Folders []struct{ Name string } `xml:"Blobs>BlobPrefix"`
	Next    string                  `xml:"NextMarker"`
}

// List implements bucket.Service (List Blobs).
func (c *container) List(ctx context.Context, prefix, marker string, limit int) ([]bucket.Entry, string, error) {
	query := url.Values{}
	if limit > 0 {
		query.Set("maxresults", strconv.Itoa(limit))
	}
	answer, err := c.page(ctx, query, prefix, marker)
	if err != nil {
		return nil, "", err
	}
	entries := make([]bucket.Entry, 0, len(answer.Blobs))
	for _, b := range answer.Blobs {
		size, err := strconv.ParseInt(b.Properties.Length, 10, 64)
		if err != nil || size < 0 || b.Properties.Kind == "directory" { // of an account with folders
			continue
		}
		entries = append(entries, bucket.Entry{Key: b.Name, Size: size, Put: bucket.Time(b.Properties.Time)})
	}
	return entries, answer.Next, nil
}

// Folders implements bucket.Service.
func (c *container) Folders(ctx context.Context, prefix, marker string) (names []string, next string, err error) {
	answer, err := c.page(ctx, url.Values{"delimiter": {"/"}}, prefix, marker)
	for _, f := range answer.Folders {
		if name, ok := strings.CutPrefix(f.Name, prefix); ok {
			names = append(names, strings.TrimSuffix(name, "/"))
		}
	}
	return names, answer.Next, err
}

// page asks for the page of a list.
func (c *container) page(ctx context.Context, query url.Values, prefix, marker string) (answer page, err error) {
	for q, v := range map[string]string{"restype": "container", "comp": "list", "prefix": prefix, "marker": marker} {
		if v != "" {
			query.Set(q, v)
		}
	}
	resp, err := c.send(ctx, http.MethodGet, "", query, nil, nil)
	if err != nil {
		return page{}, err
	}
	defer bucket.Finish(resp)
	if resp.StatusCode != http.StatusOK {
		return page{}, told(resp)
	}
	err = bucket.ReadXML(resp, &answer)
	return answer, err
}

func code(resp *http.Response) string { return resp.Header.Get("X-Ms-Error-Code") }

// told turns an answer that nobody hoped for into an error of store.
func told(resp *http.Response) error {
	what := code(resp)
	switch what {
	case "BlobAlreadyExists", "ConditionNotMet":
		return store.ErrExists
	case "BlobNotFound":
		return store.ErrNotExist
	case "ContainerNotFound", "ContainerBeingDeleted", "ContainerDisabled":
		return bucket.ErrGone
	case "AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation":
		// Also where this computer's clock is wrong by more than a quarter of an hour.
		return fmt.Errorf("%w: the service does not accept the key or the signature (%s)", store.ErrSignIn, what)
	case "BlobImmutableDueToPolicy", "LeaseIdMissing":
		return fmt.Errorf("%w: the service protects the object (%s)", store.ErrPermission, what)
	}
	return bucket.Said(resp.StatusCode, what)
}
