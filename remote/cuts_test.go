package main_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"testing"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/storetest"
	"github.com/holdfast-backup/holdfast/remote/azure"
	"github.com/holdfast-backup/holdfast/remote/cloud"
	"github.com/holdfast-backup/holdfast/remote/gcs"
	"github.com/holdfast-backup/holdfast/remote/servers"
	"github.com/holdfast-backup/holdfast/remote/sftp"
	"github.com/holdfast-backup/holdfast/remote/smb"
	"github.com/holdfast-backup/holdfast/remote/webdav"
)

// Whenever a connection is cut: what was acknowledged is there, what was there stays, nothing is said to be missing
// that is there, and the next call goes on.
func TestConnectionsAreCut(t *testing.T) {
	t.Run("OpenSSH", func(t *testing.T) {
		t.Parallel()
		s := servers.OpenSSH(t)
		cuts(t, s.Addr, func(t *testing.T, addr string) (store.Store, error) {
			a := address.Address{Kind: address.SFTP, User: s.User, Host: addr, Path: s.Root}
			return open(sftp.Open(t.Context(), a, address.Secret{address.Key: s.Key, address.Identity: s.Host}, false))
		})
	})
	t.Run("Apache", func(t *testing.T) {
		t.Parallel()
		s := servers.Apache(t)
		cuts(t, s.Addr, func(t *testing.T, addr string) (store.Store, error) {
			a := address.Address{Kind: address.WebDAVIn, User: s.User, Host: addr, Path: "/"}
			return open(webdav.Open(t.Context(), a, address.Secret{address.Password: s.Password}, false))
		})
	})
	t.Run("versitygw", func(t *testing.T) {
		t.Parallel()
		s := servers.Versity(t)
		cuts(t, s.Addr, func(t *testing.T, addr string) (store.Store, error) {
			a := address.Address{Kind: address.S3, Host: s.Bucket, Path: "/x", Query: url.Values{"endpoint": {"http://" + addr}}}
			return open(cloud.Open(t.Context(), a, address.Secret{"access_key_id": s.Key, "secret_access_key": s.Secret}, false))
		})
	})
	t.Run("Azurite", func(t *testing.T) {
		t.Parallel()
		s := servers.Azurite(t)
		cuts(t, s.Addr, func(t *testing.T, addr string) (store.Store, error) {
			q := url.Values{"account": {s.Account}, "endpoint": {"http://" + addr + "/" + s.Account}}
			a := address.Address{Kind: address.Azure, Host: s.Container, Path: "/x", Query: q}
			return open(azure.Open(t.Context(), a, address.Secret{address.AccountKey: s.Key}, false))
		})
	})
	t.Run("fake-gcs-server", func(t *testing.T) {
		t.Parallel()
		s := servers.FakeGCS(t)
		cuts(t, s.Addr, func(t *testing.T, addr string) (store.Store, error) {
			a := address.Address{Kind: address.Google, Host: s.Bucket, Path: "/x", Query: url.Values{"endpoint": {"http://" + addr}}}
			return open(gcs.Open(t.Context(), a, address.Secret{address.ServiceAccount: string(s.Account)}))
		})
	})
	t.Run("Samba", func(t *testing.T) {
		t.Parallel()
		s := servers.Samba(t)
		cuts(t, s.Addr, func(t *testing.T, addr string) (store.Store, error) {
			a := address.Address{Kind: address.SMB, User: s.User, Host: addr, Path: "/" + s.Share}
			return open(smb.Open(t.Context(), a, address.Secret{address.Password: s.Password}, false))
		})
	})
}

func open[S store.Store](s S, err error) (store.Store, error) { return s, err }

func cuts(t *testing.T, server string, open func(t *testing.T, addr string) (store.Store, error)) {
	p := servers.NewProxy(t, server)
	s, err := open(t, p.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	straight, err := open(t, server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = straight.Close() })
	data := storetest.Bytes(1, 100_000)
	if err := s.Put(t.Context(), "packs/aa/first", data); err != nil {
		t.Fatal(err)
	}
	if err := s.Replace(t.Context(), "holdfast.json", data); err != nil {
		t.Fatal(err)
	}
	n := 0
	for op, call := range map[string]func(ctx context.Context) error{
		"put": func(ctx context.Context) error {
			n++
			name := fmt.Sprintf("packs/bb/%d", n)
			err := s.Put(ctx, name, data)
			got, there := store.ReadAll(t.Context(), straight, name, 200_000)
			switch {
			case there == nil && !bytes.Equal(got, data):
				t.Errorf("%s is there with %d other bytes", name, len(got))
			case there != nil && !errors.Is(there, store.ErrNotExist):
				t.Errorf("%s: %v", name, there)
			case err == nil && there != nil:
				t.Errorf("%s is acknowledged and not there", name)
			}
			return err
		},
		"put over": func(ctx context.Context) error {
			err := s.Put(ctx, "packs/aa/first", data[:50])
			if err == nil {
				t.Error("an object is overwritten")
			} else if errors.Is(err, store.ErrExists) {
				err = nil
			}
			return err
		},
		"replace": func(ctx context.Context) error { return s.Replace(ctx, "holdfast.json", data) },
		"read": func(ctx context.Context) error {
			got := make([]byte, len(data))
			err := s.ReadAt(ctx, "packs/aa/first", got, 0)
			if err == nil && !bytes.Equal(got, data) {
				t.Error("read: other bytes")
			}
			return err
		},
		"stat": func(ctx context.Context) error { _, err := s.Stat(ctx, "packs/aa/first"); return err },
		"list": func(ctx context.Context) error {
			first := false
			err := s.List(ctx, "packs/", func(o store.Object) error { first = first || o.Name == "packs/aa/first"; return nil })
			if err == nil && !first {
				t.Error("a list that was cut off is taken for whole")
			}
			return err
		},
		"delete": func(ctx context.Context) error { return s.Delete(ctx, fmt.Sprintf("packs/bb/%d", n)) },
	} {
		died := 0
		for _, after := range []int64{0, 50, 400, 1_500, 3_000, 60_000, 99_000, 101_500} {
			p.CutAfter(after)
			err := call(t.Context())
			p.Heal()
			switch {
			case err == nil:
			case !errors.Is(err, store.ErrUnreachable) || store.IsPermanent(err):
				t.Errorf("%s, cut after %d bytes: %v", op, after, err)
			default:
				died++
			}
			for _, name := range []string{"packs/aa/first", "holdfast.json"} {
				got := make([]byte, len(data))
				err := s.ReadAt(t.Context(), name, got, 0)
				for tries := 0; errors.Is(err, store.ErrUnreachable) && tries < 8; tries++ { // connections that rested are cut too
					err = s.ReadAt(t.Context(), name, got, 0)
				}
				if err != nil || !bytes.Equal(got, data) {
					t.Fatalf("%s, cut after %d bytes: %s is gone: %v", op, after, name, err)
				}
			}
		}
		if died == 0 {
			t.Errorf("%s met no cut", op)
		}
	}
}
