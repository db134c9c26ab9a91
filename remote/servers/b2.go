package servers

import (
	"cmp"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // it is what the service knows objects by
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// B2 is Backblaze B2, as Backblaze documents its native interface (version 2), in memory, with one account and one bucket.
type B2 struct {
	*Internet
	Bucket, KeyID, Key string

	mu       sync.Mutex
	gone     bool
	one      bool // the key is of the bucket alone
	tokens   map[string]bool
	uploads  map[string]string // tokens by path
	versions []b2Version       // in the order of lists
	clock    int64             // of the youngest version, milliseconds
	page     int
	cap      int64 // bytes
	before   Meets
}

type b2Version struct {
	ID     string `json:"fileId"`
	Name   string `json:"fileName"`
	Size   int64  `json:"contentLength"`
	SHA1   string `json:"contentSha1,omitempty"`
	Time   int64  `json:"uploadTimestamp"`
	Action string `json:"action"`
	data   []byte
}

const (
	b2API    = "/b2api/v2/"
	b2Bucket = "e73ede9969c64427a54b0d13"
	b2Pod    = "pod-000-1001-01.backblaze.com"
)

// BackblazeB2 starts one.
func BackblazeB2(t *testing.T) *B2 {
	t.Helper()
	b := &B2{Bucket: "holdfast-test", KeyID: "0014e9c1f", Key: "K001" + rand.Text(), tokens: make(map[string]bool),
		uploads: make(map[string]string), page: 10_000, cap: 1 << 40}
	front, ask, pod, down := http.NewServeMux(), http.NewServeMux(), http.NewServeMux(), http.NewServeMux()
	front.HandleFunc("GET "+b2API+"b2_authorize_account", b.authorize)
	for name, do := range map[string]func(b2Call) (any, *b2Error){
		"b2_list_buckets": b.buckets, "b2_create_bucket": b.create, "b2_get_upload_url": b.uploadURL, "b2_list_file_versions": b.list,
		"b2_delete_file_version": b.remove, "b2_get_file_info": b.info,
	} {
		ask.HandleFunc("POST "+b2API+name, b.call(do))
	}
	pod.HandleFunc("POST /b2api/v2/b2_upload_file/{bucket}/{url}", b.upload)
	down.HandleFunc("GET "+b2API+"b2_download_file_by_id", b.download)
	all := make(map[string]http.Handler)
	for host, mux := range map[string]http.Handler{
		"api.backblazeb2.com": front, "api001.backblazeb2.com": ask, b2Pod: pod, "f001.backblazeb2.com": down,
	} {
		all[host] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b.mu.Lock()
			before := b.before
			b.mu.Unlock()
			if before != nil {
				before(w, r, mux)
				return
			}
			mux.ServeHTTP(w, r)
		})
	}
	b.Internet = NewInternet(t, all)
	return b
}

// Before has do answer each request, which it may let through; nil: all go through.
func (b *B2) Before(do Meets) { b.with(func() { b.before = do }) }

// Expire ends all tokens, those of uploads too.
func (b *B2) Expire() { b.with(func() { clear(b.tokens); clear(b.uploads) }) }

// Cap sets how many bytes the account may have.
func (b *B2) Cap(bytes int64) { b.with(func() { b.cap = bytes }) }

// Short sets how many entries a page of a list has at most.
func (b *B2) Short(entries int) { b.with(func() { b.page = entries }) }

// Lose has the bucket be gone.
func (b *B2) Lose() { b.with(func() { b.gone = true }) }

// Confine has the key be one of the bucket alone.
func (b *B2) Confine() { b.with(func() { b.one = true }) }

func (b *B2) with(do func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	do()
}

// Plant adds a version of a name that was uploaded before now; action "hide" is without bytes.
func (b *B2) Plant(name, action string, data []byte, before time.Duration) {
	b.with(func() { b.add(name, action, data, time.Now().Add(-before).UnixMilli()) })
}

// Count is how many versions a name has, of all kinds.
func (b *B2) Count(name string) (n int) {
	b.with(func() {
		for _, v := range b.versions {
			if v.Name == name {
				n++
			}
		}
	})
	return n
}

// IsB2Upload reports whether a request uploads.
func IsB2Upload(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, "/b2api/v2/b2_upload_file/")
}

