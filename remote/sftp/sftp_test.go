package sftp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

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
	servers.NoLeftovers(t, s.Root)
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
	servers.OpenErrors(t, map[string]servers.Opening{
		"a key that opens nothing": {At: at(s, s.Root), Secret: address.Secret{address.Key: stranger, address.Identity: s.Host},
			Want: store.ErrSignIn},
		"a password that is wrong": {At: at(s, s.Root), Secret: address.Secret{address.Password: "no", address.Identity: s.Host},
			Want: store.ErrSignIn},
		"no key at all": {At: at(s, s.Root),
			Secret: address.Secret{address.Key: "-----BEGIN " + servers.Planted, address.Identity: s.Host}, Want: store.ErrSignIn},
		"a folder that is not there": {At: at(s, s.Root+"/none"), Secret: secret(s), Want: store.ErrUnreachable},
		"a file":                     {At: at(s, s.Root+"/file"), Secret: secret(s), Want: store.ErrUnreachable},
		"nobody listens":             {At: at(&gone, s.Root), Secret: secret(s), Want: store.ErrUnreachable},
	}, func(ctx context.Context, a address.Address, secret address.Secret) (*sftp.Store, error) {
		return sftp.Open(ctx, a, secret, false)
	})
}

// A folder that goes away is unreachable, and is not made anew.
func TestFolderGone(t *testing.T) {
	s := servers.OpenSSH(t)
	root := filepath.Join(s.Root, "here")
	storetest.Gone(t, open(t, s, root), servers.Away(t, root, root+".away"), servers.IsThere(root))
}

func TestFreeAndLeftovers(t *testing.T) {
	s := servers.OpenSSH(t)
	servers.FreeAndLeftovers(t, s.Root, open(t, s, s.Root))
}

// Of the folders at a server, those are told of that show as what they are; links lead nowhere.
func TestLookBelowAtAHostileServer(t *testing.T) {
	s := servers.OpenSSH(t)
	elsewhere := t.TempDir()
	servers.Write(t, filepath.Join(elsewhere, "holdfast.json"), "elsewhere")
	for _, name := range []string{"Ann's laptop", "Holdfast", "line\nbreak", "escape\x1b[31m", "turned\u202e", "invalid\xff", ".hidden", "~"} {
		servers.Write(t, filepath.Join(s.Root, name, "holdfast.json"), "header")
	}
	servers.Write(t, filepath.Join(s.Root, "empty", "other"), "")
	for link, to := range map[string]string{"link": elsewhere, "up": "..", "empty/holdfast.json": filepath.Join(elsewhere, "holdfast.json")} {
		if err := os.Symlink(to, filepath.Join(s.Root, link)); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	look := store.Look{Object: "holdfast.json", MaxBytes: 100, Newest: "snapshots"}
	if err := open(t, s, s.Root).LookBelow(t.Context(), look, func(b store.Below) error {
		names = append(names, b.Folder)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	if want := []string{"Ann's laptop", "Holdfast"}; !slices.Equal(names, want) {
		t.Errorf("%q", names)
	}
}
