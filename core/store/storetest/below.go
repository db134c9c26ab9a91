package storetest

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core/store"
)

// lookBelow tests store.BelowLooker, where a store is one: the folders with the object are told of, each once, and no others.
func lookBelow(t *testing.T, s store.Store) {
	looker, ok := s.(store.BelowLooker)
	if !ok {
		return
	}
	look := store.Look{Object: "holdfast.json", MaxBytes: 1000, Newest: "snapshots"}
	found := func() map[string][]byte {
		all := make(map[string][]byte)
		must(t, looker.LookBelow(t.Context(), look, func(b store.Below) error {
			if _, twice := all[b.Folder]; twice {
				t.Errorf("%s is told of twice", b.Folder)
			}
			age, knows := time.Since(b.Changed), s.Properties().Location != "memory"
			if knows && (age > 24*time.Hour || age < -24*time.Hour) {
				t.Errorf("%s was changed at %v", b.Folder, b.Changed)
			}
			all[b.Folder] = b.Data
			return nil
		}))
		return all
	}
	if all := found(); len(all) != 0 {
		t.Errorf("in an empty place: %v", all)
	}
	want := map[string][]byte{"work": Bytes(1, 1000), "home": Bytes(2, 1), "home-2": nil}
	for name, data := range want {
		must(t, s.Put(t.Context(), name+"/holdfast.json", data))
		must(t, s.Put(t.Context(), name+"/snapshots/1", data))
	}
	for _, name := range []string{"holdfast.json", "none/other", "deep/er/holdfast.json", "large/holdfast.json", "packs/aa/1"} {
		must(t, s.Put(t.Context(), name, Bytes(3, 1001)))
	}
	all := found()
	for name, data := range want {
		if got, there := all[name]; !there || !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes, there: %t", name, len(got), there)
		}
		delete(all, name)
	}
	if len(all) != 0 {
		t.Errorf("it is told of %v", all)
	}

	mine := errors.New("of the caller")
	if err := looker.LookBelow(t.Context(), look, func(store.Below) error { return mine }); !errors.Is(err, mine) {
		t.Errorf("an error of fn: %v", err)
	}
	nothing := func(store.Below) error { return nil }
	for _, bad := range []store.Look{{Object: "../holdfast.json", Newest: "a"}, {Object: "a", Newest: "/etc"}, {}} {
		wantErr(t, "look for "+bad.Object, looker.LookBelow(t.Context(), bad, nothing), store.ErrInvalidName)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	wantErr(t, "look", looker.LookBelow(ended, look, nothing), context.Canceled)
}
