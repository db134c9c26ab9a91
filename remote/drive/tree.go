package drive

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/bucket"
)

const (
	folderType = "application/vnd.google-apps.folder"
	fields     = "id,name,mimeType,size,md5Checksum,createdTime,trashed"
	myDrive    = "root" // the id by which all know it
)

// file is a file or a folder as the service tells of it.
type file struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Type    string    `json:"mimeType"`
	Size    int64     `json:"size,string"`
	MD5     string    `json:"md5Checksum"`
	Created time.Time `json:"createdTime"`
	Trashed bool      `json:"trashed"` // it, or a folder above it
}

// whole reports whether a file counts. What has no MD5 is no file of bytes.
func (f file) whole() bool { return f.Type != folderType && f.MD5 != "" && !f.Trashed }

func (f file) entry(key string) bucket.Entry {
	e := bucket.Entry{Key: key, Size: f.Size, Put: f.Created}
	if sum, err := hex.DecodeString(f.MD5); err == nil {
		e.Hash = sum
	}
	return e
}

// older orders what has one name: what counts is first, to every computer.
func older(a, b file) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) }

// sorted are files, the oldest first, each once.
func sorted(files map[string]file) []file { return slices.SortedFunc(maps.Values(files), older) }

func ids(files []file) []string {
	all := make([]string, len(files))
	for i, f := range files {
		all[i] = f.ID
	}
	return all
}

// quoted is a text in a query.
func quoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}

// children returns what is in a folder and not in the trash, by its id, of all pages (Files: list). where is a condition,
// "" for none. store.ErrNotExist: there is no such folder. One folder each time: the service leaves things out of
// questions about several, and does not say so.
func (s *service) children(ctx context.Context, folder, where string) (map[string]file, error) {
	q := quoted(folder) + " in parents and trashed = false"
	if where != "" {
		q += " and " + where
	}
	query := url.Values{
		"q": {q}, "pageSize": {"1000"}, "spaces": {"drive"}, "fields": {"nextPageToken,incompleteSearch,files(" + fields + ")"},
	}
	all, pages := make(map[string]file), make(map[string]bool)
	for {
		var answer struct {
			Files      []file `json:"files"`
			Next       string `json:"nextPageToken"`
			Incomplete bool   `json:"incompleteSearch"`
		}
		err := s.ask(ctx, http.MethodGet, "/files", query, nil, &answer)
		if errors.Is(err, store.ErrNotExist) {
			return nil, s.missing(ctx, folder)
		}
		if err != nil {
			return nil, err
		}
		for _, f := range answer.Files {
			all[f.ID] = f
		}
		switch {
		case answer.Incomplete:
			return nil, fmt.Errorf("%w: it has not looked everywhere", bucket.ErrFailed)
		case answer.Next == "":
			return all, nil
		case pages[answer.Next]:
			return nil, fmt.Errorf("%w: the service lists one page again and again", store.ErrUnreachable)
		}
		pages[answer.Next] = true
		query.Set("pageToken", answer.Next)
	}
}

// missing returns store.ErrNotExist if a folder is not there, as the service has just said. A list that leaves a folder
// out because of one wrong word of the service would look as if its objects were gone.
func (s *service) missing(ctx context.Context, folder string) error {
	_, err := s.get(ctx, folder)
	if err == nil {
		err = fmt.Errorf("%w: it does not find what is in a folder that is there", bucket.ErrFailed)
	}
	return err
}

// named returns what has a name in any of some folders, the oldest first.
func (s *service) named(ctx context.Context, folders []string, name string, folder bool) ([]file, error) {
	is := " != "
	if folder {
		is = " = "
	}
	found := make(map[string]file)
	for _, id := range folders {
		all, err := s.children(ctx, id, "name = "+quoted(name)+" and mimeType"+is+quoted(folderType))
		if errors.Is(err, store.ErrNotExist) {
			continue // somebody has deleted the folder
		}
		if err != nil {
			return nil, err
		}
		for _, f := range all {
			if f.Name == name && (f.whole() || folder && f.Type == folderType) { // the service takes A for a
				found[f.ID] = f
			}
		}
	}
	return sorted(found), nil
}

// tree are the folders that are known, by their path below the place's own ("").
type tree struct {
	making chan struct{} // who holds it may make folders
	mu     *sync.Mutex
	known  map[string][]string // ids, the oldest first
}

func newTree() tree {
	return tree{making: make(chan struct{}, 1), mu: new(sync.Mutex), known: make(map[string][]string)}
}

func (t tree) get(dir string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.known[dir]
}

func (t tree) set(dir string, ids []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known[dir] = ids
}

// forget forgets a folder, and those above it but for the place's own. Another computer may have made one of the same
// name, and a person may have moved it into the trash.
func (t tree) forget(dir string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for ; dir != ""; dir = above(dir) {
		delete(t.known, dir)
	}
}

