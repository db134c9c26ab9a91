package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
)

// Opening is a way to open a place, and the error that it must give; nil: none.
type Opening struct {
	At     address.Address
	Secret address.Secret
	Want   error
}

// Planted stands in a secret that no error may repeat.
const Planted = "hunter22"

// OpenErrors opens each, and closes what opens. No error may repeat a secret, or one of those words.
func OpenErrors[S store.Store](
	t *testing.T, all map[string]Opening, open func(context.Context, address.Address, address.Secret) (S, error), words ...string,
) {
	t.Helper()
	for name, o := range all {
		s, err := open(t.Context(), o.At, o.Secret)
		if !errors.Is(err, o.Want) {
			t.Errorf("%s: %v, want %v", name, err, o.Want)
		}
		if err == nil {
			_ = s.Close() // only opened
			continue
		}
		for _, word := range append([]string{Planted}, words...) {
			if strings.Contains(err.Error(), word) {
				t.Errorf("%s: the error has the secret: %v", name, err)
			}
		}
	}
}

// Names are the names that a list has, each of them once.
func Names(t *testing.T, s store.Store, prefix string) map[string]bool {
	t.Helper()
	seen := make(map[string]bool)
	if err := s.List(t.Context(), prefix, func(o store.Object) error {
		if seen[o.Name] {
			t.Errorf("%s is listed twice", o.Name)
		}
		seen[o.Name] = true
		return nil
	}); err != nil {
		t.Error(err)
	}
	return seen
}

// Says answers a request with JSON, or with what is none.
func Says(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // who asked may be gone
}

// Trouble is how a service fails a put: Fails times it does nothing, then Stored times it does what was asked for; each
// time it answers Status.
type Trouble struct{ Status, Fails, Stored int }

// Troubles are what a service may have that is asked again.
var Troubles = []Trouble{
	{Status: 429, Fails: 2}, {Status: 500, Stored: 1}, {Status: 502, Fails: 1, Stored: 1}, {Status: 503, Stored: 1}, {Status: 504, Fails: 1},
}

// ServiceFails tests that a service that fails is asked again, by the store that open returns at an address. What the
// service has stored all the same is found, and is no stranger's; a stranger's is. The service's puts have one method.
func ServiceFails(t *testing.T, server, method string, troubles []Trouble, open func(addr string) store.Store) {
	t.Helper()
	isPut := func(r *http.Request) bool { return r.Method == method }
	PutsFail(t, isPut, troubles, func(do Meets) store.Store { return open(Between(t, server, do)) })
}

// Meets answers a request in place of a service, which it may let through.
type Meets func(w http.ResponseWriter, r *http.Request, through http.Handler)

// PutsFail is ServiceFails of a store that open returns, and whose service do stands before.
func PutsFail(t *testing.T, isPut func(*http.Request) bool, troubles []Trouble, open func(do Meets) store.Store) {
	t.Helper()
	var fails, stored, status atomic.Int64 // answers to come, without and with what was asked for
	s := open(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
		switch {
		case isPut(r) && fails.Add(-1) >= 0:
			_, _ = io.Copy(io.Discard, r.Body) // what is not read may cost the connection
			w.WriteHeader(int(status.Load()))
		case isPut(r) && stored.Add(-1) >= 0:
			through.ServeHTTP(httptest.NewRecorder(), r)
			w.WriteHeader(int(status.Load()))
		default:
			through.ServeHTTP(w, r)
		}
	})
	for i, c := range troubles {
		name := fmt.Sprint("packs/", i)
		status.Store(int64(c.Status))
		fails.Store(int64(c.Fails))
		stored.Store(int64(c.Stored))
		if err := s.Put(t.Context(), name, []byte(name)); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
		fails.Store(1)
		if err := s.Put(t.Context(), name, []byte("other")); !errors.Is(err, store.ErrExists) {
			t.Errorf("%+v: another object is there: %v", c, err)
		}
	}
	fails.Store(100)
	if err := s.Put(t.Context(), "d", nil); !errors.Is(err, store.ErrUnreachable) || store.IsPermanent(err) {
		t.Errorf("a service that always fails: %v", err)
	}
}

