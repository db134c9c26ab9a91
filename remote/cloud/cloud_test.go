package cloud_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/storetest"
	"github.com/holdfast-backup/holdfast/remote/cloud"
	"github.com/holdfast-backup/holdfast/remote/servers"
)

func at(s *servers.S3, prefix string) address.Address {
	return address.Address{Kind: address.S3, Host: s.Bucket, Path: "/" + prefix, Query: url.Values{"endpoint": {"http://" + s.Addr}}}
}

func secret(s *servers.S3) address.Secret {
	return address.Secret{"access_key_id": s.Key, "secret_access_key": s.Secret}
}

func open(t *testing.T, s *servers.S3, prefix string) *cloud.Store {
	t.Helper()
	r, err := cloud.Open(t.Context(), at(s, prefix), secret(s), false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func TestVersity(t *testing.T) {
	s := servers.Versity(t)
	n := 0
	storetest.Run(t, func(t *testing.T) store.Store {
		n++
		return open(t, s, fmt.Sprint("a prefix/", n))
	})
}

func TestRclone(t *testing.T) {
	s := servers.RcloneS3(t)
	n := 0
	storetest.Run(t, func(t *testing.T) store.Store {
		n++
		return open(t, s, fmt.Sprint("a prefix/", n))
	},
		storetest.Limit{Test: "readers see the old or the new object whole", Why: "who reads an object is cut off when it is replaced"},
	)
}

func TestOpenErrors(t *testing.T) {
	// What the environment says is not the place's: it is never used.
	t.Setenv("RCLONE_S3_ENDPOINT", "http://127.0.0.1:1")
	t.Setenv("AWS_ACCESS_KEY_ID", "hunter22")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "hunter22")
	s := servers.Versity(t)
	open(t, s, "works")
	gone, none := *s, *s
	gone.Addr, none.Bucket = "127.0.0.1:"+servers.Port(t), "not-there"
	for name, c := range map[string]struct {
		at     address.Address
		secret address.Secret
		want   error
	}{
		"a key that is wrong":        {at(s, "x"), address.Secret{"access_key_id": s.Key, "secret_access_key": "hunter22"}, store.ErrSignIn},
		"a bucket that is not there": {at(&none, "x"), secret(s), store.ErrUnreachable},
		"nobody listens":             {at(&gone, "x"), secret(s), store.ErrUnreachable},
	} {
		_, err := cloud.Open(t.Context(), c.at, c.secret, false)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%s: the error has the secret: %v", name, err)
		}
	}
}

// A service that fails is asked again. What it has stored all the same is found, and is no stranger's; a stranger's is.
func TestServiceFails(t *testing.T) {
	s := servers.Versity(t)
	target, err := url.Parse("http://" + s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	through := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it is signed
	}}
	var fails, stored atomic.Int32 // answers of 500 to come, without and with what was asked for
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPut && fails.Add(-1) >= 0:
			w.WriteHeader(http.StatusInternalServerError)
		case r.Method == http.MethodPut && stored.Add(-1) >= 0:
			through.ServeHTTP(httptest.NewRecorder(), r)
			w.WriteHeader(http.StatusInternalServerError)
		default:
			through.ServeHTTP(w, r)
		}
	}))
	defer proxy.Close()
	failing := *s
	failing.Addr = strings.TrimPrefix(proxy.URL, "http://")
	r := open(t, &failing, "x")
	for name, c := range map[string]struct{ fails, stored int32 }{"a": {fails: 2}, "b": {stored: 1}, "c": {fails: 1, stored: 1}} {
		fails.Store(c.fails)
		stored.Store(c.stored)
		if err := r.Put(t.Context(), name, []byte(name)); err != nil {
			t.Errorf("%d failures, %d behind the object: %v", c.fails, c.stored, err)
		}
		fails.Store(1)
		if err := r.Put(t.Context(), name, []byte("other")); !errors.Is(err, store.ErrExists) {
			t.Errorf("another object is there: %v", err)
		}
	}
	fails.Store(100)
	if err := r.Put(t.Context(), "d", nil); !errors.Is(err, store.ErrUnreachable) || store.IsPermanent(err) {
		t.Errorf("a service that always fails: %v", err)
	}
}

// A bucket that goes away is unreachable, and is not made anew.
func TestBucketGone(t *testing.T) {
	s := servers.Versity(t)
	r := open(t, s, "x")
	if err := r.Put(t.Context(), "packs/aa/1", []byte("x")); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(s.Root, s.Bucket)
	if err := os.Rename(root, filepath.Join(t.TempDir(), "away")); err != nil {
		t.Fatal(err)
	}
	for op, err := range map[string]error{
		"put":   r.Put(t.Context(), "packs/aa/2", nil),
		"read":  r.ReadAt(t.Context(), "packs/aa/1", make([]byte, 1), 0),
		"list":  r.List(t.Context(), "", func(store.Object) error { return nil }),
		"under": r.List(t.Context(), "packs/", func(store.Object) error { return nil }),
	} {
		if !errors.Is(err, store.ErrUnreachable) {
			t.Errorf("%s: %v", op, err)
		}
	}
	if _, err := os.Stat(root); !errors.Is(err, os.ErrNotExist) {
		t.Error("the bucket is made anew")
	}
}
