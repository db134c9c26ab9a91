package core_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/filetest"
	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/store"
)

// hooked calls before in front of every operation that changes a store.
type hooked struct {
	store.Store
	before func(op, name string) error
	atRest *sync.RWMutex // held for reading while an operation is under way
}

func (h hooked) Put(ctx context.Context, name string, data []byte) error {
	if err := h.before("put", name); err != nil {
		return err
	}
	h.atRest.RLock()
	defer h.atRest.RUnlock()
	return h.Store.Put(ctx, name, data)
}

func (h hooked) Replace(ctx context.Context, name string, data []byte) error {
	if err := h.before("replace", name); err != nil {
		return err
	}
	h.atRest.RLock()
	defer h.atRest.RUnlock()
	return h.Store.Replace(ctx, name, data)
}

func (h hooked) Delete(ctx context.Context, name string) error {
	if err := h.before("delete", name); err != nil {
		return err
	}
	h.atRest.RLock()
	defer h.atRest.RUnlock()
	return h.Store.Delete(ctx, name)
}

// hookStore calls before from one goroutine at a time, and while no operation is under way: packs go up side by side, and
// what before copies must hold still.
func hookStore(before func(op, name string) error) places.Places {
	var atRest sync.RWMutex
	inTurn := func(op, name string) error {
		atRest.Lock()
		defer atRest.Unlock()
		return before(op, name)
	}
	return places.By(func(ctx context.Context, dest string, create bool) (store.Store, error) {
		s, err := places.OpenFolder(ctx, dest, create)
		if err != nil {
			return nil, err
		}
		return hooked{s, inTurn, &atRest}, nil
	})
}

// oldTraces is what must not be left of an epoch: the objects it wrote and,
// of an unencrypted one, its secret.
type oldTraces struct {
	paths  []string
	secret []byte
}

func traces(t testing.TB, dest string) (o oldTraces) {
	t.Helper()
	eachObject(t, dest, func(path string, content []byte) {
		if path != "holdfast.json" {
			o.paths = append(o.paths, path)
			return
		}
		var h struct{ Epoch string }
		if err := json.Unmarshal(content, &h); err != nil {
			t.Fatal(err)
		}
		o.secret = []byte(h.Epoch)
	})
	return o
}

func (o oldTraces) check(t testing.TB, what, dest string) {
	t.Helper()
	for _, p := range o.paths {
		if _, err := os.Stat(filepath.Join(dest, p)); err == nil {
			t.Errorf("%s: %s is still there", what, p)
		}
	}
	eachObject(t, dest, func(path string, content []byte) {
		if len(o.secret) > 0 && bytes.Contains(content, o.secret) {
			t.Errorf("%s: %s holds the old secret", what, path)
		}
	})
}

func turn(t testing.TB, c *computer, key *backupkey.Key) func(a *core.App) error {
	return func(a *core.App) error {
		ctx := context.Background()
		var err error
		if a.Status().Change != "" {
			_, err = a.Encryption().Resume(ctx, nil)
		} else if key != nil {
			_, err = a.Encryption().TurnOn(ctx, key, nil, nil)
		} else {
			_, err = a.Encryption().TurnOff(ctx, nil)
		}
		return err
	}
}

// changeCase is turning encryption on, or off.
type changeCase struct {
	name     string
	from, to *backupkey.Key
}

func changeCases(t testing.TB) []changeCase {
	k := newKey(t)
	return []changeCase{{"on", nil, k}, {"off", k, nil}}
}

