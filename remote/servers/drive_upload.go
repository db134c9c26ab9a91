package servers

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// read reads what is said of a file.
func (d *Drive) read(r io.Reader) (driveFile, *driveError) {
	var about struct {
		ID       string   `json:"id"`
		Name     string   `json:"name"`
		MimeType string   `json:"mimeType"`
		Parents  []string `json:"parents"`
	}
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&about); err != nil || len(about.Parents) > 1 { // a file has one folder
		return driveFile{}, driveWrong
	}
	return driveFile{ID: about.ID, Name: about.Name, Type: about.MimeType, Parents: about.Parents}, nil
}

// create makes a file without bytes, so a folder.
func (d *Drive) create(w http.ResponseWriter, r *http.Request) *driveError {
	f, wrong := d.read(r.Body)
	if wrong != nil {
		return wrong
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	made, wrong := d.add(f)
	if wrong != nil {
		return wrong
	}
	return d.answer(w, r.URL.Query().Get("fields"), d.resource(made))
}

// check looks whether a file can be made.
func (d *Drive) check(f driveFile, size int64) *driveError {
	switch {
	case f.ID != "" && !d.given[f.ID]:
		return driveWrong // "The provided file ID is not usable."
	case f.ID != "" && d.used(f.ID):
		return driveTaken
	case d.quota > 0 && d.usage()+size > d.quota:
		return driveFull
	}
	for _, p := range f.Parents {
		if folder := d.seen(p); folder == nil || folder.Type != driveFolder {
			return driveGone
		}
	}
	return nil
}

// used reports whether an id has been a file's.
func (d *Drive) used(id string) bool { return d.files[id] != nil || d.given["used "+id] }

// add makes a file. It is never younger than one that was made before, to the millisecond that the interface tells.
func (d *Drive) add(f driveFile) (*driveFile, *driveError) {
	if wrong := d.check(f, int64(len(f.Data))); wrong != nil {
		return nil, wrong
	}
	now := time.Now().Truncate(time.Millisecond)
	if !now.After(d.clock) {
		now = d.clock.Add(time.Millisecond)
	}
	d.clock = now
	f.Created, f.Type = now, cmp.Or(f.Type, "application/octet-stream")
	f.ID, f.Name = cmp.Or(f.ID, "1"+rand.Text()), cmp.Or(f.Name, "Untitled")
	if len(f.Parents) == 0 || f.Parents[0] == "root" {
		f.Parents = []string{driveRoot}
	}
	d.files[f.ID], d.given["used "+f.ID] = &f, true
	return &f, nil
}

// upload makes a file with bytes, or gives one other bytes; or it agrees to that.
func (d *Drive) upload(w http.ResponseWriter, r *http.Request) *driveError {
	q := r.URL.Query()
	u := driveUpload{update: r.Method == http.MethodPatch, fields: q.Get("fields")}
	body, err := io.ReadAll(io.LimitReader(r.Body, driveOnce+1))
	if err != nil {
		return driveWrong
	}
	if len(body) > driveOnce {
		return driveLarge
	}
	about, data := io.Reader(bytes.NewReader(body)), []byte(nil)
	if q.Get("uploadType") == "multipart" {
		kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		parts := multipart.NewReader(about, params["boundary"])
		first, err2 := parts.NextRawPart()
		if err != nil || err2 != nil || kind != "multipart/related" {
			return driveWrong
		}
		text, err := io.ReadAll(first)
		second, err2 := parts.NextRawPart()
		if err != nil || err2 != nil {
			return driveWrong
		}
		if data, err = io.ReadAll(second); err != nil {
			return driveWrong
		}
		about = bytes.NewReader(text)
	}
	of, wrong := d.read(about)
	if wrong != nil {
		return wrong
	}
	if of.Data = data; u.update {
		of.ID = r.PathValue("id")
	}
	u.of = of
	switch q.Get("uploadType") {
	case "multipart":
		return d.store(w, u)
	case "resumable":
		return d.announce(w, r, u)
	}
	return driveWrong
}

// announce agrees to an upload.
func (d *Drive) announce(w http.ResponseWriter, r *http.Request, u driveUpload) *driveError {
	var err error
	if u.size, err = strconv.ParseInt(r.Header.Get("X-Upload-Content-Length"), 10, 64); err != nil {
		return driveWrong
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if u.update {
		if d.seen(u.of.ID) == nil {
			return driveGone
		}
	} else if wrong := d.check(u.of, u.size); wrong != nil {
		return wrong
	}
	id := rand.Text()
	d.uploads[id] = u
	at := url.URL{Scheme: "https", Host: "www.googleapis.com", Path: "/upload/drive/v3/files",
		RawQuery: url.Values{"uploadType": {"resumable"}, "upload_id": {id}}.Encode()}
	w.Header().Set("Location", at.String())
	return nil
}

// finish takes the bytes of an upload that was announced.
func (d *Drive) finish(w http.ResponseWriter, r *http.Request) *driveError {
	id := r.URL.Query().Get("upload_id")
	d.mu.Lock()
	u, ok := d.uploads[id]
	d.mu.Unlock()
	if !ok {
		return driveGone
	}
	data, err := io.ReadAll(r.Body)
	if err != nil || int64(len(data)) != u.size || strings.Contains(r.Header.Get("Content-Range"), "*") {
		w.WriteHeader(http.StatusPermanentRedirect) // it waits for the rest
		return nil
	}
	d.mu.Lock()
	delete(d.uploads, id)
	d.mu.Unlock()
	u.of.Data = data
	return d.store(w, u)
}

// store does an upload that is whole.
func (d *Drive) store(w http.ResponseWriter, u driveUpload) *driveError {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !u.update {
		f, wrong := d.add(u.of)
		if wrong != nil {
			return wrong
		}
		return d.answer(w, u.fields, d.resource(f))
	}
	f := d.seen(u.of.ID)
	switch {
	case f == nil:
		return driveGone
	case d.quota > 0 && d.usage()+int64(len(u.of.Data)-len(f.Data)) > d.quota:
		return driveFull
	}
	f.Data = u.of.Data
	return d.answer(w, u.fields, d.resource(f))
}
