package core_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/filetest"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/store"
)

// claimUnencrypted puts a header at a place that says that there is no encryption, under an epoch of the cloud's choice.
func claimUnencrypted(t *testing.T, dest string, epoch [32]byte) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dest, "holdfast.json"))
	if err != nil {
		t.Fatal(err)
	}
	var h cloudHeader
	if err := json.Unmarshal(b, &h); err != nil {
		t.Fatal(err)
	}
	c := newCloud(t, nil)
	c.id, _ = hex.DecodeString(h.Repository)
	m := store.NewMemory()
	c.forgePlainHeader(m, epoch)
	if err := os.WriteFile(filepath.Join(dest, "holdfast.json"), contents(t, m)["holdfast.json"], 0o600); err != nil {
		t.Fatal(err)
	}
}

// With a key, a place that claims to be unencrypted is refused by everything that a new computer does.
func TestAKeyRefusesAPlaceThatClaimsToBeUnencrypted(t *testing.T) {
	ctx := context.Background()
	c, key := newComputer(t), newKey(t)
	filetest.Small(t, c.src, 1)
	c.setup(key)
	c.backup()
	claimUnencrypted(t, c.dest, [32]byte{1})
	if _, err := elsewhere.OpenReader(ctx, c.dest, key); !errors.Is(err, core.ErrUnprotected) {
		t.Errorf("to read: %v", err)
	}
	other := newComputer(t)
	filetest.Small(t, other.src, 2)
	err := other.do(func(a *core.App) error {
		return a.Setup(ctx, core.SetupRequest{Destination: c.dest, Sources: []string{other.src}, Key: key, Existing: true})
	})
	if !errors.Is(err, core.ErrUnprotected) {
		t.Errorf("to join: %v", err)
	}
	other.must(func(a *core.App) error {
		if st := a.Status(); st.SetUp {
			t.Errorf("it is set up: %+v", st)
		}
		return nil
	})
	if err := c.do(func(a *core.App) error { _, err := a.Backup(ctx, nil); return err }); !errors.Is(err, core.ErrDowngraded) {
		t.Errorf("its own computer: %v", err)
	}
}

// Somebody who gives turning encryption off up wants it kept. A place that claims that it is off by now has no backup made in the clear.
func TestGivingUpTurningOffIsNotTalkedOutOf(t *testing.T) {
	ctx := context.Background()
	c, key := newComputer(t), newKey(t)
	filetest.Small(t, c.src, 1)
	c.setup(key)
	c.backup()
	full := errors.New("the disk is full")
	replaced := 0
	c.params.Places = hookStore(func(op, _ string) error {
		if op == "replace" {
			replaced++
		}
		if replaced > 1 {
			return full
		}
		return nil
	})
	if err := c.do(turn(t, c, nil)); !errors.Is(err, full) {
		t.Fatal(err)
	}
	c.params.Places = places.Places{}
	claimUnencrypted(t, c.dest, [32]byte{1})
	if err := c.do(func(a *core.App) error { return a.Encryption().GiveUp(ctx, nil) }); !errors.Is(err, core.ErrChangeMade) {
		t.Errorf("giving up: %v", err)
	}
	before := len(objects(t, c.dest))
	for range 2 {
		if err := c.do(func(a *core.App) error { _, err := a.Backup(ctx, nil); return err }); !errors.Is(err, core.ErrChangeMade) {
			t.Errorf("the next backup: %v", err)
		}
	}
	if after := len(objects(t, c.dest)); after != before {
		t.Errorf("%d objects were stored in the clear", after-before)
	}
	if st := status(c); !strings.HasPrefix(string(st.Change), "give-up") {
		t.Errorf("it goes on with %q by itself", st.Change)
	}
	c.must(func(a *core.App) error { _, err := a.Encryption().Resume(ctx, nil); return err }) // asked for
	if st := status(c); st.Protection != core.ProtectionNone || st.Change != "" {
		t.Errorf("asked to go on: %+v", st)
	}
}

func status(c *computer) (st core.Status) {
	c.t.Helper()
	c.must(func(a *core.App) error { st = a.Status(); return nil })
	return st
}

// A computer that was away while the key was changed backs up nothing and deletes nothing until it is told the new key.
func TestAComputerThatReturnsAsksForTheNewKey(t *testing.T) {
	ctx := context.Background()
	c, key := newComputer(t), newKey(t)
	filetest.Small(t, c.src, 1)
	c.setup(key)
	c.backup()
	other := newComputer(t)
	filetest.Small(t, other.src, 2)
	other.must(func(a *core.App) error {
		return a.Setup(ctx, core.SetupRequest{Destination: c.dest, Sources: []string{other.src}, Key: key, Existing: true})
	})
	next := newKey(t)
	c.must(func(a *core.App) error { return a.Encryption().ChangeKey(ctx, next, nil) })
	before := objects(t, c.dest)
	for name, work := range map[string]func(a *core.App) error{
		"backup": func(a *core.App) error { _, err := a.Backup(ctx, nil); return err },
		"prune":  func(a *core.App) error { _, err := a.Upkeep().Prune(ctx, core.PruneRequest{}, nil); return err },
		"enter":  func(a *core.App) error { return a.Encryption().EnterKey(ctx, newKey(t)) },
	} {
		if err := other.do(work); !errors.Is(err, core.ErrWrongKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := objects(t, c.dest); !maps.Equal(before, after) {
		t.Error("something was written or deleted")
	}
	other.must(func(a *core.App) error { return a.Encryption().EnterKey(ctx, next) })
	if r := other.backup(); r.Snapshot == "" {
		t.Errorf("%+v", r)
	}
}