// above is the folder that a path is in.
func above(name string) string {
	if dir := path.Dir(name); dir != "." {
		return dir
	}
	return ""
}

// folders returns the folders of a path, the oldest first; none: there is none. known: nobody was asked now. Errors:
// bucket.ErrGone where the place's own is not there.
func (s *service) folders(ctx context.Context, dir string) (found []string, known bool, err error) {
	if found := s.tree.get(dir); len(found) > 0 {
		return found, true, nil
	}
	if dir == "" {
		found = []string{myDrive}
		for _, name := range s.path {
			all, err := s.named(ctx, found, name, true)
			if err != nil {
				return nil, false, err
			}
			found = ids(all)
		}
		if len(found) == 0 {
			return nil, false, bucket.ErrGone
		}
	} else {
		parents, _, err := s.folders(ctx, above(dir))
		if err != nil {
			return nil, false, err
		}
		all, err := s.named(ctx, parents, path.Base(dir), true)
		if err != nil {
			return nil, false, err
		}
		found = ids(all)
	}
	if len(found) > 0 {
		s.tree.set(dir, found)
	}
	return found, false, nil
}

// alive returns bucket.ErrGone if the place's folder is not there any more, or in the trash.
func (s *service) alive(ctx context.Context) error {
	own, known, err := s.folders(ctx, "")
	if err != nil || !known {
		return err
	}
	for _, id := range own {
		f, err := s.get(ctx, id)
		if errors.Is(err, store.ErrNotExist) || err == nil && f.Trashed {
			return bucket.ErrGone
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// get returns what has an id, also from the trash (Files: get).
func (s *service) get(ctx context.Context, id string) (file, error) {
	var f file
	err := s.ask(ctx, http.MethodGet, "/files/"+url.PathEscape(id), url.Values{"fields": {fields}}, nil, &f)
	return f, err
}

// made returns the folders of a path, and makes them if they are not there. Folders are made one after another, so that
// this program makes none twice.
func (s *service) made(ctx context.Context, dir string) ([]string, error) {
	found, _, err := s.folders(ctx, dir)
	if err != nil || len(found) > 0 {
		return found, err
	}
	select {
	case s.tree.making <- struct{}{}:
		defer func() { <-s.tree.making }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := s.alive(ctx); err != nil { // nothing is made in the trash
		return nil, err
	}
	return s.makeAll(ctx, dir)
}

// makeAll is made for a caller that holds the lock for making folders.
func (s *service) makeAll(ctx context.Context, dir string) ([]string, error) {
	found, _, err := s.folders(ctx, dir)
	if err != nil || len(found) > 0 {
		return found, err
	}
	parents, err := s.makeAll(ctx, above(dir))
	if err != nil {
		return nil, err
	}
	if found, err = s.makeOne(ctx, parents, path.Base(dir)); err != nil {
		if errors.Is(err, store.ErrNotExist) {
			s.tree.forget(dir)
		}
		return nil, err
	}
	s.tree.set(dir, found)
	return found, nil
}

// makeOne makes a folder in the first of some, and returns all that have its name then: two computers may have made it.
// Both stay, since a computer may have put something into either. store.ErrNotExist: the first is not there any more, or
// in the trash.
func (s *service) makeOne(ctx context.Context, parents []string, name string) ([]string, error) {
	id, err := s.newID(ctx)
	if err != nil {
		return nil, err
	}
	var own file
	err = s.ask(ctx, http.MethodPost, "/files", url.Values{"fields": {fields}},
		about{ID: id, Name: name, Type: folderType, Parents: parents[:1]}, &own)
	if errors.Is(err, store.ErrExists) { // it was asked twice
		own, err = s.get(ctx, id)
	}
	if err == nil && own.Trashed {
		err = store.ErrNotExist
	}
	if err != nil {
		return nil, err
	}
	all, err := s.named(ctx, parents, name, true)
	if err != nil {
		return nil, err
	}
	return ids(with(all, own)), nil
}

// with adds a file that was made a moment ago, and may not be listed yet.
func with(all []file, own file) []file {
	if !slices.ContainsFunc(all, func(f file) bool { return f.ID == own.ID }) {
		all = append(all, own)
		slices.SortFunc(all, older)
	}
	return all
}

// Make implements bucket.Maker: it makes the place's folder.
func (s *service) Make(ctx context.Context) error {
	found := []string{myDrive}
	for _, name := range s.path {
		all, err := s.named(ctx, found, name, true)
		if err != nil {
			return err
		}
		next := ids(all)
		if len(next) == 0 {
			if next, err = s.makeOne(ctx, found, name); err != nil {
				return err
			}
		}
		found = next
	}
	s.tree.set("", found)
	return nil
}