func TestChangeOfEncryptionLeavesNothingOld(t *testing.T) {
	for _, k := range changeCases(t) {
		t.Run(k.name, func(t *testing.T) {
			c := newComputer(t)
			filetest.Small(t, c.src, 1)
			c.setup(k.from)
			c.backup()
			filetest.Write(t, filepath.Join(c.src, "second"), []byte("run"))
			c.backup()
			old := traces(t, c.dest)
			c.must(turn(t, c, k.to))
			old.check(t, k.name, c.dest)
			out, _ := restoreElsewhere(t, c.dest, k.to, "latest")
			filetest.Equal(t, c.src, filepath.Join(out, "src"))
			if v := c.verify(); len(v.Damage)+len(v.Notes) > 0 {
				t.Errorf("verify: %v %v", v.Damage, v.Notes)
			}
			if r := c.backup(); r.BytesNew > 4096 || r.OlderState {
				t.Errorf("the backup after it: %+v", r)
			}
			if k.to != nil {
				if _, err := elsewhere.OpenReader(context.Background(), c.dest, nil); !errors.Is(err, core.ErrKeyNeeded) {
					t.Errorf("without a key: %v", err)
				}
			}
			c.must(func(a *core.App) error {
				_, err := a.Encryption().Key(context.Background())
				if k.to == nil && !errors.Is(err, core.ErrNotEncrypted) {
					t.Errorf("a key is still kept: %v", err)
				}
				return nil
			})
		})
	}
}

func TestTurningOnBeforeTheFirstBackup(t *testing.T) {
	c := newComputer(t)
	filetest.Small(t, c.src, 1)
	c.setup(nil)
	old := traces(t, c.dest)
	key := newKey(t)
	c.must(turn(t, c, key))
	old.check(t, "on", c.dest)
	c.backup()
	out, _ := restoreElsewhere(t, c.dest, key, "latest")
	filetest.Equal(t, c.src, filepath.Join(out, "src"))
}

// TestEveryInterruptionOfAChangeCanBeResumed stops a change in front of each
// operation on the destination, in two ways: the operation fails from then
// on, as when the drive is pulled; and the process dies, for which profile
// and destination are copied as they are at that moment. Each time at
// least one backup must restore at once, and the change must go on to its end.
func TestEveryInterruptionOfAChangeCanBeResumed(t *testing.T) {
	for _, k := range changeCases(t) {
		t.Run(k.name, func(t *testing.T) {
			prepare := func(t *testing.T) *computer {
				c := newComputer(t)
				for i := range 5 {
					filetest.Write(t, filepath.Join(c.src, fmt.Sprint("folder/", i)), filetest.Noise(uint64(i), 300_000))
				}
				c.setup(k.from)
				c.backup()
				return c
			}
			c := prepare(t)
			steps := 0
			c.params.Places = hookStore(func(string, string) error { steps++; return nil })
			c.must(turn(t, c, k.to))
			if steps < 10 {
				t.Fatalf("only %d steps", steps)
			}
			for stop := range steps {
				c := prepare(t)
				old := traces(t, c.dest)
				at := 0
				died := *c // as it would be found after the process died
				died.t = t
				broken := errors.New("the drive was pulled")
				c.params.Places = hookStore(func(string, string) error {
					if at++; at == stop+1 {
						died.params.Profile, died.dest = filepath.Join(t.TempDir(), "profile"), filepath.Join(t.TempDir(), "dest")
						filetest.Copy(t, c.params.Profile, died.params.Profile)
						filetest.Copy(t, c.dest, died.dest)
						redirect(t, died.params.Profile, c.dest, died.dest)
						died.params.Keyring = keyring.File{Path: filepath.Join(died.params.Profile, "device.key")}
					}
					if at > stop {
						return broken
					}
					return nil
				})
				err := c.do(turn(t, c, k.to))
				if at <= stop {
					continue // this run cut its packs otherwise and came to its end in fewer steps
				}
				if !errors.Is(err, broken) {
					t.Fatalf("step %d: %v", stop, err)
				}
				c.params.Places = places.Places{}
				checkResume(t, fmt.Sprintf("step %d, destination fails", stop), c, k, old)
				died.params.Places = places.Places{}
				checkResume(t, fmt.Sprintf("step %d, process dies", stop), &died, k, old)
			}
		})
	}
}

