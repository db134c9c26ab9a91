package webdav_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
	for name, c := range map[string]struct {
		at     address.Address
		secret address.Secret
		want   error
	}{
		"a password that is wrong":   {at(s, "/"), address.Secret{address.Password: "hunter22"}, store.ErrSignIn},
		"no password":                {at(s, "/"), nil, store.ErrSignIn},
		"a folder that is not there": {at(s, "/none"), good, store.ErrUnreachable},
		"nobody listens":             {at(&gone, "/"), good, store.ErrUnreachable},
	} {
		_, err := webdav.Open(t.Context(), c.at, c.secret, false)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%s: the error has the secret: %v", name, err)
		}
	}
}

// A folder that goes away is unreachable, and is not made anew.
func TestFolderGone(t *testing.T) {
	s := servers.Apache(t)
	r := open(t, s, "/here")
	if err := r.Put(t.Context(), "packs/aa/1", []byte("x")); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(s.Root, "here")
	if err := os.Rename(root, root+".away"); err != nil {
		t.Fatal(err)
	}
	for op, err := range map[string]error{
		"put":    r.Put(t.Context(), "packs/aa/2", nil),
		"below":  r.Put(t.Context(), "packs/bb/2", nil),
		"top":    r.Put(t.Context(), "x", nil),
		"read":   r.ReadAt(t.Context(), "packs/aa/1", make([]byte, 1), 0),
		"delete": r.Delete(t.Context(), "packs/aa/1"),
		"list":   r.List(t.Context(), "", func(store.Object) error { return nil }),
		"under":  r.List(t.Context(), "packs/", func(store.Object) error { return nil }),
	} {
		if !errors.Is(err, store.ErrUnreachable) {
			t.Errorf("%s: %v", op, err)
		}
	}
	if _, err := os.Stat(root); !errors.Is(err, os.ErrNotExist) {
		t.Error("the folder is made anew")
	}
}
