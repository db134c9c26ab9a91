package onedrive_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/bucket"
	"github.com/holdfast-backup/holdfast/remote/servers"
)

// A service that fails is asked again. What it has stored all the same is found, and is no stranger's; a stranger's is.
func TestServiceFails(t *testing.T) {
	t.Parallel() // it waits for pauses
	o := servers.OneDriveCloud(t)
	r := open(t, o, "/x")
	servers.PutsFail(t, isUpload, servers.Troubles, func(do servers.Meets) store.Store {
		o.Before(do)
		return r
	})
}

// A put whose answer is lost may be repeated, and then is found.
func TestLostAnswers(t *testing.T) {
	o := servers.OneDriveCloud(t)
	r := open(t, o, "/x")
	servers.AnswersLost(t, o.Cloud, r, isUpload)
}

// The service is told no hash. What it has got instead of what it was sent is not taken for that.
func TestTheServiceHasOtherBytes(t *testing.T) {
	o := servers.OneDriveCloud(t)
	r := open(t, o, "/x")
	for _, answer := range []string{
		`{"size": 4, "file": {}}`, `{"size": 3, "file": {"hashes": {"quickXorHash": "` + strings.Repeat("A", 27) + `="}}}`, `{}`, `{"size": 3`,
	} {
		o.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
			if isUpload(r) {
				servers.Says(w, http.StatusCreated, answer)
				return
			}
			through.ServeHTTP(w, r)
		})
		if err := r.Put(t.Context(), "a", []byte("abc")); !errors.Is(err, store.ErrUnreachable) {
			t.Errorf("%s: %v", answer, err)
		}
	}
	o.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
		if isUpload(r) {
			_, _ = io.ReadAll(r.Body) // other bytes take their place
			r.Body = io.NopCloser(strings.NewReader("all wrong"))
		}
		through.ServeHTTP(w, r)
	})
	if err := r.Put(t.Context(), "b", []byte("all right")); !errors.Is(err, store.ErrUnreachable) {
		t.Errorf("bytes that change on the way: %v", err)
	}
}

// Whatever only asks, or can be repeated, is asked again when the service asks for that.
func TestThrottled(t *testing.T) {
	t.Parallel() // it waits for pauses
	o := servers.OneDriveCloud(t)
	r := open(t, o, "/x")
	if err := r.Put(t.Context(), "packs/aa/1", []byte("x")); err != nil {
		t.Fatal(err)
	}
	for _, status := range []int{429, 503} {
		met := map[string]bool{}
		var mu sync.Mutex
		o.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
			key := r.Method + r.Host + r.URL.Path
			mu.Lock()
			again := met[key]
			met[key] = true
			mu.Unlock()
			if !again {
				w.Header().Set("Retry-After", "0")
				servers.Says(w, status, `{"error": {"code": "activityLimitReached"}}`)
				return
			}
			through.ServeHTTP(w, r)
		})
		_, stat := r.Stat(t.Context(), "packs/aa/1")
		_, free := r.Free(t.Context())
		for what, err := range map[string]error{
			"stat": stat, "free": free,
			"read":   r.ReadAt(t.Context(), "packs/aa/1", make([]byte, 1), 0),
			"list":   r.List(t.Context(), "packs/aa/", func(store.Object) error { return nil }),
			"put":    r.Put(t.Context(), fmt.Sprint("packs/bb/", status), []byte("y")),
			"delete": r.Delete(t.Context(), fmt.Sprint("packs/bb/", status)),
		} {
			if err != nil {
				t.Errorf("%d, %s: %v", status, what, err)
			}
		}
	}
}

