package dropbox_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/bucket"
	"github.com/holdfast-backup/holdfast/remote/servers"
)

// A service that fails is asked again. What it has stored all the same is found, and is no stranger's; a stranger's is.
func TestServiceFails(t *testing.T) {
	t.Parallel() // it waits for pauses
	c := servers.DropboxCloud(t)
	r := open(t, c, "/x")
	servers.PutsFail(t, isUpload, servers.Troubles, func(do servers.Meets) store.Store {
		c.Before(do)
		return r
	})
}

// A put whose answer is lost may be repeated, and then is found.
func TestLostAnswers(t *testing.T) {
	c := servers.DropboxCloud(t)
	r := open(t, c, "/x")
	servers.AnswersLost(t, c, r, isUpload)
}

// Bytes that change on the way are refused.
func TestBytesChangeOnTheWay(t *testing.T) {
	c := servers.DropboxCloud(t)
	r := open(t, c, "/x")
	servers.PutsChange(t, isUpload, func(do servers.Meets) store.Store {
		c.Before(do)
		return r
	})
}

// A service that says it has something else than it was sent is not believed to have it.
func TestTheServiceHasOtherBytes(t *testing.T) {
	c := servers.DropboxCloud(t)
	r := open(t, c, "/x")
	for _, answer := range []string{`{"size": 4}`, `{"size": 3, "content_hash": "` + strings.Repeat("0", 64) + `"}`, `{}`, `{"size": 3`} {
		c.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
			if isUpload(r) {
				servers.Says(w, http.StatusOK, answer)
				return
			}
			through.ServeHTTP(w, r)
		})
		if err := r.Put(t.Context(), "a", []byte("abc")); !errors.Is(err, store.ErrUnreachable) {
			t.Errorf("%s: %v", answer, err)
		}
	}
}

// Whatever only asks, or can be repeated, is asked again when the service asks for that.
func TestThrottled(t *testing.T) {
	t.Parallel() // it waits for pauses
	c := servers.DropboxCloud(t)
	r := open(t, c, "/x")
	if err := r.Put(t.Context(), "packs/aa/1", []byte("x")); err != nil {
		t.Fatal(err)
	}
	for _, how := range []struct {
		status int
		body   string
	}{
		{429, `{"error_summary": "too_many_requests/..", "error": {"reason": {".tag": "too_many_requests"}, "retry_after": 1}}`},
		{409, `{"error_summary": "too_many_write_operations/..", "error": {".tag": "too_many_write_operations"}}`},
		{503, ""}, {500, "<html>"},
	} {
		met := map[string]bool{}
		var mu sync.Mutex
		c.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
			mu.Lock()
			again := met[r.URL.Path]
			met[r.URL.Path] = true
			mu.Unlock()
			if !again {
				servers.Says(w, how.status, how.body)
				return
			}
			through.ServeHTTP(w, r)
		})
		_, stat := r.Stat(t.Context(), "packs/aa/1")
		_, free := r.Free(t.Context())
		for what, err := range map[string]error{
			"stat": stat, "free": free,
			"read":   r.ReadAt(t.Context(), "packs/aa/1", make([]byte, 1), 0),
			"list":   r.List(t.Context(), "", func(store.Object) error { return nil }),
			"put":    r.Put(t.Context(), fmt.Sprint("packs/bb/", how.status), []byte("y")),
			"delete": r.Delete(t.Context(), fmt.Sprint("packs/bb/", how.status)),
		} {
			if err != nil {
				t.Errorf("%d, %s: %v", how.status, what, err)
			}
		}
		for _, path := range []string{"/2/files/upload", "/2/files/download", "/2/files/list_folder", "/2/files/get_metadata",
			"/2/files/delete_v2", "/2/users/get_space_usage"} {
			if !met[path] {
				t.Errorf("%s was not asked", path)
			}
		}
	}
}

// What Dropbox documents for its answers.
func TestWhatTheServiceSays(t *testing.T) {
	t.Parallel() // it waits for pauses
	c := servers.DropboxCloud(t)
	r := open(t, c, "/x")
	write := func(reason string) string {
		return `{"error_summary": "other/..", "error": {".tag": "path", "reason": ` + reason + `, "upload_session_id": "A"}}`
	}
	for _, answer := range []struct {
		status int
		body   string
		want   error
	}{
		{409, write(`{".tag": "conflict", "conflict": {".tag": "file"}}`), store.ErrExists},
		{409, write(`{".tag": "conflict", "conflict": "folder"}`), store.ErrExists},
		{409, write(`{".tag": "insufficient_space"}`), store.ErrNoSpace},
		{409, write(`"insufficient_space"`), store.ErrNoSpace},
		{409, write(`{".tag": "no_write_permission"}`), store.ErrPermission},
		{409, write(`{".tag": "malformed_path", "malformed_path": "why"}`), store.ErrUnreachable},
		{409, write(`{".tag": "too_many_write_operations"}`), bucket.ErrFailed},
		{409, `{"error": {".tag": "payload_too_large"}}`, store.ErrTooLarge},
		{409, `{"error": {".tag": "content_hash_mismatch"}}`, store.ErrUnreachable},
		{409, `{"error": {".tag": ` + strings.Repeat(`{".tag": `, 50) + `1` + strings.Repeat("}", 51) + `}`, store.ErrUnreachable},
		{409, `not JSON, ` + servers.Planted, store.ErrUnreachable},
		{409, `{"error": {".tag": "` + servers.Planted + `"}}`, store.ErrUnreachable},
		{400, `Error in call to API function`, store.ErrUnreachable},
		{401, `{"error": {".tag": "missing_scope", "required_scope": "files.content.write"}}`, store.ErrSignIn},
		{403, `{"error": {".tag": "invalid_account_type"}}`, store.ErrPermission},
		{413, ``, store.ErrTooLarge}, {302, ``, store.ErrUnreachable},
	} {
		c.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
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
			t.Errorf("%s: %v is permanent", answer.body, err)
		}
	}
}

// A full account refuses objects, tells that, and keeps what it has.
func TestQuota(t *testing.T) {
	c := servers.DropboxCloud(t)
	r := open(t, c, "/x")
	c.Quota(1000)
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
	c.Quota(10)
	if n, err := r.Free(t.Context()); n != 0 || err != nil {
		t.Errorf("more is used than there is: %d bytes are free, %v", n, err)
	}
	for body, want := range map[string]uint64{
		`{"used": 5, "allocation": {".tag": "team", "used": 50, "allocated": 80}}`:                                         30,
		`{"used": 5, "allocation": {".tag": "team", "used": 50, "allocated": 80, "user_within_team_space_allocated": 11}}`: 6,
	} {
		c.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
			servers.Says(w, http.StatusOK, body)
		})
		if n, err := r.Free(t.Context()); n != want || err != nil {
			t.Errorf("%s: %d bytes are free, %v", body, n, err)
		}
	}
}
