package gcs_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/storetest"
	"github.com/holdfast-backup/holdfast/remote/bucket"
	"github.com/holdfast-backup/holdfast/remote/gcs"
	"github.com/holdfast-backup/holdfast/remote/servers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// at is a prefix of a bucket, through addr.
func at(addr, bucket, prefix string) address.Address {
	return address.Address{Kind: address.Google, Host: bucket, Path: "/" + prefix, Query: url.Values{"endpoint": {"http://" + addr}}}
}

func secret(file []byte) address.Secret { return address.Secret{address.ServiceAccount: string(file)} }

func open(t *testing.T, s *servers.GCS, addr, prefix string) *bucket.Store {
	t.Helper()
	r, err := gcs.Open(t.Context(), at(addr, s.Bucket, prefix), secret(s.Account))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func TestFakeGCS(t *testing.T) {
	s := servers.FakeGCS(t)
	n := 0
	storetest.Run(t, func(t *testing.T) store.Store {
		n++
		return open(t, s, s.Addr, fmt.Sprint("a prefix/ä%+/", n))
	})
}

// A list of more than one page has each object once.
func TestPages(t *testing.T) {
	s := servers.FakeGCS(t)
	r := open(t, s, s.Addr, "x")
	const objects = 1003 // a page has 1000
	var group sync.WaitGroup
	for g := range 8 {
		group.Go(func() {
			for i := g; i < objects; i += 8 {
				if err := r.Put(t.Context(), fmt.Sprint("packs/", i), nil); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	seen := map[string]bool{}
	if err := r.List(t.Context(), "packs/", func(o store.Object) error {
		if seen[o.Name] {
			t.Errorf("%s is listed twice", o.Name)
		}
		seen[o.Name] = true
		return nil
	}); err != nil {
		t.Error(err)
	}
	if len(seen) != objects {
		t.Errorf("%d objects are listed, want %d", len(seen), objects)
	}
}

func TestOpenErrors(t *testing.T) {
	s := servers.FakeGCS(t)
	here, strange, safe := at(s.Addr, s.Bucket, "x"), at(s.Addr, s.Bucket, "x"), at(s.Addr, s.Bucket, "x")
	strange.Query.Set("endpoint", "host")
	safe.Query.Del("endpoint") // Google's
	servers.OpenErrors(t, map[string]servers.Opening{
		"a key that is wrong": {At: here, Secret: secret(s.OtherKey(t)), Want: store.ErrSignIn},
		"no file":             {At: here, Secret: secret(nil), Want: store.ErrSignIn},
		"another file":        {At: here, Secret: secret([]byte(`{"client_email": "hunter22"}`)), Want: store.ErrSignIn},
		"a file without its key": {At: here, Secret: secret([]byte(`{"client_email": "a", "token_uri": "https://b", "private_key": "x"}`)),
			Want: store.ErrSignIn},
		"tokens in clear":            {At: safe, Secret: secret(s.Account), Want: store.ErrSignIn},
		"an endpoint that is none":   {At: strange, Secret: secret(s.Account), Want: address.ErrInvalid},
		"a bucket that is not there": {At: at(s.Addr, "none", "x"), Secret: secret(s.Account), Want: store.ErrUnreachable},
		"nobody listens": {At: at("127.0.0.1:"+servers.Port(t), s.Bucket, "x"), Secret: secret(s.Account),
			Want: store.ErrUnreachable},
	}, gcs.Open, "PRIVATE")
	if s.Has(t, "none") {
		t.Error("a bucket is made")
	}
}

// One token serves many calls, and one that does not count any more is replaced.
func TestTokens(t *testing.T) {
	s := servers.FakeGCS(t)
	r := open(t, s, s.Addr, "x")
	data := storetest.Bytes(1, 100_000)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			if err := r.Put(t.Context(), fmt.Sprint(i), data); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := s.Given(); n != 1 {
		t.Errorf("%d tokens were asked for", n)
	}
	s.Forget()
	if err := r.Put(t.Context(), "later", data); err != nil {
		t.Error(err)
	}
	got, err := store.ReadAll(t.Context(), r, "later", int64(len(data)))
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("after a second token: %d bytes, %v", len(got), err)
	}
	if n := s.Given(); n != 2 {
		t.Errorf("%d tokens were asked for", n)
	}
}

// A service that fails is asked again. What it has stored all the same is found, and is no stranger's; a stranger's is.
func TestServiceFails(t *testing.T) {
	s := servers.FakeGCS(t)
	servers.ServiceFails(t, s.Addr, http.MethodPost, servers.Troubles, func(addr string) store.Store { return open(t, s, addr, "x") })
}

// What Google documents for its answers. The server of the tests gives none of them.
func TestWhatTheServiceSays(t *testing.T) {
	s := servers.FakeGCS(t)
	var status atomic.Int32
	var reason atomic.Value
	addr := servers.Between(t, s.Addr, func(w http.ResponseWriter, r *http.Request, through http.Handler) {
		if status.Load() == 0 {
			through.ServeHTTP(w, r)
			return
		}
		w.WriteHeader(int(status.Load()))
		_, _ = fmt.Fprintf(w, `{"error": {"code": %d, "errors": [{"domain": "global", "reason": %q}]}}`, status.Load(), reason.Load())
	})
	r := open(t, s, addr, "x")
	for _, c := range []struct {
		status int32
		reason string
		want   error
	}{
		{401, "authError", store.ErrSignIn}, {403, "forbidden", store.ErrPermission}, {403, "retentionPolicyNotMet", store.ErrPermission},
		{403, "quotaExceeded", store.ErrNoSpace}, {403, "rateLimitExceeded", store.ErrUnreachable}, {413, "uploadTooLarge", store.ErrTooLarge},
		{400, "invalid", store.ErrUnreachable}, {507, "", store.ErrNoSpace}, {503, "backendError", store.ErrUnreachable},
	} {
		status.Store(c.status)
		reason.Store(c.reason)
		if err := r.Delete(t.Context(), "a"); !errors.Is(err, c.want) {
			t.Errorf("%d %s: %v, want %v", c.status, c.reason, err, c.want)
		}
	}
}

// Bytes that change on the way are refused.
func TestBytesChangeOnTheWay(t *testing.T) {
	s := servers.FakeGCS(t)
	servers.BytesChange(t, s.Addr, http.MethodPost, func(addr string) store.Store { return open(t, s, addr, "x") })
}

// A bucket that goes away is unreachable, and is not made anew.
func TestBucketGone(t *testing.T) {
	s := servers.FakeGCS(t)
	r := open(t, s, s.Addr, "x")
	storetest.Gone(t, r, func() { s.Remove(t, s.Bucket, "x/packs/aa/1") }, func() bool { return s.Has(t, s.Bucket) })
}
