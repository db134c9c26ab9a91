package dropbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/bucket"
)

// most is how many entries a page has at most.
const most = 2000

// page is what a list goes on with.
type page struct {
	Cursor string   `json:"cursor,omitempty"` // of the folder that is listed now; "": the next one begins
	Flat   bool     `json:"flat,omitempty"`   // it is listed without the folders in it
	Next   []string `json:"next,omitempty"`   // folders that follow, as keys
}

// listed is a page as the service gives it.
type listed struct {
	Entries []meta `json:"entries"`
	Cursor  string `json:"cursor"`
	More    bool   `json:"has_more"`
}

// List implements bucket.Service (files/list_folder and files/list_folder/continue). Of a prefix that ends within a
// name it lists the folder above, without what is in its folders, then those folders whose names begin so.
func (s *service) List(ctx context.Context, prefix, at string, limit int) ([]bucket.Entry, string, error) {
	if s.found.ID == "" { // it is opened just now
		if err := s.find(ctx); err != nil {
			return nil, "", err
		}
	}
	prefix = strings.ToLower(prefix) // as the service lists
	folder, rest := "", prefix
	if i := strings.LastIndex(prefix, "/"); i >= 0 {
		folder, rest = prefix[:i], prefix[i+1:]
	}
	p := page{Flat: rest != "", Next: []string{folder}}
	if at != "" {
		p = page{}
		if err := json.Unmarshal([]byte(at), &p); err != nil || p.Cursor == "" && len(p.Next) == 0 {
			return nil, "", fmt.Errorf("%w: the list cannot go on", store.ErrUnreachable)
		}
	}
	what, arg := "files/list_folder/continue", map[string]any{"cursor": p.Cursor}
	if p.Cursor == "" {
		if limit == 0 {
			limit = most
		}
		what, arg = "files/list_folder", map[string]any{"path": s.path(p.Next[0]), "recursive": !p.Flat, "limit": min(limit, most)}
		p.Next = p.Next[1:]
	}
	var answer listed
	err := s.steadily(ctx, func() error {
		answer = listed{}
		return s.ask(ctx, what, arg, &answer)
	})
	if err != nil && !errors.Is(err, store.ErrNotExist) { // a folder that is not there has nothing in it
		return nil, "", err
	}
	entries, folders, err := s.below(answer.Entries, prefix)
	if err != nil {
		return nil, "", err
	}
	if p.Flat {
		p.Next = append(p.Next, folders...)
	}
	next, err := p.after(answer)
	return entries, next, err
}

// Folders implements bucket.Service.
func (s *service) Folders(ctx context.Context, prefix, at string) (names []string, next string, err error) {
	what, arg := "files/list_folder/continue", map[string]any{"cursor": at}
	if at == "" {
		what, arg = "files/list_folder", map[string]any{"path": s.path(strings.TrimSuffix(prefix, "/")), "recursive": false, "limit": most}
	}
	var answer listed
	err = s.steadily(ctx, func() error {
		answer = listed{}
		return s.ask(ctx, what, arg, &answer)
	})
	for _, m := range answer.Entries {
		if m.Tag == "folder" {
			names = append(names, m.Name)
		}
	}
	if answer.More {
		next = answer.Cursor
	}
	return names, next, err
}

// find remembers the place's folder.
func (s *service) find(ctx context.Context) error {
	return s.steadily(ctx, func() (err error) {
		s.found, err = s.folder(ctx)
		return err
	})
}

// below returns the files and the folders of a list whose keys begin with prefix.
func (s *service) below(all []meta, prefix string) (files []bucket.Entry, folders []string, err error) {
	for _, m := range all {
		key, ok := strings.CutPrefix(m.Lower, s.found.Lower+"/")
		switch {
		case m.Tag != "file" && m.Tag != "folder": // deleted meanwhile
		case !ok && m.Tag == "file": // somebody moves the folder just now
			return nil, nil, fmt.Errorf("%w: the service lists what is not in the folder", store.ErrUnreachable)
		case !ok || !strings.HasPrefix(key, prefix):
		case m.Tag == "folder":
			folders = append(folders, key)
		default:
			files = append(files, m.entry(key))
		}
	}
	return files, folders, nil
}

// after is what a list goes on with after an answer; "": it ends.
func (p page) after(answer listed) (string, error) {
	p.Cursor = ""
	if answer.More {
		if p.Cursor = answer.Cursor; p.Cursor == "" {
			return "", fmt.Errorf("%w: the service's list cannot go on", store.ErrUnreachable)
		}
	} else if p.Flat = false; len(p.Next) == 0 {
		return "", nil
	}
	text, err := json.Marshal(p)
	return string(text), err
}