// add adds a version, for who holds mu.
func (b *B2) add(name, action string, data []byte, at int64) b2Version {
	v := b2Version{ID: "4_z" + b2Bucket + "_f" + rand.Text(), Name: name, Size: int64(len(data)), Time: at, Action: action, data: data}
	if action == "upload" {
		sum := sha1.Sum(data) //nolint:gosec // as above
		v.SHA1 = hex.EncodeToString(sum[:])
	}
	b.versions = append(b.versions, v)
	slices.SortFunc(b.versions, func(x, y b2Version) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(y.Time, x.Time), cmp.Compare(y.ID, x.ID))
	})
	return v
}

// b2Error is how the service says that something is wrong.
type b2Error struct {
	status int
	code   string
}

// B2Says answers as the service does where something is wrong.
func B2Says(w http.ResponseWriter, status int, code string) {
	answerJSON(w, status, map[string]any{"status": status, "code": code, "message": "the code is " + code})
}

func (b *B2) authorize(w http.ResponseWriter, r *http.Request) {
	id, key, _ := r.BasicAuth()
	if id != b.KeyID || key != b.Key {
		B2Says(w, http.StatusUnauthorized, "unauthorized")
		return
	}
	token := rand.Text()
	allowed := map[string]any{
		"capabilities": []string{"listFiles", "readFiles", "writeFiles", "deleteFiles"}, "bucketId": nil, "bucketName": nil,
	}
	b.with(func() {
		b.tokens[token] = true
		if b.one {
			allowed["bucketId"], allowed["bucketName"] = b2Bucket, b.Bucket
		}
	})
	answerJSON(w, http.StatusOK, map[string]any{
		"accountId": "account", "authorizationToken": token, "apiUrl": "https://api001.backblazeb2.com",
		"downloadUrl": "https://f001.backblazeb2.com", "allowed": allowed, "recommendedPartSize": 100_000_000,
	})
}

// b2Call is what a question of JSON asks.
type b2Call struct {
	Account   string `json:"accountId"`
	BucketID  string `json:"bucketId"`
	Bucket    string `json:"bucketName"`
	Type      string `json:"bucketType"`
	Name      string `json:"fileName"`
	ID        string `json:"fileId"`
	FirstName string `json:"startFileName"`
	FirstID   string `json:"startFileId"`
	Prefix    string `json:"prefix"`
	Delimiter string `json:"delimiter"`
	Most      int    `json:"maxFileCount"`
}

func (b *B2) call(do func(b2Call) (any, *b2Error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var c b2Call
		dec := json.NewDecoder(r.Body)
		dec.DisallowUnknownFields()
		if err := dec.Decode(&c); err != nil {
			B2Says(w, http.StatusBadRequest, "bad_request")
			return
		}
		var value any
		var wrong *b2Error
		b.with(func() {
			switch {
			case !b.tokens[r.Header.Get("Authorization")]:
				wrong = &b2Error{http.StatusUnauthorized, "expired_auth_token"}
			case c.BucketID != "" && (b.gone || c.BucketID != b2Bucket):
				wrong = &b2Error{http.StatusBadRequest, "bad_bucket_id"}
			default:
				value, wrong = do(c)
			}
		})
		if wrong != nil {
			B2Says(w, wrong.status, wrong.code)
			return
		}
		answerJSON(w, http.StatusOK, value)
	}
}

func (b *B2) buckets(c b2Call) (any, *b2Error) {
	found := []map[string]string{}
	if !b.gone && (c.Bucket == "" || c.Bucket == b.Bucket) {
		found = append(found, map[string]string{"bucketId": b2Bucket, "bucketName": b.Bucket, "bucketType": "allPrivate"})
	}
	return map[string]any{"buckets": found}, nil
}

func (b *B2) create(c b2Call) (any, *b2Error) {
	if !b.gone || c.Type != "allPrivate" || c.Account != "account" {
		return nil, &b2Error{http.StatusBadRequest, "duplicate_bucket_name"}
	}
	b.gone, b.Bucket = false, c.Bucket
	return map[string]string{"bucketId": b2Bucket, "bucketName": b.Bucket}, nil
}

func (b *B2) uploadURL(c b2Call) (any, *b2Error) {
	at, token := rand.Text(), rand.Text()
	b.uploads[at] = token
	return map[string]string{"bucketId": b2Bucket, "uploadUrl": "https://" + b2Pod + "/b2api/v2/b2_upload_file/" + b2Bucket + "/" + at,
		"authorizationToken": token}, nil
}

