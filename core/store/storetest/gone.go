package storetest

import (
	"errors"
	"slices"
	"testing"

	"github.com/holdfast-backup/holdfast/core/store"
)

// Gone tests a store whose place goes away: it is unreachable to each call, and never empty. away takes it away, and
// isBack reports whether somebody has made it anew. Calls in mayWork may still find what is there, where the server holds
// on to what it has open.
func Gone(t *testing.T, s store.Store, away func(), isBack func() bool, mayWork ...string) {
	t.Helper()
	if err := s.Put(t.Context(), "packs/aa/1", []byte("x")); err != nil {
		t.Fatal(err)
	}
	away()
	_, stat := s.Stat(t.Context(), "packs/aa/1")
	for op, err := range map[string]error{
		"put":                 s.Put(t.Context(), "packs/aa/2", nil),
		"put in a new folder": s.Put(t.Context(), "packs/bb/2", nil),
		"put at the top":      s.Put(t.Context(), "x", nil),
		"replace":             s.Replace(t.Context(), "packs/aa/1", nil),
		"read":                s.ReadAt(t.Context(), "packs/aa/1", make([]byte, 1), 0),
		"stat":                stat,
		"delete":              s.Delete(t.Context(), "packs/aa/1"),
		"list":                s.List(t.Context(), "", func(store.Object) error { return nil }),
		"list below":          s.List(t.Context(), "packs/", func(store.Object) error { return nil }),
	} {
		if !errors.Is(err, store.ErrUnreachable) && (err != nil || !slices.Contains(mayWork, op)) {
			t.Errorf("%s: %v", op, err)
		}
	}
	if isBack() {
		t.Error("it is made anew")
	}
}
