package s3_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/storetest"
	"github.com/holdfast-backup/holdfast/remote/bucket"
	"github.com/holdfast-backup/holdfast/remote/s3"
	"github.com/holdfast-backup/holdfast/remote/servers"
)

func at(s *servers.S3, prefix string) address.Address {
	return address.Address{Kind: address.S3, Host: s.Bucket, Path: "/" + prefix, Query: url.Values{"endpoint": {"http://" + s.Addr}}}
}

func secret(s *servers.S3) address.Secret {
	return address.Secret{"access_key_id": s.Key, "secret_access_key": s.Secret}
}

func open(t *testing.T, s *servers.S3, prefix string) *bucket.Store {
	t.Helper()
	r, err := s3.Open(t.Context(), at(s, prefix), secret(s), false)
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
		storetest.Limit{Test: "many goroutines", Why: "it removes a folder with its last object, and may lose one that is just put there"},
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
	servers.OpenErrors(t, map[string]servers.Opening{
		"a key that is wrong": {At: at(s, "x"), Secret: address.Secret{"access_key_id": s.Key, "secret_access_key": "hunter22"},
			Want: store.ErrSignIn},
		"a bucket that is not there": {At: at(&none, "x"), Secret: secret(s), Want: store.ErrUnreachable},
		"nobody listens":             {At: at(&gone, "x"), Secret: secret(s), Want: store.ErrUnreachable},
	}, func(ctx context.Context, a address.Address, secret address.Secret) (*bucket.Store, error) {
		return s3.Open(ctx, a, secret, false)
	})
}

// A service that fails is asked again. What it has stored all the same is found, and is no stranger's; a stranger's is.
func TestServiceFails(t *testing.T) {
	s := servers.Versity(t)
	servers.ServiceFails(t, s.Addr, http.MethodPut, servers.Troubles, func(addr string) store.Store {
		failing := *s
		failing.Addr = addr
		return open(t, &failing, "x")
	})
}

// A bucket that goes away is unreachable, and is not made anew.
func TestBucketGone(t *testing.T) {
	s := servers.Versity(t)
	root := filepath.Join(s.Root, s.Bucket)
	storetest.Gone(t, open(t, s, "x"), servers.Away(t, root, filepath.Join(t.TempDir(), "away")), servers.IsThere(root))
}

// The service refuses bytes that were changed on the way.
func TestBytesChange(t *testing.T) {
	s := servers.Versity(t)
	servers.BytesChange(t, s.Addr, http.MethodPut, func(addr string) store.Store {
		changing := *s
		changing.Addr = addr
		return open(t, &changing, "x")
	})
}

// A bucket that is not there is made where that is wanted, once.
func TestABucketIsMade(t *testing.T) {
	s := servers.Versity(t)
	fresh := *s
	fresh.Bucket = "fresh"
	for range 2 {
		r, err := s3.Open(t.Context(), at(&fresh, "x"), secret(s), true)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if !servers.IsThere(filepath.Join(s.Root, "fresh"))() {
		t.Error("there is no bucket")
	}
}

// A list of more than one page has each object once.
func TestPages(t *testing.T) {
	s := servers.Versity(t)
	r := open(t, s, "x")
	const objects = 1003 // a page has 1000
	for i := range objects {
		servers.Write(t, filepath.Join(s.Root, s.Bucket, "x", "packs", fmt.Sprint(i)), "a")
	}
	seen := map[string]bool{}
	if err := r.List(t.Context(), "packs/", func(o store.Object) error {
		seen[o.Name] = true
		return nil
	}); err != nil || len(seen) != objects {
		t.Errorf("%d objects are listed, want %d: %v", len(seen), objects, err)
	}
}
