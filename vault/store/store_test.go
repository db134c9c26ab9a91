package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/vault/hsm/hsmtest"
	"github.com/holdfast-backup/holdfast/vault/store"
	"github.com/holdfast-backup/holdfast/vault/store/storetest"
)

func TestMemoryStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Maker {
		return storetest.Maker{Forgets: true, Open: func(*testing.T) store.Store { return store.NewMemory() }}
	})
}

func TestBoltStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Maker {
		path := filepath.Join(t.TempDir(), "store.db")
		return storetest.Maker{Open: func(t *testing.T) store.Store {
			s, err := store.OpenBolt(path)
			must(t, err)
			return s
		}}
	})
}

func TestTokenStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Maker {
		h := hsmtest.Open(t)
		return storetest.Maker{Open: func(t *testing.T) store.Store {
			s, err := store.OpenToken(t.Context(), h)
			must(t, err)
			return s
		}}
	})
}

func TestBoltIsForOneProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s, err := store.OpenBolt(path)
	must(t, err)
	defer s.Close() //nolint:errcheck // a test's
	if _, err := store.OpenBolt(path); !errors.Is(err, store.ErrInUse) {
		t.Error(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	if err := os.WriteFile(path+"2", make([]byte, 20000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.OpenBolt(path + "2"); err == nil {
		t.Error("zeros were opened as a store")
	}
}

// A commit that was cut off between the new object and the removal of the old
// one: the newer counts.
func TestTokenStoreAfterACrash(t *testing.T) {
	h := hsmtest.Open(t)
	s, err := store.OpenToken(t.Context(), h)
	must(t, err)
	must(t, s.Commit(t.Context(), []store.Change{{Key: store.Key{1}, New: []byte("old")}}))
	before, err := h.Objects(t.Context())
	must(t, err)
	must(t, s.Commit(t.Context(), []store.Change{{Key: store.Key{1}, Old: []byte("old"), New: []byte("new")}}))
	must(t, h.PutObject(t.Context(), before[0]))
	other, err := store.OpenToken(t.Context(), h)
	must(t, err)
	if got, err := other.Get(t.Context(), store.Key{1}); err != nil || string(got) != "new" {
		t.Errorf("%q %v", got, err)
	}
	if all, err := h.Objects(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%d objects, %v", len(all), err)
	}
	// Two that use one token notice each other.
	must(t, other.Commit(t.Context(), []store.Change{{Key: store.Key{2}, New: []byte("x")}}))
	if err := s.Commit(t.Context(), []store.Change{{Key: store.Key{3}, New: []byte("x")}}); !errors.Is(err, store.ErrConflict) {
		t.Error(err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
