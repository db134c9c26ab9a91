package b2

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/again"
	"github.com/holdfast-backup/holdfast/remote/bucket"
)

// Put implements bucket.Service.
func (s *service) Put(ctx context.Context, key string, data, sum []byte, fresh bool) (bucket.Entry, error) {
	put := s.replace
	if fresh {
		put = s.add
	}
	v, err := put(ctx, key, data, hex.EncodeToString(sum))
	if err != nil {
		return bucket.Entry{}, err
	}
	s.files.Set(key, v.ID)
	return v.entry(), nil
}

// add stores an object under a name that must be free. Where two computers do that at the same moment, both see both
// versions: the older counts, and the other computer deletes its own, of which nobody was told that it is there. That goes
// by the times of the service.
func (s *service) add(ctx context.Context, key string, data []byte, sum string) (version, error) {
	switch _, err := s.find(ctx, key); {
	case err == nil:
		return version{}, store.ErrExists
	case !errors.Is(err, store.ErrNotExist):
		return version{}, err
	}
	own, err := s.upload(ctx, key, data, sum)
	if err != nil {
		return version{}, err
	}
	all, err := s.with(ctx, own)
	if err != nil {
		return version{}, err
	}
	if all[0].ID == own.ID {
		return own, nil
	}
	if err := s.delete(ctx, own); err != nil {
		return version{}, err
	}
	return version{}, store.ErrExists
}

// replace stores an object whether its name is taken or not. Readers see the old bytes until the last older version is
// deleted, and then the new ones. A version that is younger is of somebody who replaces later: it stays, and deletes this one.
func (s *service) replace(ctx context.Context, key string, data []byte, sum string) (version, error) {
	own, err := s.upload(ctx, key, data, sum)
	if err != nil {
		return version{}, err
	}
	all, err := s.with(ctx, own)
	if err != nil {
		return version{}, err
	}
	before := slices.DeleteFunc(all, func(v version) bool { return older(v, own) >= 0 })
	for _, v := range slices.Backward(before) { // the one that counts is the last
		if err := s.delete(ctx, v); err != nil {
			return version{}, err
		}
	}
	return own, nil
}

// with returns all versions of a name, after one was uploaded. A list that shows neither it nor a younger one is of before.
func (s *service) with(ctx context.Context, own version) (all []version, err error) {
	err = again.Until(ctx, failed, func(int) error {
		all, _, err = s.versions(ctx, own.Name)
		if err == nil && !slices.ContainsFunc(all, func(v version) bool { return older(v, own) >= 0 }) {
			err = fmt.Errorf("%w: it does not list what it has just stored", bucket.ErrFailed)
		}
		return err
	})
	return all, err
}

// upload sends one version (b2_upload_file). The service refuses bytes that were changed on the way. An upload has a URL of
// its own, and a new one after it has failed.
func (s *service) upload(ctx context.Context, key string, data []byte, sum string) (v version, err error) {
	for try := 1; ; try++ {
		to, rested := s.uploads.take()
		if !rested {
			if to, err = s.newUpload(ctx); err != nil {
				return version{}, err
			}
		}
		v, err = s.send(ctx, to, key, data, sum)
		switch {
		case err == nil:
			s.uploads.give(to)
			if v.Name != key || v.Size != int64(len(data)) || v.SHA1 != sum || v.ID == "" {
				return version{}, fmt.Errorf("%w: the service has other bytes than it was sent", store.ErrUnreachable)
			}
			return v, nil
		case errors.Is(err, errToken) && try <= connections+1: // it has ended, and nothing was stored
			continue
		}
		return version{}, err
	}
}

// newUpload asks where bytes may be sent to (b2_get_upload_url).
func (s *service) newUpload(ctx context.Context) (to upload, err error) {
	err = s.ask(ctx, "b2_get_upload_url", func(on granted) any { return map[string]any{"bucketId": on.bucket} }, &to)
	if err == nil {
		err = safe(to.URL)
	}
	return to, err
}

