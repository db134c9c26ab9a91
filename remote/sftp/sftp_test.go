package sftp_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/storetest"
	"github.com/holdfast-backup/holdfast/remote/servers"
	"github.com/holdfast-backup/holdfast/remote/sftp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func at(s *servers.SSH, folder string) address.Address {
	return address.Address{Kind: address.SFTP, User: s.User, Host: s.Addr, Path: folder}
}

func secret(s *servers.SSH) address.Secret {
	if s.Key == "" {
		return address.Secret{address.Password: s.Password, address.Identity: s.Host}
	}
	return address.Secret{address.Key: s.Key, address.Identity: s.Host}
}

func open(t *testing.T, s *servers.SSH, folder string) *sftp.Store {
	t.Helper()
	r, err := sftp.Open(t.Context(), at(s, folder), secret(s), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func TestOpenSSH(t *testing.T) {
	s := servers.OpenSSH(t)
	n := 0
	storetest.Run(t, func(t *testing.T) store.Store {
		n++
		return open(t, s, filepath.Join(s.Root, fmt.Sprint("a folder/", n)))
	})
	filepath.WalkDir(s.Root, func(path string, _ os.DirEntry, err error) error { //nolint:errcheck // err is told below
		if err != nil || strings.HasPrefix(filepath.Base(path), ".holdfast-") {
			t.Errorf("%s stays: %v", path, err)
		}
		return nil
	})
}

func TestRclone(t *testing.T) {
	s := servers.RcloneSFTP(t)
	n := 0
	storetest.Run(t, func(t *testing.T) store.Store {
		n++
		return open(t, s, fmt.Sprint("/a folder/", n))
	},
		storetest.Limit{Test: "one of many puts wins", Why: "it knows no links, and its rename replaces"},
		storetest.Limit{Test: "readers see the old or the new object whole", Why: "its rename takes the old file away first"},
	)
}

// A put whose answer is lost never meets its own object: it says that nobody knows, also on a connection that rested.
func TestAnAnswerIsLost(t *testing.T) {
	s := servers.OpenSSH(t)
	p := servers.NewProxy(t, s.Addr)
	behind := *s
	behind.Addr = p.Addr
	r := open(t, &behind, s.Root)
	data := storetest.Bytes(1, 2_000)
	died, done := 0, 0
	for lost := int64(1); done < 3; lost++ { // the first answer that is lost, of all that a put has
		if err := r.Put(t.Context(), fmt.Sprint("packs/aa/rested-", lost), data); err != nil {
			t.Fatal(err)
		}
		var answers atomic.Int64
		p.See(func(b []byte, answer bool) {
			if n := len(b); answer && n > 0 && answers.Add(1) == lost {
				b[n-1] ^= 1 // the client takes it for forged, and ends the connection
			}
		})
		name := fmt.Sprint("packs/aa/", lost)
		err := r.Put(t.Context(), name, data)
		p.See(func([]byte, bool) {})
		got, there := store.ReadAll(t.Context(), r, name, 3_000)
		switch {
		case err == nil && there == nil && bytes.Equal(got, data):
		case errors.Is(err, store.ErrUnreachable) && !store.IsPermanent(err):
			died++
		default:
			t.Errorf("answer %d is lost: %v; then %d bytes are there, %v", lost, err, len(got), there)
		}
		if answers.Load() < lost { // it has no more of them
			done++
		}
	}
	if died == 0 {
		t.Error("no put came to know nothing")
	}
}

// Nobody is believed who was not agreed to, and who was agreed to is not forgotten.
func TestIdentity(t *testing.T) {
	s := servers.OpenSSH(t)
	var identity *store.IdentityError
	_, err := sftp.Open(t.Context(), at(s, s.Root), address.Secret{address.Key: s.Key}, false)
	if !errors.As(err, &identity) || identity.Changed || identity.Key != s.Host || identity.Server != s.Addr ||
		!strings.HasPrefix(identity.Fingerprint, "SHA256:") {
		t.Fatalf("a server that nobody knows: %v", err)
	}
	if r, err := sftp.Open(t.Context(), at(s, s.Root), address.Secret{address.Key: s.Key, address.Identity: identity.Key}, false); err != nil {
		t.Error(err)
	} else {
		_ = r.Close() // only opened
	}
	_, other := servers.Key(t)
	_, err = sftp.Open(t.Context(), at(s, s.Root), address.Secret{address.Key: s.Key, address.Identity: other}, false)
	if !errors.As(err, &identity) || !identity.Changed {
		t.Errorf("a server with another key: %v", err)
	}
}

func TestOpenErrors(t *testing.T) {
	s := servers.OpenSSH(t)
	stranger, _ := servers.Key(t)
	gone := *s
	gone.Addr = "127.0.0.1:" + servers.Port(t)
	servers.Write(t, filepath.Join(s.Root, "file"), "x")
	for name, c := range map[string]struct {
		at     address.Address
		secret address.Secret
		want   error
	}{
		"a key that opens nothing": {at(s, s.Root), address.Secret{address.Key: stranger, address.Identity: s.Host}, store.ErrSignIn},
		"a password that is wrong": {at(s, s.Root), address.Secret{address.Password: "no", address.Identity: s.Host}, store.ErrSignIn},
		"no key at all": {at(s, s.Root), address.Secret{address.Key: "-----BEGIN nonsense", address.Identity: s.Host},
			store.ErrSignIn},
		"a folder that is not there": {at(s, s.Root+"/none"), secret(s), store.ErrUnreachable},
		"a file":                     {at(s, s.Root+"/file"), secret(s), store.ErrUnreachable},
		"nobody listens":             {at(&gone, s.Root), secret(s), store.ErrUnreachable},
	} {
		_, err := sftp.Open(t.Context(), c.at, c.secret, false)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "nonsense") {
			t.Errorf("%s: the error has the secret: %v", name, err)
		}
	}
}

// A folder that goes away is unreachable, and is not made anew.
func TestFolderGone(t *testing.T) {
	s := servers.OpenSSH(t)
	root := filepath.Join(s.Root, "here")
	r := open(t, s, root)
	if err := r.Put(t.Context(), "packs/aa/1", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(root, root+".away"); err != nil {
		t.Fatal(err)
	}
	calls := map[string]error{
		"put":    r.Put(t.Context(), "packs/aa/2", nil),
		"read":   r.ReadAt(t.Context(), "packs/aa/1", make([]byte, 1), 0),
		"delete": r.Delete(t.Context(), "packs/aa/1"),
		"list":   r.List(t.Context(), "", func(store.Object) error { return nil }),
		"under":  r.List(t.Context(), "packs/", func(store.Object) error { return nil }),
	}
	for op, err := range calls {
		if !errors.Is(err, store.ErrUnreachable) {
			t.Errorf("%s: %v", op, err)
		}
	}
	if _, err := os.Stat(root); !errors.Is(err, os.ErrNotExist) {
		t.Error("the folder is made anew")
	}
}

func TestFreeAndLeftovers(t *testing.T) {
	s := servers.OpenSSH(t)
	r := open(t, s, s.Root)
	if n, err := r.Free(t.Context()); err != nil || n == 0 {
		t.Errorf("%d, %v", n, err)
	}
	old := servers.Write(t, filepath.Join(s.Root, "packs/aa/.holdfast-0011223344556677"), "half")
	fresh := servers.Write(t, filepath.Join(s.Root, "packs/aa/.holdfast-8899aabbccddeeff"), "half")
	before := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(old, before, before); err != nil {
		t.Fatal(err)
	}
	if n, err := r.CleanTemporary(t.Context(), 24*time.Hour); n != 1 || err != nil {
		t.Errorf("%d are removed: %v", n, err)
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Error(err)
	}
}
