package drive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/again"
	"github.com/holdfast-backup/holdfast/remote/bucket"
)

// find returns the files of a key, first the one that counts. Errors: store.ErrNotExist, also where the folders were
// asked for anew; bucket.ErrGone.
func (s *service) find(ctx context.Context, key string) ([]file, error) {
	dir := above(key)
	for range 2 {
		folders, known, err := s.folders(ctx, dir)
		if err != nil {
			return nil, err
		}
		found, err := s.named(ctx, folders, path.Base(key), false)
		if err != nil || len(found) > 0 {
			return found, err
		}
		if !known || dir == "" {
			break
		}
		s.tree.forget(dir)
	}
	if f, ok, err := s.remembered(ctx, key); ok || err != nil { // lists may lag behind
		return []file{f}, err
	}
	if err := s.alive(ctx); err != nil { // in the trash it is empty
		return nil, err
	}
	return nil, store.ErrNotExist
}

// remembered returns the file of a key that this program knows of, if it is there.
func (s *service) remembered(ctx context.Context, key string) (file, bool, error) {
	id, ok := s.files.Get(key)
	if !ok {
		return file{}, false, nil
	}
	f, err := s.get(ctx, id)
	switch {
	case err == nil && f.whole() && f.Name == path.Base(key):
		return f, true, nil
	case err != nil && !errors.Is(err, store.ErrNotExist):
		return file{}, false, err
	}
	s.files.Forget(key)
	return file{}, false, nil
}

// Look implements bucket.Service.
func (s *service) Look(ctx context.Context, key string) (bucket.Entry, error) {
	if f, ok, err := s.remembered(ctx, key); ok || err != nil {
		return f.entry(key), err
	}
	found, err := s.find(ctx, key)
	if err != nil {
		return bucket.Entry{}, err
	}
	s.files.Set(key, found[0].ID)
	return found[0].entry(key), nil
}

// Read implements bucket.Service. What has an id that is remembered is read without a look, so also from the trash.
func (s *service) Read(ctx context.Context, key string, p []byte, offset int64) error {
	for range 2 {
		id, known := s.files.Get(key)
		if !known {
			found, err := s.find(ctx, key)
			if err != nil {
				return err
			}
			id = found[0].ID
			s.files.Set(key, id)
		}
		err := again.Until(ctx, failed, func(int) error { return s.read(ctx, id, p, offset) })
		if !errors.Is(err, store.ErrNotExist) {
			return err
		}
		s.files.Forget(key) // another computer has deleted it, and may have put another
	}
	return fmt.Errorf("%w: the service lists an object that it does not give", store.ErrUnreachable)
}

// read reads a part of a file (Files: get, of the bytes).
func (s *service) read(ctx context.Context, id string, p []byte, offset int64) error {
	resp, err := s.bearer.Send(ctx, http.MethodGet, api+"/files/"+url.PathEscape(id)+"?alt=media", map[string]string{
		"Range": bucket.Range(p, offset),
	})
	if err != nil {
		return err
	}
	defer bucket.Finish(resp)
	switch {
	case resp.StatusCode == http.StatusOK && offset == 0 && resp.ContentLength == int64(len(p)): // all of it
		if _, err := io.ReadFull(resp.Body, p); err != nil {
			// Not wrapped: io.ErrUnexpectedEOF would say that the object is short.
			return fmt.Errorf("%w: the answer was cut off: %s", store.ErrUnreachable, err.Error())
		}
		return nil
	case resp.StatusCode >= 300 && resp.StatusCode != http.StatusRequestedRangeNotSatisfiable:
		return told(resp)
	}
	return bucket.Fill(resp, p, offset)
}

// Delete implements bucket.Service. It deletes all files of the key, the one that counts last: until then the object is
// what it was.
func (s *service) Delete(ctx context.Context, key string) error {
	found, err := s.find(ctx, key)
	if err != nil {
		return err
	}
	s.files.Forget(key)
	for _, f := range slices.Backward(found) {
		if err := s.delete(ctx, f.ID); err != nil {
			return err
		}
	}
	return nil
}

