package servers

import (
	"bytes"
	"cmp"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/remote/oauth"
)

// Drive is Google Drive, as Google documents its interface (version 3), in memory, with one account. A name may be there
// twice, as in Drive.
type Drive struct {
	*Accounts
	*Internet
	*Faults // befall the requests of the interface, not those for tokens

	mu       sync.Mutex
	files    map[string]*driveFile
	given    map[string]bool // ids
	uploads  map[string]driveUpload
	page     int // the most of a page of a list
	quota    int64
	clock    time.Time // of what was made last
	before   func(w http.ResponseWriter, r *http.Request, through http.Handler)
	requests map[string]int
}

type driveFile struct {
	ID       string
	Name     string
	Type     string
	Parents  []string
	Created  time.Time
	Data     []byte
	Trashed  bool // itself
	Stranger bool // of another program, so out of sight
}

// driveUpload is an upload that was announced.
type driveUpload struct {
	of     driveFile
	update bool
	size   int64
	fields string
}

const (
	driveFolder = "application/vnd.google-apps.folder"
	driveRoot   = "0AMyDrive"
	// DriveScope is what a program is asked to agree to that sees its own files alone.
	DriveScope = "https://www.googleapis.com/auth/drive.file"
	driveOnce  = 5 << 20 // the most of an upload in one request
)

// GoogleDrive starts one with an empty My Drive.
func GoogleDrive(t *testing.T) *Drive {
	t.Helper()
	d := &Drive{
		Accounts: NewAccounts(oauth.Client{ID: "holdfast.apps.googleusercontent.com", Secret: "open"}, DriveScope),
		Faults:   &Faults{last: make(map[string][]byte)},
		files:    make(map[string]*driveFile), given: make(map[string]bool), uploads: make(map[string]driveUpload), page: 1000, quota: 15 << 30,
		requests: make(map[string]int),
	}
	d.files[driveRoot] = &driveFile{ID: driveRoot, Name: "My Drive", Type: driveFolder}
	ask, give := http.NewServeMux(), http.NewServeMux()
	ask.HandleFunc("GET /o/oauth2/v2/auth", d.Ask)
	give.HandleFunc("POST /token", d.Give)
	d.Internet = NewInternet(t, map[string]http.Handler{
		"www.googleapis.com": d.api(), "accounts.google.com": ask, "oauth2.googleapis.com": give,
	})
	return d
}

// api is the interface.
func (d *Drive) api() http.Handler {
	mux := http.NewServeMux()
	for pattern, do := range map[string]func(http.ResponseWriter, *http.Request) *driveError{
		"GET /drive/v3/about": d.about, "GET /drive/v3/files/generateIds": d.generate, "GET /drive/v3/files": d.list,
		"POST /drive/v3/files": d.create, "GET /drive/v3/files/{id}": d.get, "DELETE /drive/v3/files/{id}": d.remove,
		"POST /upload/drive/v3/files": d.upload, "PATCH /upload/drive/v3/files/{id}": d.upload, "PUT /upload/drive/v3/files": d.finish,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			d.mu.Lock()
			d.requests[pattern]++
			d.mu.Unlock()
			// Who has the address of an upload needs no token.
			if r.Method != http.MethodPut && !d.Knows(r) {
				refused.answer(w)
				return
			}
			if err := do(w, r); err != nil {
				err.answer(w)
			}
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		before := d.before
		d.mu.Unlock()
		through := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { d.serve(w, r, mux) })
		if before == nil {
			before = func(w http.ResponseWriter, r *http.Request, through http.Handler) { through.ServeHTTP(w, r) }
		}
		before(w, r, through)
	})
}

// driveError is an answer that says what is wrong.
type driveError struct {
	status int
	reason string
}

var (
	refused    = &driveError{http.StatusUnauthorized, "authError"}
	driveGone  = &driveError{http.StatusNotFound, "notFound"}
	driveTaken = &driveError{http.StatusConflict, "fileIdInUse"}
	driveFull  = &driveError{http.StatusForbidden, "storageQuotaExceeded"}
	driveLarge = &driveError{http.StatusRequestEntityTooLarge, "uploadTooLarge"}
	driveWrong = &driveError{http.StatusBadRequest, "invalid"}
)