// list gives a page of versions.
func (b *B2) list(c b2Call) (any, *b2Error) {
	if c.FirstID != "" && c.FirstName == "" {
		return nil, &b2Error{http.StatusBadRequest, "bad_request"}
	}
	begun, folder := c.FirstID == "", ""
	files := []b2Version{}
	for _, v := range b.versions {
		begun = begun || v.Name == c.FirstName && v.ID == c.FirstID || v.Name > c.FirstName
		if !begun || v.Name < c.FirstName || !strings.HasPrefix(v.Name, c.Prefix) {
			continue
		}
		inFolder := ""
		if above, _, ok := strings.Cut(v.Name[len(c.Prefix):], "/"); ok && c.Delimiter == "/" {
			inFolder = c.Prefix + above + "/"
		}
		if inFolder != "" && inFolder == folder {
			continue
		}
		if len(files) == min(cmp.Or(c.Most, 100), b.page) {
			next := map[string]any{"files": files, "nextFileName": v.Name, "nextFileId": v.ID}
			if inFolder != "" {
				next["nextFileName"], next["nextFileId"] = inFolder, nil
			}
			return next, nil
		}
		if folder = inFolder; folder != "" {
			v = b2Version{Name: folder, Action: "folder"}
		}
		files = append(files, v)
	}
	return map[string]any{"files": files, "nextFileName": nil, "nextFileId": nil}, nil
}

func (b *B2) at(id string) int {
	return slices.IndexFunc(b.versions, func(v b2Version) bool { return v.ID == id })
}

func (b *B2) remove(c b2Call) (any, *b2Error) {
	i := b.at(c.ID)
	if i < 0 || b.versions[i].Name != c.Name {
		return nil, &b2Error{http.StatusBadRequest, "file_not_present"}
	}
	b.versions = slices.Delete(b.versions, i, i+1)
	return map[string]string{"fileName": c.Name, "fileId": c.ID}, nil
}

func (b *B2) info(c b2Call) (any, *b2Error) {
	i := b.at(c.ID)
	if i < 0 {
		return nil, &b2Error{http.StatusNotFound, "not_found"}
	}
	return b.versions[i], nil
}

// upload takes the bytes of a version. After an error its URL is of no use any more.
func (b *B2) upload(w http.ResponseWriter, r *http.Request) {
	at := r.PathValue("url")
	var token string
	b.with(func() {
		token = b.uploads[at] // nobody else may use it meanwhile
		delete(b.uploads, at)
	})
	body, err := io.ReadAll(r.Body)
	sum := sha1.Sum(body) //nolint:gosec // as above
	name, nameErr := url.QueryUnescape(r.Header.Get("X-Bz-File-Name"))
	var v b2Version
	wrong := &b2Error{}
	b.with(func() {
		var used int64
		for _, v := range b.versions {
			used += v.Size
		}
		switch {
		case token == "" || r.Header.Get("Authorization") != token:
			wrong = &b2Error{http.StatusUnauthorized, "expired_auth_token"}
		case err != nil || nameErr != nil || name == "" || r.Header.Get("Content-Type") == "" || b.gone ||
			r.Header.Get("X-Bz-Content-Sha1") != hex.EncodeToString(sum[:]):
			wrong = &b2Error{http.StatusBadRequest, "bad_request"}
		case used+int64(len(body)) > b.cap:
			wrong = &b2Error{http.StatusForbidden, "cap_exceeded"}
		default:
			// It is never as old as one that was uploaded before, to the millisecond that the interface tells.
			b.clock = max(time.Now().UnixMilli(), b.clock+1)
			v, wrong = b.add(name, "upload", body, b.clock), nil
			b.uploads[at] = token
		}
	})
	if wrong != nil {
		B2Says(w, wrong.status, wrong.code)
		return
	}
	answerJSON(w, http.StatusOK, v)
}

func (b *B2) download(w http.ResponseWriter, r *http.Request) {
	var data []byte
	wrong := &b2Error{http.StatusNotFound, "not_found"}
	b.with(func() {
		i := b.at(r.URL.Query().Get("fileId"))
		switch {
		case !b.tokens[r.Header.Get("Authorization")]:
			wrong = &b2Error{http.StatusUnauthorized, "expired_auth_token"}
		case i >= 0 && !b.gone:
			data, wrong = b.versions[i].data, nil
		}
	})
	if wrong != nil {
		B2Says(w, wrong.status, wrong.code)
		return
	}
	if r.Header.Get("Range") == "" {
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	}
	giveRange(w, r, data)
}