// What Microsoft documents for its answers.
func TestWhatTheServiceSays(t *testing.T) {
	t.Parallel() // it waits for pauses
	o := servers.OneDriveCloud(t)
	r := open(t, o, "/x")
	code := func(code string) string {
		return `{"error": {"code": "` + code + `", "message": "` + servers.Planted + `"}}`
	}
	for _, answer := range []struct {
		status int
		body   string
		want   error
	}{
		{409, code("nameAlreadyExists"), store.ErrExists},
		{409, `{"error": {"code": "conflict", "innererror": {"code": "nameAlreadyExists"}}}`, store.ErrExists},
		{409, code("resourceModified"), bucket.ErrFailed}, {412, code("resourceModified"), bucket.ErrFailed},
		{423, code("resourceLocked"), bucket.ErrFailed}, {409, code("other"), store.ErrUnreachable},
		{507, code("quotaLimitReached"), store.ErrNoSpace}, {507, "", store.ErrNoSpace}, {403, code("quotaLimitReached"), store.ErrNoSpace},
		{403, code("accessDenied"), store.ErrPermission}, {403, "<html>", store.ErrPermission},
		{401, code("InvalidAuthenticationToken"), store.ErrSignIn}, {401, "", store.ErrSignIn},
		{413, "", store.ErrTooLarge}, {400, code("invalidRequest"), store.ErrUnreachable}, {400, "", store.ErrUnreachable},
		{404, code("itemNotFound"), bucket.ErrFailed}, {404, "<html>", bucket.ErrFailed}, // the folder is there
		{500, code("itemNotFound"), bucket.ErrFailed}, {500, code("generalException"), bucket.ErrFailed},
		{302, "", store.ErrUnreachable}, {409, `{"error": {"code": "` + servers.Planted + `1"}}`, store.ErrUnreachable},
		{409, `{"error": ` + strings.Repeat(`{"innererror": `, 50) + "1" + strings.Repeat("}", 51), store.ErrUnreachable},
	} {
		o.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
			if isUpload(r) {
				servers.Says(w, answer.status, answer.body)
				return
			}
			through.ServeHTTP(w, r)
		})
		err := r.Put(t.Context(), "a", []byte("abc"))
		if !errors.Is(err, answer.want) || strings.Contains(err.Error(), servers.Planted) {
			t.Errorf("%d %s: %v, want %v", answer.status, answer.body, err, answer.want)
		}
		if errors.Is(answer.want, store.ErrUnreachable) && store.IsPermanent(err) {
			t.Errorf("%d %s: %v is permanent", answer.status, answer.body, err)
		}
	}
}

// A full account refuses objects, tells that, and keeps what it has.
func TestQuota(t *testing.T) {
	o := servers.OneDriveCloud(t)
	r := open(t, o, "/x")
	o.Quota(1000)
	if err := r.Put(t.Context(), "a", make([]byte, 900)); err != nil {
		t.Fatal(err)
	}
	if n, err := r.Free(t.Context()); n != 100 || err != nil {
		t.Errorf("%d bytes are free, %v", n, err)
	}
	if err := r.Put(t.Context(), "b", make([]byte, 101)); !errors.Is(err, store.ErrNoSpace) {
		t.Errorf("put: %v", err)
	}
	if err := r.Put(t.Context(), "a", make([]byte, 900)); !errors.Is(err, store.ErrExists) {
		t.Errorf("put again: %v", err)
	}
	if err := r.Delete(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if err := r.Put(t.Context(), "b", make([]byte, 1000)); err != nil {
		t.Errorf("there is room again: %v", err)
	}
	for _, body := range []string{`{}`, `{"quota": {}}`} {
		o.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
			servers.Says(w, http.StatusOK, body)
		})
		if n, err := r.Free(t.Context()); !errors.Is(err, store.ErrUnreachable) {
			t.Errorf("%s: %d bytes are free, %v", body, n, err)
		}
	}
}