// branch is all folders of one path that are to be listed.
type branch struct {
	Path string
	IDs  []string
}

// List implements bucket.Service. A page is what a few folders hold, and names those that are left. With a limit it only
// looks whether the place is there, and names the first page that has entries.
func (s *service) List(ctx context.Context, prefix, page string, limit int) ([]bucket.Entry, string, error) {
	var left []branch
	if page != "" {
		if err := json.Unmarshal([]byte(page), &left); err != nil {
			return nil, "", err
		}
	} else {
		dir := ""
		if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
			dir = prefix[:i]
		}
		if limit > 0 {
			if err := s.alive(ctx); err != nil {
				return nil, "", err
			}
		}
		s.tree.forget(dir)
		found, _, err := s.folders(ctx, dir)
		if err != nil {
			return nil, "", err
		}
		left = []branch{{dir, found}}
	}
	var entries []bucket.Entry
	if limit == 0 {
		var err error
		if entries, left, err = s.visit(ctx, prefix, left); err != nil {
			return nil, "", err
		}
	}
	if len(left) == 0 {
		// A folder that goes into the trash while it is listed is ever emptier.
		return entries, "", s.alive(ctx)
	}
	next, err := json.Marshal(left)
	return entries, string(next), err
}

// Folders implements bucket.Service. All are on one page.
func (s *service) Folders(ctx context.Context, prefix, _ string) (names []string, _ string, err error) {
	above, _, err := s.folders(ctx, strings.TrimSuffix(prefix, "/"))
	if err != nil {
		return nil, "", err
	}
	for _, id := range above {
		all, err := s.children(ctx, id, "mimeType = "+quoted(folderType))
		if err != nil && !errors.Is(err, store.ErrNotExist) { // somebody has deleted it
			return nil, "", err
		}
		for _, f := range all {
			if f.Type == folderType {
				names = append(names, f.Name)
			}
		}
	}
	return names, "", nil
}

// visit lists the first of some folders, as many as there are connections, and returns those that are left with the ones
// that it has found.
func (s *service) visit(ctx context.Context, prefix string, all []branch) (entries []bucket.Entry, left []branch, err error) {
	n := min(len(all), connections)
	type result struct {
		entries []bucket.Entry
		below   []branch
		err     error
	}
	results := make([]result, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			r := &results[i]
			r.entries, r.below, r.err = s.list(ctx, prefix, all[i])
		})
	}
	group.Wait()
	left = all[n:]
	for _, r := range results {
		if r.err != nil {
			return nil, nil, r.err
		}
		entries, left = append(entries, r.entries...), append(left, r.below...)
	}
	return entries, left, nil
}

// list returns what the folders of one path hold whose names begin with prefix, each name once, and the folders below
// that may hold more.
func (s *service) list(ctx context.Context, prefix string, b branch) (entries []bucket.Entry, below []branch, err error) {
	files, folders := make(map[string]map[string]file), make(map[string]map[string]file) // by name, by id
	for _, id := range b.IDs {
		all, err := s.children(ctx, id, "")
		if errors.Is(err, store.ErrNotExist) {
			continue // somebody has deleted it
		}
		if err != nil {
			return nil, nil, err
		}
		for _, f := range all {
			of := files
			switch {
			case strings.Contains(f.Name, "/"): // Drive allows that; it is no path
				continue
			case f.Type == folderType:
				of = folders
			case !f.whole():
				continue
			}
			if of[f.Name] == nil {
				of[f.Name] = make(map[string]file)
			}
			of[f.Name][f.ID] = f
		}
	}
	for name, all := range files {
		if key := path.Join(b.Path, name); bucket.IsBelow(key, prefix) {
			f := sorted(all)[0]
			s.files.Set(key, f.ID)
			entries = append(entries, f.entry(key))
		}
	}
	for name, all := range folders {
		dir := path.Join(b.Path, name)
		if strings.HasPrefix(dir+"/", prefix) && (bucket.IsBelow(dir, prefix) || dir+"/" == prefix) {
			found := ids(sorted(all))
			s.tree.set(dir, found)
			below = append(below, branch{dir, found})
		}
	}
	return entries, below, nil
}
