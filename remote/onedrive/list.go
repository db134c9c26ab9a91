package onedrive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/bucket"
)

// most is how many entries a page has at most.
const most = 1000

// folder is one that is to be listed.
type folder struct {
	ID  string `json:"id"`
	Key string `json:"key"` // "": the place's
}

// page is what a list goes on with.
type page struct {
	Now  folder   `json:"now"`
	Link string   `json:"link,omitempty"` // of the next page of Now; "": it begins
	Next []folder `json:"next,omitempty"` // folders that follow
}

// listed is a page as the service gives it.
type listed struct {
	Value []item `json:"value"`
	Link  string `json:"@odata.nextLink"`
}

// List implements bucket.Service. The service lists one folder at a time, so those in it follow.
func (s *service) List(ctx context.Context, prefix, at string, limit int) ([]bucket.Entry, string, error) {
	if s.id == "" { // it is opened just now
		if err := s.find(ctx); err != nil {
			return nil, "", err
		}
	}
	if limit == 0 {
		limit = most
	}
	query := fields + "&$top=" + strconv.Itoa(min(limit, most))
	var p page
	link := ""
	if at == "" {
		if i := strings.LastIndex(prefix, "/"); i >= 0 {
			p.Now.Key = prefix[:i]
		}
		link = s.at(p.Now.Key, "children") + query
	} else {
		if err := json.Unmarshal([]byte(at), &p); err != nil {
			return nil, "", fmt.Errorf("%w: the list cannot go on", store.ErrUnreachable)
		}
		if link = p.Link; link == "" {
			link = byID(p.Now.ID) + "/children" + query
		}
	}
	var answer listed
	err := s.missing(ctx, s.ask(ctx, http.MethodGet, link, nil, &answer))
	if err != nil && !errors.Is(err, store.ErrNotExist) { // a folder that is not there has nothing in it
		return nil, "", err
	}
	entries := p.take(answer.Value, prefix)
	next, err := p.after(answer.Link)
	return entries, next, err
}

// Folders implements bucket.Service.
func (s *service) Folders(ctx context.Context, prefix, at string) (names []string, next string, err error) {
	link := s.at(strings.TrimSuffix(prefix, "/"), "children") + fields + "&$top=" + strconv.Itoa(most)
	if at != "" {
		link = at
	}
	var answer listed
	if err := s.missing(ctx, s.ask(ctx, http.MethodGet, link, nil, &answer)); err != nil {
		return nil, "", err
	}
	for _, i := range answer.Value {
		if i.Folder != nil && i.Deleted == nil {
			names = append(names, i.Name)
		}
	}
	return names, answer.Link, safe(answer.Link)
}

// safe returns nil if a link leads to the service, or there is none. One to anywhere else would take the token there.
func safe(link string) error {
	u, err := url.Parse(link)
	if link != "" && (err != nil || u.Scheme != "https" || u.Host != host || u.User != nil) {
		return fmt.Errorf("%w: the service's list leads elsewhere", store.ErrUnreachable) // err repeats it
	}
	return nil
}

// take returns the files of a list whose keys begin with prefix, and remembers the folders. One that can hold no object
// is left alone.
func (p *page) take(all []item, prefix string) []bucket.Entry {
	var entries []bucket.Entry
	for _, i := range all {
		key := strings.TrimPrefix(p.Now.Key+"/"+i.Name, "/")
		switch {
		case !bucket.IsBelow(key, prefix) || i.Deleted != nil:
		case i.File != nil:
			entries = append(entries, i.entry(key))
		case i.Folder != nil:
			p.Next = append(p.Next, folder{i.ID, key})
		}
	}
	return entries
}

// after is what a list goes on with after a page; "": it ends.
func (p *page) after(link string) (string, error) {
	switch {
	case link != "":
		if err := safe(link); err != nil {
			return "", err
		}
		p.Link = link
	case len(p.Next) == 0:
		return "", nil
	default:
		p.Now, p.Link, p.Next = p.Next[0], "", p.Next[1:]
	}
	text, err := json.Marshal(p)
	return string(text), err
}