// Lists that lead nowhere, in a circle or to another host end with an error, and take no token there.
func TestHostileLists(t *testing.T) {
	o := servers.OneDriveCloud(t)
	r := open(t, o, "/x")
	page := func(link string) string { return `{"value": [], "@odata.nextLink": "` + link + `"}` }
	const good = "https://graph.microsoft.com/v1.0/me/drive/items/1/children?$skiptoken=1"
	for _, answer := range []string{
		page(strings.Replace(good, "graph.microsoft.com", "public.files.1drv.com", 1)), page(strings.Replace(good, "https", "http", 1)),
		page(strings.Replace(good, "//", "//public.files.1drv.com@", 1)),
		page(strings.Replace(good, "graph", "public.files.1drv.com:443/graph", 1)),
		page("/v1.0/me"), page("https://graph.microsoft.com.example/v1.0"), page("https://graph.microsoft.com:8443/v1.0"), page("%"),
		page(good), `{"value": [`, ``,
	} {
		var asked atomic.Int64
		o.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
			switch {
			case r.TLS.ServerName != "graph.microsoft.com":
				asked.Add(1)
				servers.Says(w, http.StatusOK, `{"value": []}`)
			case isList(r):
				servers.Says(w, http.StatusOK, answer)
			default:
				through.ServeHTTP(w, r)
			}
		})
		err := r.List(t.Context(), "", func(store.Object) error { return nil })
		if !errors.Is(err, store.ErrUnreachable) || asked.Load() > 0 {
			t.Errorf("%s: %v, and %d requests elsewhere", answer, err, asked.Load())
		}
	}
	if n := o.InClear(); n > 0 {
		t.Errorf("%d requests in clear", n)
	}
	// A folder that has itself within it.
	o.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
		if isList(r) {
			servers.Says(w, http.StatusOK, `{"value": [{"id": "1", "name": "`+strings.Repeat("a", 50)+`", "folder": {}}]}`)
			return
		}
		through.ServeHTTP(w, r)
	})
	if n := len(servers.Names(t, r, "")); n != 0 {
		t.Errorf("%d objects", n)
	}
}

// Where files are got from sees no token, is not asked in clear, and leads no further. What it says is of no object.
func TestHostileLinks(t *testing.T) {
	t.Parallel() // it waits for pauses
	o := servers.OneDriveCloud(t)
	r := open(t, o, "/x")
	if err := r.Put(t.Context(), "a", []byte("0123456789")); err != nil {
		t.Fatal(err)
	}
	const elsewhere = "https://public.files.1drv.com"
	for what, c := range map[string]struct {
		location string // of the first answer; "": the service's own
		status   int    // of the second
		of       string // its Content-Range
	}{
		"in clear": {location: "http://public.files.1drv.com/a"}, "no link": {location: "/a"}, "a file": {location: "file:///etc/passwd"},
		"a password": {location: "https://a:b@public.files.1drv.com/a"}, "nonsense": {location: "%"},
		"nowhere":        {location: "https://none.example/a"},
		"a link further": {status: 302}, "expired": {status: 401}, "forbidden": {status: 403}, "not found": {status: 404}, "busy": {status: 503},
		"another range": {status: 206, of: "bytes 0-3/10"}, "no range": {status: 200}, "short": {status: 206, of: "bytes 4-7/10"},
		"shorter": {status: 206, of: "bytes 4-5/6"},
	} {
		o.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
			switch {
			case c.location != "" && strings.HasSuffix(r.URL.Path, "/content"):
				w.Header().Set("Location", c.location)
				w.WriteHeader(http.StatusFound)
			case r.TLS.ServerName != "graph.microsoft.com" && c.status != 0:
				if r.Header.Get("Authorization") != "" || r.Header.Get("Range") != "bytes=4-7" {
					t.Errorf("%s: %v", what, r.Header)
				}
				w.Header().Set("Location", elsewhere+"/again")
				w.Header().Set("Content-Range", c.of)
				w.Header().Set("Content-Length", "4")
				w.Header().Set("Retry-After", "0")
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, "45") // and no more
			default:
				through.ServeHTTP(w, r)
			}
		})
		err := r.ReadAt(t.Context(), "a", make([]byte, 4), 4)
		switch {
		case what == "shorter" && errors.Is(err, io.ErrUnexpectedEOF):
		case !errors.Is(err, store.ErrUnreachable) || store.IsPermanent(err) || strings.Contains(err.Error(), "1drv"):
			t.Errorf("%s: %v", what, err)
		}
	}
	if n := o.Leaks() + o.InClear(); n > 0 {
		t.Errorf("%d tokens were sent elsewhere, or requests in clear", n)
	}
}
