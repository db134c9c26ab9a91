package webdav

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-backup/holdfast/core/store"
)

// entry is one file or folder of a list.
type entry struct {
	name    string // below the root
	size    int64
	folder  bool
	changed time.Time // zero: the server was not asked, or does not tell
}

// multistatus is the answer to PROPFIND (RFC 4918 14.16).
type multistatus struct {
	Responses []struct {
		Href  string `xml:"DAV: href"`
		Props []struct {
			Status string    `xml:"DAV: status"`
			Length string    `xml:"DAV: prop>getcontentlength"`
			Folder *struct{} `xml:"DAV: prop>resourcetype>collection"`
			Free   string    `xml:"DAV: prop>quota-available-bytes"`
			Time   string    `xml:"DAV: prop>getlastmodified"`
		} `xml:"DAV: propstat"`
	} `xml:"DAV: response"`
}

const whatProps = `<?xml version="1.0"?><propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/></prop></propfind>`

// ask asks for the properties of a name below the root, or of a folder and all in it.
func (s *Store) ask(ctx context.Context, name, depth, what string) (*multistatus, error) {
	at := s.url(name)
	if depth == "1" || name == "" {
		at += "/"
	}
	resp, err := s.send(ctx, "PROPFIND", at, map[string]string{"Depth": depth, "Content-Type": "application/xml"}, []byte(what))
	if err != nil {
		return nil, err
	}
	defer finish(resp) //nolint:errcheck // it was read
	switch resp.StatusCode {
	case http.StatusMultiStatus:
	case http.StatusNotFound, http.StatusGone:
		return nil, store.ErrNotExist
	case http.StatusBadRequest, http.StatusConflict:
		_ = finish(resp) // or calls that all ask again would wait for each other's connections
		return nil, s.below(ctx, name, resp.StatusCode)
	default:
		return nil, said(resp.StatusCode, "PROPFIND")
	}
	var m multistatus
	body := &io.LimitedReader{R: resp.Body, N: maxAnswer}
	if err := xml.NewDecoder(body).Decode(&m); err != nil {
		return nil, fmt.Errorf("%w: the server's list cannot be read: %w", store.ErrUnreachable, err)
	}
	return &m, nil
}

// below says what 400 or 409 means: the name lies below a file's or below nothing, or the server has trouble.
func (s *Store) below(ctx context.Context, name string, status int) error {
	if name == "" {
		if status == http.StatusConflict {
			return store.ErrNotExist
		}
		return said(status, "PROPFIND")
	}
	parent := path.Dir(name)
	if parent == "." {
		parent = ""
	}
	switch e, err := s.look(ctx, parent); {
	case errors.Is(err, store.ErrNotExist), err == nil && !e.folder:
		return store.ErrNotExist
	case err != nil:
		return err
	}
	return said(status, "PROPFIND")
}

// entries are what a PROPFIND tells, the folder itself with them.
func (s *Store) entries(m *multistatus) ([]entry, error) {
	out := make([]entry, 0, len(m.Responses))
	for _, r := range m.Responses {
		u, err := url.Parse(r.Href)
		if err != nil {
			return nil, fmt.Errorf("%w: the server lists a name that cannot be read", store.ErrUnreachable)
		}
		rest, ok := strings.CutPrefix(path.Clean("/"+u.Path), path.Clean("/"+s.root.Path))
		if !ok {
			return nil, fmt.Errorf("%w: the server lists what lies elsewhere", store.ErrUnreachable)
		}
		e := entry{name: strings.TrimPrefix(rest, "/"), size: -1}
		for _, p := range r.Props {
			if p.Status != "" && !strings.Contains(p.Status, " 200") {
				continue
			}
			e.folder = e.folder || p.Folder != nil
			if n, err := strconv.ParseInt(strings.TrimSpace(p.Length), 10, 64); err == nil {
				e.size = n
			}
			if at, err := http.ParseTime(p.Time); err == nil {
				e.changed = at
			}
		}
		out = append(out, e)
	}
	return out, nil
}