func (e *driveError) answer(w http.ResponseWriter) { DriveSays(w, e.status, e.reason) }

// DriveSays answers as Drive does where something is wrong.
func DriveSays(w http.ResponseWriter, status int, reason string) {
	answerJSON(w, status, map[string]any{"error": map[string]any{
		"code": status, "message": "The reason is " + reason, "errors": []map[string]string{{"domain": "global", "reason": reason}},
	}})
}

func (d *Drive) about(w http.ResponseWriter, r *http.Request) *driveError {
	if r.URL.Query().Get("fields") == "" { // about alone requires it
		return driveWrong
	}
	d.mu.Lock()
	quota := map[string]any{"usage": strconv.FormatInt(d.usage(), 10)}
	if d.quota > 0 {
		quota["limit"] = strconv.FormatInt(d.quota, 10)
	}
	d.mu.Unlock()
	return d.answer(w, r.URL.Query().Get("fields"), map[string]any{"kind": "drive#about", "storageQuota": quota})
}

// usage counts all bytes, also those in the trash.
func (d *Drive) usage() (n int64) {
	for _, f := range d.files {
		n += int64(len(f.Data))
	}
	return n
}

func (d *Drive) generate(w http.ResponseWriter, r *http.Request) *driveError {
	n, err := strconv.Atoi(cmp.Or(r.URL.Query().Get("count"), "10"))
	if err != nil || n < 1 || n > 1000 {
		return driveWrong
	}
	ids := make([]string, n)
	d.mu.Lock()
	for i := range ids {
		ids[i] = "1" + rand.Text()
		d.given[ids[i]] = true
	}
	d.mu.Unlock()
	return d.answer(w, r.URL.Query().Get("fields"), map[string]any{"kind": "drive#generatedIds", "space": "drive", "ids": ids})
}

// seen returns a file that the program may see.
func (d *Drive) seen(id string) *driveFile {
	if id == "root" {
		id = driveRoot
	}
	if f := d.files[id]; f != nil && !f.Stranger {
		return f
	}
	return nil
}

// inTrash reports whether a file, or a folder above it, is in the trash.
func (d *Drive) inTrash(f *driveFile) bool {
	for ; f != nil; f = d.files[parent(f)] {
		if f.Trashed {
			return true
		}
	}
	return false
}

func parent(f *driveFile) string {
	if len(f.Parents) == 0 {
		return ""
	}
	return f.Parents[0]
}

// resource is a file as the interface shows it.
func (d *Drive) resource(f *driveFile) map[string]any {
	all := map[string]any{
		"kind": "drive#file", "id": f.ID, "name": f.Name, "mimeType": f.Type, "parents": f.Parents, "trashed": d.inTrash(f),
		"createdTime": f.Created.UTC().Format("2006-01-02T15:04:05.000Z"),
	}
	if f.Type != driveFolder {
		sum := md5.Sum(f.Data)
		all["size"], all["md5Checksum"] = strconv.Itoa(len(f.Data)), hex.EncodeToString(sum[:])
	}
	return all
}

func (d *Drive) get(w http.ResponseWriter, r *http.Request) *driveError {
	d.mu.Lock()
	f := d.seen(r.PathValue("id"))
	if f == nil {
		d.mu.Unlock()
		return driveGone
	}
	data, all := f.Data, d.resource(f) // Data is never changed, only replaced
	d.mu.Unlock()
	q := r.URL.Query()
	if q.Get("alt") != "media" {
		return d.answer(w, cmp.Or(q.Get("fields"), "kind,id,name,mimeType"), all)
	}
	if f.Type == driveFolder {
		return &driveError{http.StatusForbidden, "fileNotDownloadable"}
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	return nil
}

func (d *Drive) remove(w http.ResponseWriter, r *http.Request) *driveError {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.seen(r.PathValue("id"))
	if f == nil {
		return driveGone
	}
	if f.ID == driveRoot {
		return &driveError{http.StatusForbidden, "insufficientFilePermissions"}
	}
	d.purge(f.ID)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// purge deletes a file, or a folder with all that is in it.
func (d *Drive) purge(id string) {
	for _, f := range d.files {
		if slices.Contains(f.Parents, id) {
			d.purge(f.ID)
		}
	}
	delete(d.files, id)
}
