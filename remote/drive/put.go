package drive

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/bucket"
	"github.com/holdfast-backup/holdfast/remote/google"
)

// small is the size of the largest object that one request stores. Google names 5 MB as the most of such a request.
const small = 4 << 20

// about describes a file that is to be made.
type about struct {
	ID      string   `json:"id,omitempty"`
	Name    string   `json:"name,omitempty"`
	Type    string   `json:"mimeType,omitempty"`
	Parents []string `json:"parents,omitempty"`
}

// object is an object that is to be stored.
type object struct {
	key  string
	data []byte
	sum  []byte // MD5
}

// is reports whether a file has the object's bytes.
func (o object) is(f file) bool {
	return f.Size == int64(len(o.data)) && f.MD5 == hex.EncodeToString(o.sum)
}

// Put implements bucket.Service.
func (s *service) Put(ctx context.Context, key string, data, sum []byte, fresh bool) (bucket.Entry, error) {
	put := s.replace
	if fresh {
		put = s.add
	}
	f, err := put(ctx, object{key, data, sum})
	if err != nil {
		return bucket.Entry{}, err
	}
	s.files.Set(key, f.ID)
	return f.entry(key), nil
}

// add stores an object under a name that must be free. Where two computers do that at the same moment, both see both
// files: the older counts, and the other computer deletes its own, of which nobody was told that it is there. That goes by
// the times and the lists of the service: while those of two computers are out of order, both may believe that they won.
func (s *service) add(ctx context.Context, o object) (_ file, err error) {
	folders, err := s.made(ctx, above(o.key))
	if err != nil {
		return file{}, err
	}
	id, err := s.idFor(ctx, o)
	if err != nil {
		return file{}, err
	}
	settled := false
	defer func() {
		if err != nil && !settled {
			s.tries.Set(o.key, id)
		}
	}()
	found, err := s.named(ctx, folders, path.Base(o.key), false)
	if err != nil {
		return file{}, err
	}
	if len(found) == 0 {
		if _, there, err := s.remembered(ctx, o.key); err != nil {
			return file{}, err
		} else if there { // lists may lag behind
			settled = true
			return file{}, store.ErrExists
		}
		if found, settled, err = s.create(ctx, folders, id, o); err != nil {
			return file{}, err
		}
	}
	if found[0].ID == id && o.is(found[0]) {
		return found[0], nil
	}
	for _, f := range found[1:] {
		if f.ID == id {
			if err := s.delete(ctx, id); err != nil {
				return file{}, err
			}
		}
	}
	settled = true
	return file{}, store.ErrExists
}

// idFor is the id of an object's file: that of a put whose answer was lost, or a new one. With the same id, the service
// makes no second file, whenever it does what it was asked for first.
func (s *service) idFor(ctx context.Context, o object) (string, error) {
	if id, ok := s.tries.Take(o.key); ok {
		return id, nil
	}
	return s.newID(ctx)
}

// create makes a file with an id, in the first of some folders, and returns all that have its name then. settled: the id
// is of no use any more. store.ErrNotExist: the folder is not there, or in the trash.
func (s *service) create(ctx context.Context, folders []string, id string, o object) (found []file, settled bool, err error) {
	name := path.Base(o.key)
	own, err := s.upload(ctx, http.MethodPost, "/files", about{ID: id, Name: name, Parents: folders[:1]}, o.data)
	before := errors.Is(err, store.ErrExists) // by a request whose answer was lost
	if before {
		own, err = s.get(ctx, id)
		if errors.Is(err, store.ErrNotExist) || err == nil && !own.whole() { // and deleted since
			s.tree.forget(above(o.key))
			return nil, true, fmt.Errorf("%w: an id is used up", bucket.ErrFailed)
		}
	}
	switch {
	case errors.Is(err, store.ErrNotExist):
		s.tree.forget(above(o.key))
		return nil, false, err
	case err != nil:
		return nil, false, err
	case own.Trashed: // with its folder
		s.tree.forget(above(o.key))
		err = store.ErrNotExist
	case !before && !o.is(own):
		err = fmt.Errorf("%w: the service has other bytes than it was sent", store.ErrUnreachable)
	}
	if err != nil { // what this call has made, and nobody was told of
		if derr := s.delete(ctx, id); derr != nil {
			return nil, false, derr
		}
		return nil, true, err
	}
	if found, err = s.named(ctx, folders, name, false); err != nil {
		return nil, false, err
	}
	return with(found, own), false, nil
}

