package drive_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/storetest"
	"github.com/holdfast-backup/holdfast/remote/servers"
)

// putAgain puts as a repository does: a call that failed is repeated, and then ErrExists is taken for success.
func putAgain(t *testing.T, s store.Store, name string, data []byte) {
	t.Helper()
	err := s.Put(t.Context(), name, data)
	for try := 1; err != nil; try++ {
		if !errors.Is(err, store.ErrUnreachable) || store.IsPermanent(err) || try == 10 {
			t.Fatalf("try %d of %s: %v", try, name, err)
		}
		if err = s.Put(t.Context(), name, data); errors.Is(err, store.ErrExists) {
			return
		}
	}
}

// However a put or a replacement fails, it can be repeated, and there is one file then.
func TestPutsThatFail(t *testing.T) {
	t.Parallel()
	ofBytes := func(r *http.Request) bool {
		return r.Method == http.MethodPut || r.URL.Query().Get("uploadType") == "multipart"
	}
	announced := func(r *http.Request) bool {
		return r.URL.Query().Get("uploadType") == "resumable" && r.Method == http.MethodPost
	}
	for _, c := range []struct {
		request string
		size    int
		of      func(*http.Request) bool
	}{{"small", small, ofBytes}, {"large", large, ofBytes}, {"announced", large, announced}} {
		for _, fault := range []servers.Fault{
			servers.Refuses, servers.LosesBody, servers.LosesAnswer, servers.Fails, servers.Truncates, servers.Repeats,
			servers.Answers(401, ""), servers.Answers(404, ""), servers.Answers(410, ""), servers.Answers(308, ""), servers.Answers(429, ""),
			servers.Answers(500, ""), servers.Answers(503, ""), servers.Answers(503, "1"),
		} {
			t.Run(c.request+" "+fault.Name, func(t *testing.T) {
				t.Parallel()
				d := servers.GoogleDrive(t)
				s := open(t, params(t, d, "Holdfast"))
				data := storetest.Bytes(1, c.size)
				for times := 1; times <= 2; times++ {
					if times == 2 && fault.Name == http.StatusText(http.StatusUnauthorized) {
						continue // a second token that is refused asks to sign in
					}
					name := fmt.Sprint("packs/aa/", times)
					d.Next(times, fault, c.of)
					putAgain(t, s, name, data)
					if d.Heal() == 0 {
						t.Error("the fault befell nothing")
					}
					has(t, s, name, data)
					if files := d.Count("Holdfast/" + name); files != 1 {
						t.Errorf("%d times: there are %d files", times, files)
					}
					if err := s.Put(t.Context(), name, data); !errors.Is(err, store.ErrExists) {
						t.Errorf("put again: %v", err)
					}
				}
				d.Next(1, fault, c.of)
				err := s.Replace(t.Context(), "keyring-1", data)
				for try := 1; err != nil; try++ {
					if !errors.Is(err, store.ErrUnreachable) || try == 10 {
						t.Fatalf("replace: %v", err)
					}
					err = s.Replace(t.Context(), "keyring-1", data)
				}
				has(t, s, "keyring-1", data)
				if files := d.Count("Holdfast/keyring-1"); files != 1 {
					t.Errorf("replaced: there are %d files", files)
				}
			})
		}
	}
}

// A put that the service does long after its answer was lost makes no second file.
func TestAPutThatIsDoneLate(t *testing.T) {
	for _, size := range []int{small, large} {
		d := servers.GoogleDrive(t)
		s := open(t, params(t, d, "Holdfast"))
		must(t, s.Put(t.Context(), "packs/aa/1", nil))
		var late func() // does the first request
		d.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
			if !uploads(r) || size > small && r.Method == http.MethodPost {
				through.ServeHTTP(w, r)
				return
			}
			if late == nil {
				body, _ := io.ReadAll(r.Body) // what is short is not stored
				first := r.Clone(t.Context())
				first.Body = io.NopCloser(bytes.NewReader(body))
				late = func() { through.ServeHTTP(httptest.NewRecorder(), first) }
				panic(http.ErrAbortHandler)
			}
			late()
			through.ServeHTTP(w, r)
		})
		data := storetest.Bytes(1, size)
		if err := s.Put(t.Context(), "packs/aa/2", data); !errors.Is(err, store.ErrUnreachable) {
			t.Errorf("a lost answer: %v", err)
		}
		must(t, s.Put(t.Context(), "packs/aa/2", data))
		d.Before(nil)
		has(t, s, "packs/aa/2", data)
		if n := d.Count("Holdfast/packs/aa/2"); n != 1 {
			t.Errorf("there are %d files", n)
		}
	}
}

