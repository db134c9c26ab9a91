package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/remote/wire"
	"github.com/holdfast-backup/holdfast/core/store/storetest"
	main "github.com/holdfast-backup/holdfast/remote"
	"github.com/holdfast-backup/holdfast/remote/servers"
)

// Whenever a connection is cut: what was acknowledged is there, what was there stays, nothing is said to be missing
// that is there, and the next call goes on.
func TestConnectionsAreCut(t *testing.T) {
	for name, k := range kinds {
		if k.second {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cuts(t, k.start(t))
		})
	}
}

// opened opens a place in this process.
func opened(t *testing.T, at server) store.Store {
	t.Helper()
	secret, err := json.Marshal(at.secret)
	if err != nil {
		t.Fatal(err)
	}
	s, err := main.OpenPlace(t.Context(), wire.Open{Place: at.place, Secret: secret, Create: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func cuts(t *testing.T, r running) {
	p := servers.NewProxy(t, r.addr)
	s, straight := opened(t, r.at(p.Addr)), opened(t, r.here())
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