func (s *service) send(ctx context.Context, to upload, key string, data []byte, sum string) (v version, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(data))
	if err != nil {
		return version{}, store.ErrUnreachable // err repeats the URL
	}
	for k, value := range map[string]string{
		"Authorization": to.Token, "X-Bz-File-Name": encoded(key), "Content-Type": "application/octet-stream", "X-Bz-Content-Sha1": sum,
	} {
		req.Header.Set(k, value)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return version{}, err
	}
	defer bucket.Finish(resp)
	if resp.StatusCode != http.StatusOK {
		return version{}, told(resp)
	}
	err = bucket.ReadJSON(resp, &v)
	return v, err
}

// encoded is a name as the service wants it in a header: a plus sign would be a blank there.
func encoded(key string) string {
	return strings.NewReplacer("+", "%20", "%2F", "/").Replace(url.QueryEscape(key))
}

// delete deletes one version (b2_delete_file_version). One that is not there is no error.
func (s *service) delete(ctx context.Context, v version) error {
	arg := map[string]any{"fileName": v.Name, "fileId": v.ID}
	err := s.ask(ctx, "b2_delete_file_version", func(granted) any { return arg }, nil)
	if errors.Is(err, store.ErrNotExist) {
		return nil
	}
	return err
}

// Delete implements bucket.Service. It deletes all versions of the key, the one that counts last: until then the object is
// what it was.
func (s *service) Delete(ctx context.Context, key string) error {
	all, hidden, err := s.versions(ctx, key)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		v, err := s.remembered(ctx, key)
		if err != nil {
			return err
		}
		all = append(all, v)
	}
	s.files.Forget(key)
	for _, v := range slices.Backward(append(all, hidden...)) {
		if err := s.delete(ctx, v); err != nil {
			return err
		}
	}
	return nil
}

// tries is how often a version that is gone is looked for anew: somebody may replace it again and again.
const tries = 10

// Read implements bucket.Service.
func (s *service) Read(ctx context.Context, key string, p []byte, offset int64) error {
	return s.read(ctx, key, bucket.Range(p, offset), func(resp *http.Response) error {
		if resp.StatusCode == http.StatusOK && offset == 0 && resp.ContentLength == int64(len(p)) { // all of it
			if _, err := io.ReadFull(resp.Body, p); err != nil {
				// Not wrapped: io.ErrUnexpectedEOF would say that the object is short.
				return fmt.Errorf("%w: the answer was cut off: %s", store.ErrUnreachable, err.Error())
			}
			return nil
		}
		return bucket.Fill(resp, p, offset)
	})
}

// Whole implements bucket.WholeReader.
func (s *service) Whole(ctx context.Context, key string, most int64) (data []byte, err error) {
	err = s.read(ctx, key, "", func(resp *http.Response) (err error) {
		data, err = bucket.Whole(resp, most)
		return err
	})
	return data, err
}

// read downloads the version of a key that counts, or a range of it (b2_download_file_by_id), and has take read the answer.
func (s *service) read(ctx context.Context, key, asked string, take func(*http.Response) error) error {
	for range tries {
		id, known := s.files.Get(key)
		if !known {
			v, err := s.find(ctx, key)
			if err != nil {
				return err
			}
			id = v.ID
		}
		err := s.granted(ctx, func(on granted) error { return s.download(ctx, on, id, asked, take) })
		if !errors.Is(err, store.ErrNotExist) {
			return err
		}
		s.files.Forget(key) // another computer has deleted or replaced it
	}
	return fmt.Errorf("%w: the service lists an object that it does not give", store.ErrUnreachable)
}

func (s *service) download(ctx context.Context, on granted, id, asked string, take func(*http.Response) error) error {
	at := on.download + api + "b2_download_file_by_id?" + url.Values{"fileId": {id}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, http.NoBody)
	if err != nil {
		return store.ErrUnreachable // err repeats the URL
	}
	req.Header.Set("Authorization", on.token)
	if asked != "" {
		req.Header.Set("Range", asked)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer bucket.Finish(resp)
	if resp.StatusCode >= 300 && resp.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		return told(resp)
	}
	return take(resp)
}