// A put whose answer was lost owns nothing any more that another computer has changed or deleted since.
func TestAfterALostAnswer(t *testing.T) {
	for _, c := range []struct {
		name    string
		does    func(other store.Store) error
		want    error
		content string
	}{
		{"it is replaced", func(o store.Store) error { return o.Replace(t.Context(), "a", []byte("theirs")) }, store.ErrExists, "theirs"},
		{"it is deleted", func(o store.Store) error { return o.Delete(t.Context(), "a") }, nil, "own"},
		{"it is put anew", func(o store.Store) error {
			return errors.Join(o.Delete(t.Context(), "a"), o.Put(t.Context(), "a", []byte("new")))
		}, store.ErrExists, "new"},
		{"nothing", func(store.Store) error { return nil }, nil, "own"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := servers.GoogleDrive(t)
			s, other := open(t, params(t, d, "Holdfast")), open(t, params(t, d, "Holdfast"))
			d.Next(1, servers.LosesAnswer, uploads)
			if err := s.Put(t.Context(), "a", []byte("own")); !errors.Is(err, store.ErrUnreachable) {
				t.Errorf("a lost answer: %v", err)
			}
			must(t, c.does(other))
			if err := s.Put(t.Context(), "a", []byte("own")); !errors.Is(err, c.want) {
				t.Errorf("put again: %v", err)
			}
			has(t, s, "a", []byte(c.content))
			has(t, other, "a", []byte(c.content))
			if n := d.Count("Holdfast/a"); n != 1 {
				t.Errorf("there are %d files", n)
			}
		})
	}
}

// A put that lost its answer and is repeated with other bytes finds the name taken.
func TestOtherBytesAfterALostAnswer(t *testing.T) {
	d := servers.GoogleDrive(t)
	s := open(t, params(t, d, "Holdfast"))
	d.Next(1, servers.LosesAnswer, uploads)
	if err := s.Put(t.Context(), "a", []byte("first")); !errors.Is(err, store.ErrUnreachable) {
		t.Errorf("a lost answer: %v", err)
	}
	if err := s.Put(t.Context(), "a", []byte("other")); !errors.Is(err, store.ErrExists) {
		t.Errorf("other bytes: %v", err)
	}
	has(t, s, "a", []byte("first"))
}

// Who asks too often is refused with a 403. Each call goes on when the service lets it.
func TestRateLimits(t *testing.T) {
	t.Parallel()
	d := servers.GoogleDrive(t)
	var mu sync.Mutex
	met := make(map[string]bool)
	limited := func(w http.ResponseWriter, r *http.Request, through http.Handler) {
		mu.Lock()
		key := r.Method + r.URL.Path + r.URL.Query().Get("q") + r.URL.Query().Get("uploadType") + r.URL.Query().Get("alt")
		again := met[key]
		met[key] = true
		mu.Unlock()
		if !again {
			_, _ = io.Copy(io.Discard, r.Body) // it may be cut off
			servers.DriveSays(w, http.StatusForbidden, "userRateLimitExceeded")
			return
		}
		through.ServeHTTP(w, r)
	}
	d.Before(limited)
	s := open(t, params(t, d, "Holdfast"))
	must(t, s.Put(t.Context(), "packs/aa/1", []byte("x")))
	must(t, s.Put(t.Context(), "packs/aa/2", make([]byte, large)))
	must(t, s.Replace(t.Context(), "holdfast.json", []byte("y")))
	must(t, s.Replace(t.Context(), "holdfast.json", []byte("yy")))
	has(t, s, "packs/aa/1", []byte("x"))
	if got := names(t, s, ""); len(got) != 3 {
		t.Errorf("listed: %v", got)
	}
	must(t, s.Delete(t.Context(), "packs/aa/1"))
	if _, err := s.Free(t.Context()); err != nil {
		t.Error(err)
	}
	d.Before(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		servers.DriveSays(w, http.StatusForbidden, "rateLimitExceeded")
	})
	err := s.List(t.Context(), "", func(store.Object) error { return nil })
	if !errors.Is(err, store.ErrUnreachable) || store.IsPermanent(err) {
		t.Errorf("a service that always refuses: %v", err)
	}
}