// replace stores an object whether its name is taken or not. Who reads sees the old or the new bytes, for the file that
// counts stays.
func (s *service) replace(ctx context.Context, o object) (_ file, err error) {
	found, err := s.find(ctx, o.key)
	if err == nil {
		return s.update(ctx, found[0].ID, o)
	}
	if !errors.Is(err, store.ErrNotExist) {
		return file{}, err
	}
	folders, err := s.made(ctx, above(o.key))
	if err != nil {
		return file{}, err
	}
	id, err := s.idFor(ctx, o)
	if err != nil {
		return file{}, err
	}
	settled := false
	defer func() {
		if err != nil && !settled {
			s.tries.Set(o.key, id)
		}
	}()
	if found, settled, err = s.create(ctx, folders, id, o); err != nil {
		return file{}, err
	}
	if found[0].ID == id && o.is(found[0]) {
		return found[0], nil
	}
	return s.update(ctx, found[0].ID, o) // another computer was first
}

// update gives a file other bytes.
func (s *service) update(ctx context.Context, id string, o object) (file, error) {
	f, err := s.upload(ctx, http.MethodPatch, "/files/"+url.PathEscape(id), about{}, o.data)
	if err == nil && f.Trashed {
		err = store.ErrNotExist // it was moved there a moment ago: bucket.Store tries again, and makes another
	}
	return f, err
}

// upload sends one file whole (Files: create, update): in one request, or, as is asked for with large ones, in one after
// another that announces it. Errors: those of told.
func (s *service) upload(ctx context.Context, method, target string, about about, data []byte) (file, error) {
	query := url.Values{"fields": {fields}, "uploadType": {"multipart"}}
	contentType, parts, err := google.Multipart(about, data)
	if err != nil {
		return file{}, err
	}
	at, header := uploads+target+"?"+query.Encode(), map[string]string{"Content-Type": contentType}
	if len(data) > small {
		if at, err = s.announce(ctx, method, target, about, len(data)); err != nil {
			return file{}, err
		}
		method, header, parts = http.MethodPut, map[string]string{"Content-Type": "application/octet-stream"}, [][]byte{data}
	}
	resp, err := s.bearer.Send(ctx, method, at, header, parts...)
	if err != nil {
		return file{}, err
	}
	defer bucket.Finish(resp)
	switch resp.StatusCode {
	case http.StatusOK, http.StatusCreated:
	case http.StatusNotFound, http.StatusGone:
		if method == http.MethodPut {
			return file{}, fmt.Errorf("%w: it knows nothing of an upload that it has agreed to", bucket.ErrFailed)
		}
		fallthrough
	default:
		return file{}, told(resp)
	}
	var f file
	err = bucket.ReadJSON(resp, &f)
	return f, err
}

// announce begins an upload (uploadType=resumable), and returns where to send the bytes to.
func (s *service) announce(ctx context.Context, method, target string, about about, size int) (string, error) {
	query := url.Values{"fields": {fields}, "uploadType": {"resumable"}}
	body, err := json.Marshal(about)
	if err != nil {
		return "", err
	}
	resp, err := s.bearer.Send(ctx, method, uploads+target+"?"+query.Encode(), map[string]string{
		"Content-Type":          "application/json; charset=UTF-8",
		"X-Upload-Content-Type": "application/octet-stream", "X-Upload-Content-Length": strconv.Itoa(size),
	}, body)
	if err != nil {
		return "", err
	}
	defer bucket.Finish(resp)
	if resp.StatusCode != http.StatusOK {
		return "", told(resp)
	}
	at := resp.Header.Get("Location")
	if !strings.HasPrefix(at, host) { // the token goes nowhere else
		return "", fmt.Errorf("%w: the service wants the bytes to be sent elsewhere", store.ErrUnreachable)
	}
	return at, nil
}

// delete deletes a file for good (Files: delete). One that is not there is no error.
func (s *service) delete(ctx context.Context, id string) error {
	err := s.ask(ctx, http.MethodDelete, "/files/"+url.PathEscape(id), nil, nil, nil)
	if errors.Is(err, store.ErrNotExist) {
		return nil
	}
	return err
}