// AnswersLost tests that a put whose answer is lost, or that is cut off on its way, can be repeated as store.Store says.
func AnswersLost(t *testing.T, c *Cloud, s store.Store, isPut func(*http.Request) bool) {
	t.Helper()
	data := []byte("all of it")
	for _, fault := range []Fault{LosesAnswer, LosesBody, Refuses, Truncates} {
		lost := make(chan struct{}, 1)
		lost <- struct{}{}
		c.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
			if isPut(r) {
				select {
				case <-lost:
					fault.do(nil, w, r, through)
					return
				default:
				}
			}
			through.ServeHTTP(w, r)
		})
		name := "packs/aa/" + strings.ReplaceAll(fault.Name, " ", "-")
		if err := s.Put(t.Context(), name, data); !errors.Is(err, store.ErrUnreachable) || store.IsPermanent(err) {
			t.Errorf("%s: %v", fault.Name, err)
		}
		if err := s.Put(t.Context(), name, data); err != nil && !errors.Is(err, store.ErrExists) {
			t.Errorf("%s, repeated: %v", fault.Name, err)
		}
		if got, err := store.ReadAll(t.Context(), s, name, 100); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %q, %v", fault.Name, got, err)
		}
	}
}

// BytesChange tests that the service refuses bytes that were changed on the way.
func BytesChange(t *testing.T, server, method string, open func(addr string) store.Store) {
	t.Helper()
	isPut := func(r *http.Request) bool { return r.Method == method }
	PutsChange(t, isPut, func(do Meets) store.Store { return open(Between(t, server, do)) })
}

// PutsChange is BytesChange of a store that open returns, and whose service do stands before.
func PutsChange(t *testing.T, isPut func(*http.Request) bool, open func(do Meets) store.Store) {
	t.Helper()
	s := open(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
		if isPut(r) {
			b, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(bytes.Replace(b, []byte("right"), []byte("wrong"), 1)))
		}
		through.ServeHTTP(w, r)
	})
	if err := s.Put(t.Context(), "a", []byte("all right")); !errors.Is(err, store.ErrUnreachable) {
		t.Errorf("put: %v", err)
	}
	if _, err := s.Stat(t.Context(), "a"); !errors.Is(err, store.ErrNotExist) {
		t.Errorf("the wrong bytes are stored: %v", err)
	}
}

// FreeAndLeftovers tests that a store whose folder is root on this computer tells how much room is left, and removes
// what broken writes left, if it is old.
func FreeAndLeftovers(t *testing.T, root string, s interface {
	store.Spacer
	store.TemporaryCleaner
}) {
	t.Helper()
	if n, err := s.Free(t.Context()); err != nil || n == 0 {
		t.Errorf("%d, %v", n, err)
	}
	old := Write(t, filepath.Join(root, "packs/aa/.holdfast-0011223344556677"), "half")
	fresh := Write(t, filepath.Join(root, "packs/aa/.holdfast-8899aabbccddeeff"), "half")
	before := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(old, before, before); err != nil {
		t.Fatal(err)
	}
	if n, err := s.CleanTemporary(t.Context(), 24*time.Hour); n != 1 || err != nil {
		t.Errorf("%d are removed: %v", n, err)
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Error(err)
	}
}

// NoLeftovers asserts that no write has left anything below root.
func NoLeftovers(t *testing.T, root string) {
	t.Helper()
	filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error { //nolint:errcheck // err is told below
		if err != nil || strings.HasPrefix(filepath.Base(path), ".holdfast-") {
			t.Errorf("%s stays: %v", path, err)
		}
		return nil
	})
}

// Away returns what moves a folder away.
func Away(t *testing.T, folder, to string) func() {
	return func() {
		if err := os.Rename(folder, to); err != nil {
			t.Fatal(err)
		}
	}
}

// IsThere returns what reports whether something has a path.
func IsThere(path string) func() bool {
	return func() bool {
		_, err := os.Lstat(path)
		return err == nil
	}
}