// Where lists lag behind, a program goes by what it has put itself.
func TestListsThatLag(t *testing.T) {
	d := servers.GoogleDrive(t)
	s := open(t, params(t, d, "Holdfast"))
	must(t, s.Put(t.Context(), "packs/aa/0", nil))
	for _, name := range []string{"packs/aa/1", "keyring-1"} {
		if _, err := s.Stat(t.Context(), name); !errors.Is(err, store.ErrNotExist) { // the list that stays
			t.Errorf("stat: %v", err)
		}
		d.Every(1, servers.IsStale, nil)
		must(t, s.Put(t.Context(), name, []byte("first")))
		for range 2 {
			if err := s.Put(t.Context(), name, []byte("second")); !errors.Is(err, store.ErrExists) {
				t.Errorf("put again: %v", err)
			}
		}
		has(t, s, name, []byte("first"))
		must(t, s.Replace(t.Context(), name, []byte("third")))
		has(t, s, name, []byte("third"))
		d.Heal()
		has(t, open(t, params(t, d, "Holdfast")), name, []byte("third"))
		if n := d.Count("Holdfast/" + name); n != 1 {
			t.Errorf("there are %d files", n)
		}
		d.Every(1, servers.IsStale, nil)
		must(t, s.Delete(t.Context(), name))
		d.Heal()
		if n := d.Count("Holdfast/" + name); n != 0 {
			t.Errorf("deleted, and there are %d files", n)
		}
	}
}

// What Google documents for its answers.
func TestWhatTheServiceSays(t *testing.T) {
	t.Parallel()
	d := servers.GoogleDrive(t)
	s := open(t, params(t, d, "Holdfast"))
	must(t, s.Put(t.Context(), "a", nil))
	for _, c := range []struct {
		status int
		reason string
		want   error
	}{
		{400, "badRequest", store.ErrUnreachable}, {401, "authError", store.ErrSignIn}, {403, "appNotAuthorizedToFile", store.ErrPermission},
		{403, "insufficientFilePermissions", store.ErrPermission}, {403, "domainPolicy", store.ErrPermission},
		{403, "insufficientPermissions", store.ErrSignIn}, {403, "dailyLimitExceeded", store.ErrUnreachable},
		{403, "sharingRateLimitExceeded", store.ErrUnreachable}, {403, "accessNotConfigured", store.ErrUnreachable},
		{403, "storageQuotaExceeded", store.ErrNoSpace}, {403, "activeItemCreationLimitExceeded", store.ErrNoSpace},
		{507, "", store.ErrNoSpace}, {413, "uploadTooLarge", store.ErrTooLarge}, {500, "backendError", store.ErrUnreachable},
	} {
		d.Before(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { servers.DriveSays(w, c.status, c.reason) })
		if err := s.Delete(t.Context(), "a"); !errors.Is(err, c.want) {
			t.Errorf("%d %s: %v, want %v", c.status, c.reason, err, c.want)
		}
	}
}

// Bytes that change on the way are refused, and do not keep the name.
func TestBytesChangeOnTheWay(t *testing.T) {
	t.Parallel()
	d := servers.GoogleDrive(t)
	s := open(t, params(t, d, "Holdfast"))
	must(t, s.Replace(t.Context(), "b", []byte("old")))
	for _, size := range []int{0, large} {
		data := append([]byte("all right"), make([]byte, size)...)
		d.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
			if uploads(r) {
				b, _ := io.ReadAll(r.Body) // what is short is refused
				r.Body = io.NopCloser(bytes.NewReader(bytes.Replace(b, []byte("right"), []byte("wrong"), 1)))
			}
			through.ServeHTTP(w, r)
		})
		if err := s.Put(t.Context(), "a", data); !errors.Is(err, store.ErrUnreachable) {
			t.Errorf("put: %v", err)
		}
		if err := s.Replace(t.Context(), "b", data); !errors.Is(err, store.ErrUnreachable) {
			t.Errorf("replace: %v", err)
		}
		if _, err := s.Stat(t.Context(), "a"); !errors.Is(err, store.ErrNotExist) {
			t.Errorf("the wrong bytes are stored: %v", err)
		}
		d.Before(nil)
		must(t, s.Put(t.Context(), "a", data))
		must(t, s.Replace(t.Context(), "b", data))
		has(t, s, "a", data)
		has(t, s, "b", data)
		must(t, s.Delete(t.Context(), "a"))
	}
}

// A service that sends all where a part was asked for is understood where that is the same.
func TestRangesAreIgnored(t *testing.T) {
	d := servers.GoogleDrive(t)
	s := open(t, params(t, d, "Holdfast"))
	data := storetest.Bytes(1, small)
	must(t, s.Put(t.Context(), "a", data))
	d.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
		r.Header.Del("Range")
		through.ServeHTTP(w, r)
	})
	has(t, s, "a", data)
	for _, offset := range []int64{0, 10} {
		if err := s.ReadAt(t.Context(), "a", make([]byte, 10), offset); !errors.Is(err, store.ErrUnreachable) {
			t.Errorf("a part at %d: %v", offset, err)
		}
	}
}