func checkResume(t *testing.T, what string, c *computer, k changeCase, old oldTraces) {
	t.Helper()
	c.t = t
	restorable := 0
	for _, key := range []*backupkey.Key{k.from, k.to} {
		r, err := elsewhere.OpenReader(context.Background(), c.dest, key)
		if err != nil {
			continue
		}
		if list, err := r.Snapshots(context.Background()); err == nil && len(list) > 0 {
			out, report := restoreElsewhere(t, c.dest, key, "latest")
			if report.Errors == 0 {
				filetest.Equal(t, c.src, filepath.Join(out, "src"))
				restorable++
			}
		}
		_ = r.Close() // only read from
	}
	if restorable == 0 {
		t.Fatalf("%s: no backup restores", what)
	}
	if err := c.do(turn(t, c, k.to)); err != nil {
		t.Fatalf("%s: resuming: %v", what, err)
	}
	old.check(t, what, c.dest)
	out, _ := restoreElsewhere(t, c.dest, k.to, "latest")
	filetest.Equal(t, c.src, filepath.Join(out, "src"))
	if v := c.verify(); len(v.Damage)+len(v.Notes) > 0 {
		t.Errorf("%s: verify: %v %v", what, v.Damage, v.Notes)
	}
	c.backup()
}

// redirect makes a copied profile point at the copied destination.
func redirect(t testing.TB, profile, from, to string) {
	t.Helper()
	path := filepath.Join(profile, "settings.json")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.ReplaceAll(b, []byte(from), []byte(to)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestUnreadableFilesKeepTheOldBackup: what the fresh backup lacks may be only
// in the old one.
func TestUnreadableFilesKeepTheOldBackup(t *testing.T) {
	c := newComputer(t)
	filetest.Small(t, c.src, 1)
	lost := filepath.Join(filepath.Dir(c.src), "second-source")
	filetest.Write(t, filepath.Join(lost, "f"), []byte("only copy"))
	ctx := context.Background()
	c.must(func(a *core.App) error {
		return a.Setup(ctx, core.SetupRequest{Destination: c.dest, Sources: []string{c.src, lost}})
	})
	c.backup()
	if err := os.Rename(lost, lost+".away"); err != nil {
		t.Fatal(err)
	}
	key := newKey(t)
	if err := c.do(turn(t, c, key)); !errors.Is(err, core.ErrIncomplete) {
		t.Fatalf("%v", err)
	}
	out, _ := restoreElsewhere(t, c.dest, nil, "latest")
	if b, err := os.ReadFile(filepath.Join(out, "second-source/f")); err != nil || string(b) != "only copy" {
		t.Errorf("the old backup: %q, %v", b, err)
	}
	if err := os.Rename(lost+".away", lost); err != nil {
		t.Fatal(err)
	}
	c.backup() // goes on with the change
	c.must(func(a *core.App) error {
		if s := a.Status(); s.Change != "" || s.Protection != core.ProtectionKey {
			t.Errorf("%+v", s)
		}
		return nil
	})
	out, _ = restoreElsewhere(t, c.dest, key, "latest")
	filetest.Equal(t, lost, filepath.Join(out, "second-source"))
}

// TestKeyChangeInterrupted: whichever of the two keys the destination took,
// this computer still has it.
func TestKeyChangeInterrupted(t *testing.T) {
	ctx := context.Background()
	old, fresh := newKey(t), newKey(t)
	for stop := range 3 {
		c := newComputer(t)
		filetest.Write(t, filepath.Join(c.src, "f"), []byte("content"))
		c.setup(old)
		c.backup()
		n := 0
		c.params.Places = hookStore(func(string, string) error {
			if n++; n > stop {
				return errors.New("gone")
			}
			return nil
		})
		if err := c.do(func(a *core.App) error { return a.Encryption().ChangeKey(ctx, fresh, nil) }); err == nil {
			t.Fatalf("step %d did not fail", stop)
		}
		c.params.Places = places.Places{}
		c.backup()
		var now *backupkey.Key
		c.must(func(a *core.App) (err error) { now, err = a.Encryption().Key(ctx); return err })
		out, _ := restoreElsewhere(t, c.dest, now, "latest")
		filetest.Equal(t, c.src, filepath.Join(out, "src"))
	}
}
