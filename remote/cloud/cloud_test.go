package cloud_test

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
	servers.OpenErrors(t, map[string]servers.Opening{
		"a key that is wrong": {At: at(s, "x"), Secret: address.Secret{"access_key_id": s.Key, "secret_access_key": "hunter22"},
			Want: store.ErrSignIn},
		"a bucket that is not there": {At: at(&none, "x"), Secret: secret(s), Want: store.ErrUnreachable},
		"nobody listens":             {At: at(&gone, "x"), Secret: secret(s), Want: store.ErrUnreachable},
	}, func(ctx context.Context, a address.Address, secret address.Secret) (*cloud.Store, error) {
		return cloud.Open(ctx, a, secret, false)
	})
}

// A service that fails is asked again. What it has stored all the same is found, and is no stranger's; a stranger's is.
func TestServiceFails(t *testing.T) {
	s := servers.Versity(t)
	troubles := []servers.Trouble{{Status: 500, Fails: 2}, {Status: 500, Stored: 1}, {Status: 500, Fails: 1, Stored: 1}}
	servers.ServiceFails(t, s.Addr, http.MethodPut, troubles, func(addr string) store.Store {
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
