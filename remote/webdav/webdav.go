// Package webdav keeps objects on a WebDAV server (RFC 4918). An object is sent in one request, which the server
// refuses when the name is taken (If-None-Match, RFC 9110 13.1.2). Nothing is ever deleted because of an error.
package webdav

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/web"
)

const (
	connections = 6
	folders     = 8       // read at once by a list
	maxAnswer   = 8 << 20 // of one folder's list, bytes
)

// Store keeps objects in a folder of a server.
type Store struct {
	client   *web.Client
	location string
	root     *url.URL // without a slash at its end
	user     string
	password string

	mu     sync.Mutex
	made   map[string]bool // folders that were there a moment ago
	making chan struct{}   // held by who makes folders: some servers refuse one of two that make the same at once (423)
	// reading holds a place for each that reads. One may have to ask again while its answer holds a connection, so there is
	// one connection more than places.
	reading chan struct{}
}

// Open opens a folder of a server; create makes it, if it is not there. Errors: *store.IdentityError,
// store.ErrSignIn, store.ErrUnreachable, store.ErrPermission.
func Open(ctx context.Context, a address.Address, secret address.Secret, create bool) (*Store, error) {
	scheme := "https"
	if a.Kind == address.WebDAVIn {
		scheme = "http"
	}
	s := &Store{
		client: web.NewClient(web.Options{Connections: connections + 1, Identity: secret[address.Identity]}), location: a.String(),
		root: &url.URL{Scheme: scheme, Host: a.Host, Path: strings.TrimSuffix(a.Path, "/")},
		user: a.User, password: secret[address.Password], made: make(map[string]bool),
		making: make(chan struct{}, 1), reading: make(chan struct{}, connections),
	}
	err := s.open(ctx, create)
	if err != nil {
		s.client.Close()
		return nil, s.fail(ctx, "open", "", err)
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, create bool) error {
	e, err := s.look(ctx, "")
	switch {
	case errors.Is(err, store.ErrNotExist) && create:
		return s.makeRoot(ctx)
	case errors.Is(err, store.ErrNotExist):
		return fmt.Errorf("%w: there is no such folder on the server", store.ErrUnreachable)
	case err != nil:
		return err
	case !e.folder:
		return fmt.Errorf("%w: this is no folder", store.ErrUnreachable)
	}
	return nil
}

// makeRoot makes the folder of the place, and those above it that are missing.
func (s *Store) makeRoot(ctx context.Context) error {
	var missing []string
	for at := s.root.Path; at != "" && at != "/"; at = path.Dir(at) {
		missing = append(missing, at)
		status, err := s.mkcol(ctx, at)
		switch {
		case err != nil:
			return err
		case status == http.StatusConflict || status == http.StatusNotFound: // the one above is not there
			continue
		case status != http.StatusCreated && status != http.StatusMethodNotAllowed:
			return said(status, "MKCOL")
		}
		missing = missing[:len(missing)-1]
		for i := len(missing) - 1; i >= 0; i-- {
			if status, err := s.mkcol(ctx, missing[i]); err != nil || status != http.StatusCreated && status != http.StatusMethodNotAllowed {
				return errors.Join(err, said(status, "MKCOL"))
			}
		}
		return nil
	}
	return fmt.Errorf("%w: the folder cannot be made", store.ErrPermission)
}

func (s *Store) mkcol(ctx context.Context, at string) (int, error) {
	u := *s.root
	u.Path = at + "/"
	resp, err := s.send(ctx, "MKCOL", u.String(), nil, nil)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, finish(resp)
}

// Properties implements store.Store.
func (s *Store) Properties() store.Properties {
	return store.Properties{Location: s.location, Connections: connections, Lags: true, Facts: store.Facts{Deletes: store.DeletesAsSet}}
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.client.Close()
	return nil
}

func (s *Store) fail(ctx context.Context, op, name string, err error) error {
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return &store.Error{Op: op, Name: name, Location: s.location, Err: err}
}

func (s *Store) url(name string) string {
	parts := strings.Split(name, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return s.root.JoinPath(parts...).String()
}

// send sends one request.
func (s *Store) send(ctx context.Context, method, at string, header map[string]string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, at, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body == nil {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	if s.user != "" || s.password != "" {
		req.SetBasicAuth(s.user, s.password)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	if method == "PROPFIND" || method == http.MethodDelete {
		req.Header["Idempotency-Key"] = nil // it may be sent anew where the server has closed a connection that rested; not sent itself
	}
	return s.client.Do(req)
}

// finish reads the rest of an answer, so that its connection can be used again.
func finish(resp *http.Response) error {
	_, _ = io.CopyN(io.Discard, resp.Body, 256<<10) // what is longer costs the connection
	return resp.Body.Close()
}

func (s *Store) stat(ctx context.Context, name string) (int64, error) {
	e, err := s.look(ctx, name)
	switch {
	case errors.Is(err, store.ErrNotExist), err == nil && e.folder:
		return 0, s.missing(ctx)
	case err == nil && e.size < 0:
		return 0, fmt.Errorf("%w: the server tells no size", store.ErrUnreachable)
	}
	return e.size, err
}

// Stat implements store.Store.
func (s *Store) Stat(ctx context.Context, name string) (store.Object, error) {
	if err := store.CheckName(name); err != nil {
		return store.Object{}, s.fail(ctx, "stat", name, err)
	}
	size, err := s.stat(ctx, name)
	if err != nil {
		return store.Object{}, s.fail(ctx, "stat", name, err)
	}
	return store.Object{Name: name, Size: size}, nil
}

// ReadAt implements store.Store.
func (s *Store) ReadAt(ctx context.Context, name string, p []byte, offset int64) error {
	err := store.CheckName(name)
	if err == nil && offset < 0 {
		err = fmt.Errorf("%w: offset %d", io.ErrUnexpectedEOF, offset)
	}
	if err == nil {
		err = s.readAt(ctx, name, p, offset)
	}
	if err != nil {
		return s.fail(ctx, "read", name, err)
	}
	return nil
}

func (s *Store) readAt(ctx context.Context, name string, p []byte, offset int64) error {
	if len(p) == 0 {
		size, err := s.stat(ctx, name)
		if err == nil && offset > size {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	select {
	case s.reading <- struct{}{}:
		defer func() { <-s.reading }()
	case <-ctx.Done():
		return ctx.Err()
	}
	last := offset + int64(len(p)) - 1
	resp, err := s.send(ctx, http.MethodGet, s.url(name), map[string]string{"Range": fmt.Sprintf("bytes=%d-%d", offset, last)}, nil)
	if err != nil {
		return err
	}
	defer finish(resp) //nolint:errcheck // it was read
	switch resp.StatusCode {
	case http.StatusPartialContent:
		var from, to int64
		if _, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d", &from, &to); err != nil || from != offset {
			return fmt.Errorf("%w: the server sends another range", store.ErrUnreachable)
		}
		if to < last {
			return io.ErrUnexpectedEOF
		}
	case http.StatusRequestedRangeNotSatisfiable:
		return io.ErrUnexpectedEOF
	case http.StatusOK: // the whole, of a server that knows no ranges or thinks the range is all; or a folder's page
		size, err := s.stat(ctx, name)
		switch {
		case err != nil:
			return err
		case last >= size:
			return io.ErrUnexpectedEOF
		}
		if _, err := io.CopyN(io.Discard, resp.Body, offset); err != nil {
			return cut(err)
		}
	case http.StatusNotFound, http.StatusGone:
		_ = finish(resp) // or calls that all ask again would wait for each other's connections
		return s.missing(ctx)
	default:
		_ = finish(resp)                                                      // as above
		if _, serr := s.stat(ctx, name); errors.Is(serr, store.ErrNotExist) { // a folder
			return serr
		}
		return said(resp.StatusCode, http.MethodGet)
	}
	if _, err := io.ReadFull(resp.Body, p); err != nil {
		return cut(err)
	}
	return nil
}

// cut is an answer that ended too early. It does not wrap err: io.ErrUnexpectedEOF would say that the object is short.
func cut(err error) error {
	return fmt.Errorf("%w: the answer was cut off: %s", store.ErrUnreachable, err.Error())
}

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, name string, data []byte) error {
	return s.write(ctx, "put", name, data, map[string]string{"If-None-Match": "*"})
}

// Replace implements store.Store.
func (s *Store) Replace(ctx context.Context, name string, data []byte) error {
	return s.write(ctx, "replace", name, data, nil)
}

func (s *Store) write(ctx context.Context, op, name string, data []byte, header map[string]string) error {
	err := store.CheckName(name)
	if err == nil {
		err = s.writeOnce(ctx, name, data, header)
	}
	if err != nil {
		return s.fail(ctx, op, name, err)
	}
	return nil
}

func (s *Store) writeOnce(ctx context.Context, name string, data []byte, header map[string]string) error {
	if data == nil {
		data = []byte{}
	}
	dir := path.Dir(name)
	if err := s.folders(ctx, dir, false); err != nil {
		return err
	}
	err := s.put(ctx, name, data, header)
	if errors.Is(err, errNoFolder) { // it was there a moment ago
		if err = s.folders(ctx, dir, true); err == nil {
			err = s.put(ctx, name, data, header)
		}
	}
	if err != nil {
		return err
	}
	return s.whole(ctx, name, len(data))
}

// errNoFolder: the folder of an object is not there.
var errNoFolder = fmt.Errorf("%w: the server finds no folder for the object", store.ErrUnreachable)

// put sends an object once.
func (s *Store) put(ctx context.Context, name string, data []byte, header map[string]string) error {
	if header != nil && len(data) <= maxLocked {
		if e, err := s.look(ctx, name); err == nil && !e.folder { // a lock that a dead writer left is not waited for
			return store.ErrExists
		}
		unlock, err := s.lock(ctx, name)
		if err != nil {
			return err
		}
		defer unlock()
	}
	resp, err := s.send(ctx, http.MethodPut, s.url(name), header, data)
	if err != nil {
		return err
	}
	_ = finish(resp) // its words say nothing that the status does not
	switch resp.StatusCode {
	case http.StatusCreated, http.StatusNoContent, http.StatusOK:
		return nil
	case http.StatusPreconditionFailed:
		return store.ErrExists
	case http.StatusNotFound, http.StatusConflict, http.StatusForbidden:
		return fmt.Errorf("%w (%w)", errNoFolder, said(resp.StatusCode, http.MethodPut))
	}
	return said(resp.StatusCode, http.MethodPut)
}

// whole compares the size of what the server has with what it was sent.
func (s *Store) whole(ctx context.Context, name string, want int) error {
	size, err := s.stat(ctx, name)
	switch {
	case errors.Is(err, store.ErrNotExist):
		return fmt.Errorf("%w: the server took the object and does not have it", store.ErrUnreachable)
	case err != nil:
		return err
	case size != int64(want):
		return fmt.Errorf("%w: the server has %d bytes of %d", store.ErrUnreachable, size, want)
	}
	return nil
}

// folders is mkdir, for one at a time.
func (s *Store) folders(ctx context.Context, dir string, anew bool) error {
	if !anew && s.isMade(dir) {
		return nil
	}
	select {
	case s.making <- struct{}{}:
		defer func() { <-s.making }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return s.mkdir(ctx, dir, anew)
}

func (s *Store) isMade(dir string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.made[dir]
}

// mkdir makes the folders between the root, which must be there, and a folder. anew: also those known to be there.
func (s *Store) mkdir(ctx context.Context, dir string, anew bool) error {
	if dir == "." {
		if anew {
			return s.gone(ctx)
		}
		return nil
	}
	if !anew && s.isMade(dir) {
		return nil
	}
	if err := s.mkdir(ctx, path.Dir(dir), anew); err != nil {
		return err
	}
	status, err := s.mkcol(ctx, s.root.JoinPath(dir).Path)
	switch {
	case err != nil:
		return err
	case status == http.StatusCreated, status == http.StatusMethodNotAllowed: // it is there, or a file is
		s.mu.Lock()
		defer s.mu.Unlock()
		s.made[dir] = true
		return nil
	}
	if e, err := s.look(ctx, dir); err == nil && e.folder { // Apache answers 403 to one of two that make it at once
		return nil
	}
	if err := s.gone(ctx); err != nil {
		return err
	}
	return said(status, "MKCOL")
}

// gone returns an error when the root is gone.
func (s *Store) gone(ctx context.Context) error {
	if err := s.missing(ctx); !errors.Is(err, store.ErrNotExist) {
		return err
	}
	return nil
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, name string) error {
	err := store.CheckName(name)
	if err == nil {
		err = s.remove(ctx, name)
	}
	if err != nil {
		return s.fail(ctx, "delete", name, err)
	}
	return nil
}

func (s *Store) remove(ctx context.Context, name string) error {
	if _, err := s.stat(ctx, name); err != nil { // DELETE would take a folder with all that is in it
		if errors.Is(err, store.ErrNotExist) {
			return nil
		}
		return err
	}
	resp, err := s.send(ctx, http.MethodDelete, s.url(name), nil, nil)
	if err != nil {
		return err
	}
	_ = finish(resp) // its words say nothing that the status does not
	switch resp.StatusCode {
	case http.StatusOK, http.StatusNoContent, http.StatusNotFound, http.StatusGone:
		return nil
	}
	return said(resp.StatusCode, http.MethodDelete)
}
