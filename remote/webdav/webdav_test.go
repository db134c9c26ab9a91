package webdav_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/storetest"
	"github.com/holdfast-backup/holdfast/remote/servers"
	"github.com/holdfast-backup/holdfast/remote/webdav"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func at(s *servers.WebDAV, folder string) address.Address {
	return address.Address{Kind: address.WebDAVIn, User: s.User, Host: s.Addr, Path: folder}
}

func open(t *testing.T, s *servers.WebDAV, folder string) *webdav.Store {
	t.Helper()
	r, err := webdav.Open(t.Context(), at(s, folder), address.Secret{address.Password: s.Password}, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func TestApache(t *testing.T) {
	s := servers.Apache(t)
	n := 0
	storetest.Run(t, func(t *testing.T) store.Store {
		n++
		return open(t, s, fmt.Sprint("/a folder/ä%/", n))
	})
}

func TestRclone(t *testing.T) {
	s := servers.RcloneWebDAV(t)
	n := 0
	storetest.Run(t, func(t *testing.T) store.Store {
		n++
		return open(t, s, fmt.Sprint("/a folder/ä%/", n))
	},
		storetest.Limit{Test: "one of many puts wins", Why: "it ignores If-None-Match, and lets two make one folder at once"},
		storetest.Limit{Test: "readers see the old or the new object whole", Why: "it writes in place"},
	)
}

func TestOpenErrors(t *testing.T) {
	s := servers.Apache(t)
	good := address.Secret{address.Password: s.Password}
	gone := *s
	gone.Addr = "127.0.0.1:" + servers.Port(t)
	servers.OpenErrors(t, map[string]servers.Opening{
		"a password that is wrong":   {At: at(s, "/"), Secret: address.Secret{address.Password: "hunter22"}, Want: store.ErrSignIn},
		"no password":                {At: at(s, "/"), Want: store.ErrSignIn},
		"a folder that is not there": {At: at(s, "/none"), Secret: good, Want: store.ErrUnreachable},
		"nobody listens":             {At: at(&gone, "/"), Secret: good, Want: store.ErrUnreachable},
	}, func(ctx context.Context, a address.Address, secret address.Secret) (*webdav.Store, error) {
		return webdav.Open(ctx, a, secret, false)
	})
}

// A folder that goes away is unreachable, and is not made anew.
func TestFolderGone(t *testing.T) {
	s := servers.Apache(t)
	root := filepath.Join(s.Root, "here")
	storetest.Gone(t, open(t, s, "/here"), servers.Away(t, root, root+".away"), servers.IsThere(root))
}

// A server that knows no ranges gives the same bytes, also to many at once.
func TestNoRanges(t *testing.T) {
	s := servers.Apache(t)
	plain := *s
	plain.Addr = servers.Between(t, s.Addr, func(w http.ResponseWriter, r *http.Request, through http.Handler) {
		r.Header.Del("Range")
		through.ServeHTTP(w, r)
	})
	r := open(t, &plain, "/x")
	data := storetest.Bytes(1, 300_000)
	if err := r.Put(t.Context(), "packs/a", data); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for i := range 32 {
		group.Go(func() {
			p := make([]byte, 1000)
			if err := r.ReadAt(t.Context(), "packs/a", p, int64(1000*i)); err != nil || !bytes.Equal(p, data[1000*i:][:1000]) {
				t.Error(err)
			}
			if err := r.ReadAt(t.Context(), "packs/a", p, 299_001); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("over the end: %v", err)
			}
		})
	}
	group.Wait()
}