// look returns what has a name.
func (s *Store) look(ctx context.Context, name string) (entry, error) {
	m, err := s.ask(ctx, name, "0", whatProps)
	if err != nil {
		return entry{}, err
	}
	all, err := s.entries(m)
	if err != nil {
		return entry{}, err
	}
	for _, e := range all {
		if e.name == name {
			return e, nil
		}
	}
	return entry{}, fmt.Errorf("%w: the server tells of another name", store.ErrUnreachable)
}

// missing is what a call returns that found nothing: where the folder itself is gone, nobody knows what is in it.
func (s *Store) missing(ctx context.Context) error {
	if _, err := s.look(ctx, ""); err != nil {
		if errors.Is(err, store.ErrNotExist) {
			return fmt.Errorf("%w: the folder is gone", store.ErrUnreachable)
		}
		return err
	}
	return store.ErrNotExist
}

// List implements store.Store.
func (s *Store) List(ctx context.Context, prefix string, fn func(store.Object) error) error {
	err := store.CheckPrefix(prefix)
	var found []store.Object
	if err == nil {
		found, err = s.walk(ctx, prefix)
	}
	if err != nil {
		return s.fail(ctx, "list", prefix, err)
	}
	for _, o := range found {
		if ctx.Err() != nil {
			return s.fail(ctx, "list", prefix, ctx.Err())
		}
		if err := fn(o); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) walk(ctx context.Context, prefix string) ([]store.Object, error) {
	var mu sync.Mutex
	var found []store.Object
	group, ctx := errgroup.WithContext(ctx)
	slots := make(chan struct{}, folders)
	var read func(dir string) error
	read = func(dir string) error {
		slots <- struct{}{}
		m, err := s.ask(ctx, dir, "1", whatProps)
		<-slots
		if errors.Is(err, store.ErrNotExist) {
			return s.gone(ctx)
		}
		if err != nil {
			return err
		}
		all, err := s.entries(m)
		if err != nil {
			return err
		}
		for _, e := range all {
			switch {
			case e.name == dir || !strings.HasPrefix(e.name, dir):
			case e.folder && (strings.HasPrefix(e.name+"/", prefix) || strings.HasPrefix(prefix, e.name+"/")):
				group.Go(func() error { return read(e.name) })
			case !e.folder && strings.HasPrefix(e.name, prefix) && store.CheckName(e.name) == nil && e.size >= 0:
				mu.Lock()
				found = append(found, store.Object{Name: e.name, Size: e.size})
				mu.Unlock()
			}
		}
		return nil
	}
	top, _ := path.Split(prefix)
	group.Go(func() error { return read(strings.TrimSuffix(top, "/")) })
	return found, group.Wait()
}

const whatFree = `<?xml version="1.0"?><propfind xmlns="DAV:"><prop><quota-available-bytes/></prop></propfind>`

// Free implements store.Spacer (RFC 4331), for servers that tell.
func (s *Store) Free(ctx context.Context) (uint64, error) {
	m, err := s.ask(ctx, "", "0", whatFree)
	if err != nil {
		return 0, s.fail(ctx, "free", "", err)
	}
	for _, r := range m.Responses {
		for _, p := range r.Props {
			if n, err := strconv.ParseInt(strings.TrimSpace(p.Free), 10, 64); err == nil && n >= 0 {
				return uint64(n), nil
			}
		}
	}
	return 0, s.fail(ctx, "free", "", errors.ErrUnsupported)
}

// said is what a status means that nobody expected.
func said(status int, method string) error {
	words := fmt.Sprintf("the server answers %s with %d %s", method, status, http.StatusText(status))
	switch status {
	case http.StatusUnauthorized:
		return fmt.Errorf("%w: the server does not accept the user with this password", store.ErrSignIn)
	case http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return fmt.Errorf("%w: %s", store.ErrPermission, words)
	case http.StatusInsufficientStorage, http.StatusRequestEntityTooLarge:
		return fmt.Errorf("%w: %s", store.ErrNoSpace, words)
	}
	return fmt.Errorf("%w: %s", store.ErrUnreachable, words)
}
