package core_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/filetest"
	"github.com/holdfast-backup/holdfast/core/places"
)

// objects are what is at a destination, without keyrings.
func objects(t testing.TB, dest string) map[string]string {
	t.Helper()
	out := make(map[string]string)
	eachObject(t, dest, func(path string, content []byte) {
		if !strings.HasPrefix(path, "keyring-") {
			out[path] = string(content)
		}
	})
	return out
}

// A change that came as far as it can, everything but the commit, is given up, cut off in front of each
// operation on the destination and begun again: all is as it was before, byte for byte.
func TestAChangeThatIsGivenUpLeavesNothing(t *testing.T) {
	ctx := context.Background()
	for _, k := range changeCases(t) {
		t.Run(k.name, func(t *testing.T) {
			full := errors.New("the disk is full")
			failAt := func(op string, n int) func(string, string) error {
				return func(at, _ string) error {
					if op == "" || at == op {
						n--
					}
					if n < 0 {
						return full
					}
					return nil
				}
			}
			prepare := func() (*computer, map[string]string) {
				c := newComputer(t)
				for i := range 5 {
					filetest.Write(t, filepath.Join(c.src, fmt.Sprint("folder/", i)), filetest.Noise(uint64(i), 300_000))
				}
				c.setup(k.from)
				c.backup()
				before := objects(t, c.dest)
				c.params.Places = hookStore(failAt("replace", 1)) // the first says that the change is under way, the second commits
				if err := c.do(turn(t, c, k.to)); !errors.Is(err, full) {
					t.Fatal(err)
				}
				if len(objects(t, c.dest)) <= len(before) {
					t.Fatal("the change had stored nothing yet")
				}
				return c, before
			}
			giveUp := func(a *core.App) error { return a.Encryption().GiveUp(ctx, nil) }
			check := func(what string, c *computer, before map[string]string) {
				t.Helper()
				if after := objects(t, c.dest); !maps.Equal(before, after) {
					t.Errorf("%s: %v, before the change %v", what, slices.Sorted(maps.Keys(after)), slices.Sorted(maps.Keys(before)))
				}
				c.must(func(a *core.App) error {
					if st := a.Status(); st.Change != "" || (st.Protection == core.ProtectionKey) != (k.from != nil) || st.LastBackup == nil {
						t.Errorf("%s: %+v", what, st)
					}
					return nil
				})
				out, _ := restoreElsewhere(t, c.dest, k.from, "latest")
				filetest.Equal(t, c.src, filepath.Join(out, "src"))
				keyrings := 0 // that of the key that did not come into use stays
				if k.to != nil {
					keyrings = 1
				}
				if v := c.verify(); len(v.Damage) > 0 || len(v.Notes) != keyrings {
					t.Errorf("%s: verify: %v %v", what, v.Damage, v.Notes)
				}
			}
			for steps := 0; ; steps++ {
				c, before := prepare()
				c.params.Places = hookStore(failAt("", steps))
				err := c.do(giveUp)
				c.params.Places = places.Places{}
				if err == nil {
					if steps < 5 {
						t.Fatalf("given up in %d steps", steps)
					}
					check("in one go", c, before)
					if c.backup().OlderState {
						t.Error("a backup after it sees an older state")
					}
					c.must(turn(t, c, k.to)) // nothing is in the way of another try
					out, _ := restoreElsewhere(t, c.dest, k.to, "latest")
					filetest.Equal(t, c.src, filepath.Join(out, "src"))
					if v := c.verify(); len(v.Damage)+len(v.Notes) > 0 {
						t.Errorf("after another try: verify: %v %v", v.Damage, v.Notes)
					}
					break
				}
				if !errors.Is(err, full) {
					t.Fatalf("step %d: %v", steps, err)
				}
				if steps%2 == 0 {
					c.must(giveUp)
					check(fmt.Sprintf("again after step %d", steps), c, before)
				} else if r := c.backup(); r.Errors > 0 { // gives it up first
					t.Errorf("step %d: %+v", steps, r)
				}
			}
		})
	}
}

func TestGivingUpWhatIsNotThere(t *testing.T) {
	ctx := context.Background()
	c := newComputer(t)
	filetest.Small(t, c.src, 1)
	giveUp := func(a *core.App) error { return a.Encryption().GiveUp(ctx, nil) }
	if err := c.do(giveUp); !errors.Is(err, core.ErrInvalid) && !errors.Is(err, core.ErrNotSetUp) {
		t.Errorf("before setting up: %v", err)
	}
	c.setup(nil)
	c.backup()
	if err := c.do(giveUp); !errors.Is(err, core.ErrInvalid) {
		t.Errorf("no change: %v", err)
	}
	// Once the new protection is in force, only finishing is left.
	gone := errors.New("the drive was pulled")
	c.params.Places = hookStore(func(op, name string) error {
		if op == "delete" {
			return gone
		}
		return nil
	})
	key := newKey(t)
	if err := c.do(turn(t, c, key)); !errors.Is(err, gone) {
		t.Fatal(err)
	}
	c.params.Places = places.Places{}
	if err := c.do(giveUp); !errors.Is(err, core.ErrChangeMade) {
		t.Errorf("after the commit: %v", err)
	}
	c.backup() // finishes it
	c.must(func(a *core.App) error {
		if st := a.Status(); st.Change != "" || st.Protection != core.ProtectionKey {
			t.Errorf("%+v", st)
		}
		return nil
	})
	out, _ := restoreElsewhere(t, c.dest, key, "latest")
	filetest.Equal(t, c.src, filepath.Join(out, "src"))
}