// No token goes to a server that an answer names.
func TestTheTokenStaysWithGoogle(t *testing.T) {
	d := servers.GoogleDrive(t)
	s := open(t, params(t, d, "Holdfast"))
	for _, at := range []string{
		"https://evil.example/upload", "https://www.googleapis.com.evil.example/", "http://www.googleapis.com/upload", "",
	} {
		d.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
			if r.URL.Query().Get("uploadType") == "resumable" {
				w.Header().Set("Location", at)
				return
			}
			through.ServeHTTP(w, r)
		})
		err := s.Put(t.Context(), "a", make([]byte, large))
		if !errors.Is(err, store.ErrUnreachable) || !strings.Contains(err.Error(), "elsewhere") {
			t.Errorf("%s: %v", at, err)
		}
	}
}

// Whatever befalls each third request: what was acknowledged is there, once, and what was there stays.
func TestWhateverGoesWrong(t *testing.T) {
	t.Parallel()
	for _, fault := range []servers.Fault{
		servers.Refuses, servers.LosesBody, servers.LosesAnswer, servers.Fails, servers.Truncates, servers.Repeats,
		servers.Answers(401, ""), servers.Answers(504, ""), servers.Answers(507, ""), servers.Answers(404, ""),
	} {
		t.Run(fault.Name, func(t *testing.T) {
			t.Parallel()
			d := servers.GoogleDrive(t)
			s := open(t, params(t, d, "Holdfast"))
			must(t, s.Put(t.Context(), "packs/aa/before", []byte("packs/aa/before")))
			want := map[string]bool{"packs/aa/before": true}
			d.Every(3, fault, nil)
			for i := range 8 {
				name := fmt.Sprintf("packs/%d/%d", i%3, i)
				if s.Put(t.Context(), name, []byte(name)) == nil {
					want[name] = true
				}
				seen := make(map[string]bool)
				err := s.List(t.Context(), "", func(o store.Object) error { seen[o.Name] = true; return nil })
				if err == nil && !seen["packs/aa/before"] {
					t.Error("a list leaves out what was there")
				}
			}
			d.Heal()
			listed := names(t, s, "")
			for name := range want {
				if _, ok := listed[name]; !ok {
					t.Errorf("%s was acknowledged, and is not there", name)
				}
				has(t, s, name, []byte(name))
			}
			seen := make(map[string]bool)
			for _, p := range d.Paths() {
				if seen[p] {
					t.Errorf("%s is there twice", p)
				}
				seen[p] = true
			}
		})
	}
}

// Whenever a connection is cut: what was there stays, and nothing is said to be missing that is there.
func TestConnectionsAreCut(t *testing.T) {
	d := servers.GoogleDrive(t)
	proxy := servers.NewProxy(t, d.Proxy.Host)
	p := params(t, d, "Holdfast")
	p.Web.Proxy = &url.URL{Scheme: "http", Host: proxy.Addr}
	s := open(t, p)
	data := storetest.Bytes(1, 100_000)
	must(t, s.Put(t.Context(), "packs/aa/first", data))
	died := 0
	for n, after := range []int64{0, 50, 400, 1_500, 3_000, 5_000, 8_000, 20_000, 60_000, 99_000, 104_000, 106_000, 108_000, 112_000} {
		name := fmt.Sprint("packs/bb/", n)
		for op, do := range map[string]func() error{
			"put":     func() error { return s.Put(t.Context(), name, data) },
			"replace": func() error { return s.Replace(t.Context(), "holdfast.json", data) },
			"read":    func() error { return s.ReadAt(t.Context(), "packs/aa/first", make([]byte, len(data)), 0) },
			"stat":    func() error { _, err := s.Stat(t.Context(), "packs/aa/first"); return err },
			"list": func() error {
				there := false
				err := s.List(t.Context(), "", func(o store.Object) error { there = there || o.Name == "packs/aa/first"; return nil })
				if err == nil && !there {
					t.Error("a list that was cut off is taken for whole")
				}
				return err
			},
		} {
			proxy.CutAfter(after)
			err := do()
			proxy.Heal()
			if err != nil {
				died++
			}
			if err != nil && (!errors.Is(err, store.ErrUnreachable) || store.IsPermanent(err)) {
				t.Errorf("%s, cut after %d bytes: %v", op, after, err)
			}
		}
		err := s.Put(t.Context(), name, data)
		for tries := 0; errors.Is(err, store.ErrUnreachable) && tries < 8; tries++ { // connections that rested are cut too
			err = s.Put(t.Context(), name, data)
		}
		if !errors.Is(err, store.ErrExists) && err != nil {
			t.Errorf("put again: %v", err)
		}
		if n := d.Count("Holdfast/" + name); n != 1 {
			t.Errorf("cut after %d bytes: there are %d files", after, n)
		}
	}
	has(t, s, "packs/aa/first", data)
	if died == 0 {
		t.Error("no call met a cut")
	}
}
