package main_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/storetest"
	"github.com/holdfast-backup/holdfast/remote/servers"
)

// Each test here is a failure that users of other backup programs have reported.

// atEach runs a test with a store at each kind of server that speaks HTTP, behind a proxy.
func atEach(t *testing.T, test func(t *testing.T, s store.Store, at faulty)) {
	t.Helper()
	behind(t, func(t *testing.T, at faulty) {
		p := places.Through(start(t))
		if err := p.Know(at.place, at.secret); err != nil {
			t.Fatal(err)
		}
		s, err := p.Open(t.Context(), at.place, true)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close() //nolint:errcheck // the test ends
		test(t, s, at)
	})
}

// backedUp runs a test with a computer that has one backup, at each kind of server.
func backedUp(t *testing.T, test func(t *testing.T, c *computer)) {
	t.Helper()
	behind(t, func(t *testing.T, at faulty) {
		c := newComputer(t, at)
		_, err := c.app.Backup(t.Context(), nil)
		c.must(err)
		test(t, c)
	})
}

// storms are what a bad day is made of.
var storms = []servers.Fault{
	servers.Refuses, servers.LosesBody, servers.LosesAnswer, servers.Fails, servers.Truncates,
	servers.Answers(http.StatusBadRequest, ""), servers.Answers(http.StatusUnauthorized, ""), servers.Answers(http.StatusForbidden, ""),
	servers.Answers(http.StatusRequestTimeout, ""), servers.Answers(http.StatusTooManyRequests, ""),
	servers.Answers(http.StatusInternalServerError, ""), servers.Answers(http.StatusBadGateway, ""),
	servers.Answers(http.StatusServiceUnavailable, ""), servers.Answers(http.StatusGatewayTimeout, ""),
}

// puts reports whether a request stores an object. Google's do with POST.
func puts(r *http.Request) bool { return r.Method == http.MethodPut || r.Method == http.MethodPost }

// writes reports whether a request changes something.
func writes(r *http.Request) bool {
	return puts(r) || r.Method == http.MethodDelete || r.Method == "MKCOL"
}

// A failed upload deletes what was there before, and its words repeat a secret.
func TestAFailedUploadDeletesNothing(t *testing.T) {
	atEach(t, func(t *testing.T, s store.Store, f faulty) {
		first, second := storetest.Bytes(1, 50_000), storetest.Bytes(2, 60_000)
		if err := errors.Join(s.Put(t.Context(), "packs/aa/1", first), s.Replace(t.Context(), "holdfast.json", first)); err != nil {
			t.Fatal(err)
		}
		for _, fault := range storms {
			f.Every(1, fault, nil)
			err := s.Put(t.Context(), "packs/aa/1", second)
			if err == nil {
				t.Errorf("%s: an object is overwritten", fault.Name)
			}
			for field, secret := range f.secret {
				if err != nil && strings.Contains(err.Error(), secret) {
					t.Errorf("%s: the error repeats the %s", fault.Name, field)
				}
			}
			_ = s.Replace(t.Context(), "holdfast.json", second) // it may succeed or fail
			f.Heal()
			if got, err := read(t, s, "packs/aa/1"); err != nil || !bytes.Equal(got, first) {
				t.Errorf("%s: the object that was there: %v", fault.Name, err)
			}
			if got, err := read(t, s, "holdfast.json"); err != nil || !bytes.Equal(got, first) && !bytes.Equal(got, second) {
				t.Errorf("%s: the object to be replaced: %d bytes, %v", fault.Name, len(got), err)
			}
		}
	})
}

// read reads an object; a connection that rested may have been cut meanwhile.
func read(t *testing.T, s store.Store, name string) (b []byte, err error) {
	for range 8 {
		if b, err = store.ReadAll(t.Context(), s, name, 1<<20); !errors.Is(err, store.ErrUnreachable) {
			break
		}
	}
	return b, err
}

// A name that a list shows twice makes data "missing".
func TestANameThatIsListedTwice(t *testing.T) {
	backedUp(t, func(t *testing.T, c *computer) {
		c.at.Every(1, servers.Doubles, nil)
		c.edit()
		_, err := c.app.Backup(t.Context(), nil)
		c.must(err)
		_, err = c.app.Upkeep().Prune(t.Context(), core.PruneRequest{Retention: &core.Retention{Last: 1}}, nil)
		c.must(err)
		c.whole()
		if n := c.snapshots(); n != 1 {
			t.Errorf("%d backups are left, not 1", n)
		}
		c.at.Heal()
		c.whole()
	})
}

// An outage in the middle loses packs that were acknowledged; the run ends well with packs missing; a later run does not go on.
func TestAnOutageLosesNothing(t *testing.T) {
	backedUp(t, func(t *testing.T, c *computer) {
		for _, fault := range []servers.Fault{servers.Refuses, servers.Answers(http.StatusInternalServerError, ""), servers.LosesBody} {
			for _, of := range []func(*http.Request) bool{nil, puts} {
				c.edit()
				before := c.snapshots()
				c.at.Every(1, fault, of)
				_, err := c.app.Backup(t.Context(), nil)
				c.at.Heal()
				if err == nil {
					t.Errorf("%s: nothing could be stored, and the backup is said to be good", fault.Name)
				}
				if after := c.snapshots(); after != before {
					t.Errorf("%s: %d backups were there, now %d", fault.Name, before, after)
				}
				_, err = c.app.Backup(t.Context(), nil)
				c.must(err)
			}
		}
		c.whole()
	})
}

// A cut leaves a truncated pack under its name; a retry sends the rest of what was read already.
func TestARetrySendsAllOfIt(t *testing.T) {
	atEach(t, func(t *testing.T, s store.Store, f faulty) {
		data := storetest.Bytes(1, 300_000)
		for i, fault := range []servers.Fault{
			servers.LosesBody, servers.Fails, servers.LosesAnswer, servers.Answers(http.StatusServiceUnavailable, "1"),
			servers.Answers(http.StatusTooManyRequests, ""),
		} {
			name := fmt.Sprint("packs/aa/", i)
			f.Next(1, fault, puts)
			err := s.Put(t.Context(), name, data)
			f.Heal()
			got, there := read(t, s, name)
			if there == nil && !bytes.Equal(got, data) {
				t.Errorf("%s: %d bytes of %d are there under the name", fault.Name, len(got), len(data))
			}
			if err != nil {
				err = s.Put(t.Context(), name, data)
			}
			if err != nil && !errors.Is(err, store.ErrExists) {
				t.Errorf("%s: the next try: %v", fault.Name, err)
			}
			if got, err := read(t, s, name); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s: %d bytes of %d are there at the end, %v", fault.Name, len(got), len(data), err)
			}
		}
	})
}

// What is there is said not to be there when the service has trouble.
func TestWhatIsThereIsNotSaidToBeMissing(t *testing.T) {
	atEach(t, func(t *testing.T, s store.Store, f faulty) {
		if err := s.Put(t.Context(), "packs/aa/1", storetest.Bytes(1, 5_000)); err != nil {
			t.Fatal(err)
		}
		for _, fault := range storms {
			for n := 1; n <= 2; n++ {
				f.Every(n, fault, nil)
				_, stat := s.Stat(t.Context(), "packs/aa/1")
				read := s.ReadAt(t.Context(), "packs/aa/1", make([]byte, 5_000), 0)
				seen := 0
				list := s.List(t.Context(), "packs/", func(store.Object) error { seen++; return nil })
				f.Heal()
				for op, err := range map[string]error{"stat": stat, "read": read, "list": list} {
					if errors.Is(err, store.ErrNotExist) {
						t.Errorf("%s, %s: %v", op, fault.Name, err)
					}
				}
				if list == nil && seen != 1 {
					t.Errorf("%s: a list of %d objects is given for whole", fault.Name, seen)
				}
			}
		}
	})
}

// A full place is tried for days, and cannot be pruned.
func TestAFullPlace(t *testing.T) {
	full := servers.Answers(http.StatusInsufficientStorage, "")
	backedUp(t, func(t *testing.T, c *computer) {
		c.edit()
		_, err := c.app.Backup(t.Context(), nil)
		c.must(err)
		c.edit()
		var room atomic.Bool // what is deleted makes some
		noRoom := func(r *http.Request) bool {
			if r.Method == http.MethodDelete {
				room.Store(true)
			}
			return puts(r) && !room.Load()
		}
		c.at.Every(1, full, noRoom)
		if _, err := c.app.Backup(t.Context(), nil); !errors.Is(err, core.ErrNoSpace) {
			t.Errorf("a full place: %v", err)
		}
		if n := c.at.Heal(); n > 20 {
			t.Errorf("a full place was asked %d times to store something", n)
		}
		c.at.Every(1, full, noRoom)
		_, err = c.app.Upkeep().Prune(t.Context(), core.PruneRequest{Retention: &core.Retention{Last: 1}}, nil)
		c.must(err)
		if n := c.snapshots(); n != 1 {
			t.Errorf("%d backups are left at the full place, not 1", n)
		}
		c.at.Heal()
		_, err = c.app.Backup(t.Context(), nil)
		c.must(err)
		c.whole()
	})
}

// Throttling corrupts what is uploaded, or ends the run.
func TestThrottling(t *testing.T) {
	backedUp(t, func(t *testing.T, c *computer) {
		for _, fault := range []servers.Fault{
			servers.Answers(http.StatusTooManyRequests, ""), servers.Answers(http.StatusServiceUnavailable, "1"),
		} {
			c.at.Every(5, fault, nil)
			c.edit()
			_, err := c.app.Backup(t.Context(), nil)
			if n := c.at.Heal(); n == 0 {
				t.Error("nothing was throttled")
			}
			if err != nil {
				t.Errorf("%s: %v", fault.Name, err)
			}
		}
		_, err := c.app.Backup(t.Context(), nil)
		c.must(err)
		c.whole()
	})
}

// A service answers 400, 404 or 503 at random, as long as it answers rightly the next time.
func TestRandomAnswers(t *testing.T) {
	backedUp(t, func(t *testing.T, c *computer) {
		for _, status := range []int{http.StatusBadRequest, http.StatusServiceUnavailable, http.StatusNotFound} {
			c.at.Next(2, servers.Answers(status, ""), puts)
			c.edit()
			if _, err := c.app.Backup(t.Context(), nil); err != nil {
				t.Errorf("two puts are answered %d: %v", status, err)
			}
			c.at.Heal()
		}
		c.whole()
	})
}

// A put is answered 404, as by a gateway that has lost its service: that is trouble, and never a missing object.
func TestAPutFindsNothing(t *testing.T) {
	missing := servers.Answers(http.StatusNotFound, "")
	atEach(t, func(t *testing.T, s store.Store, f faulty) {
		for op, put := range map[string]func(context.Context, string, []byte) error{"put": s.Put, "replace": s.Replace} {
			f.Next(1, missing, puts)
			if err := put(t.Context(), "packs/aa/"+op, []byte(op)); err != nil && (!errors.Is(err, store.ErrUnreachable) || store.IsPermanent(err)) {
				t.Errorf("%s, once: %v", op, err)
			}
			f.Every(1, missing, puts)
			err := put(t.Context(), "packs/bb/"+op, []byte(op))
			if !errors.Is(err, store.ErrUnreachable) || store.IsPermanent(err) {
				t.Errorf("%s: %v", op, err)
			}
			if n := f.Heal(); n > 10 {
				t.Errorf("%s: it was asked %d times", op, n)
			}
			if err := put(t.Context(), "packs/bb/"+op, []byte(op)); err != nil {
				t.Errorf("%s, later: %v", op, err)
			}
		}
	})
}

// A sign-in ends in the middle of a run: that is said, and the run goes on after it.
func TestASignInThatEnds(t *testing.T) {
	backedUp(t, func(t *testing.T, c *computer) {
		c.edit()
		c.at.Every(1, servers.Answers(http.StatusUnauthorized, ""), puts)
		if _, err := c.app.Backup(t.Context(), nil); !errors.Is(err, core.ErrSignIn) {
			t.Errorf("the sign-in has ended: %v", err)
		}
		if n := c.at.Heal(); n > 20 {
			t.Errorf("it was asked %d times all the same", n)
		}
		_, err := c.app.Backup(t.Context(), nil)
		c.must(err)
		c.whole()
	})
}

// A server has a file locked for a moment, or its gateway does not wait for it.
func TestAServerThatIsBusy(t *testing.T) {
	backedUp(t, func(t *testing.T, c *computer) {
		for _, status := range []int{http.StatusLocked, http.StatusGatewayTimeout} {
			c.edit()
			c.at.Next(2, servers.Answers(status, ""), writes)
			if _, err := c.app.Backup(t.Context(), nil); err != nil {
				t.Errorf("two requests are answered %d: %v", status, err)
			}
			c.at.Heal()
		}
		c.whole()
	})
}

// A slow line is no dead one, and costs no repetition.
func TestASlowLine(t *testing.T) {
	backedUp(t, func(t *testing.T, c *computer) {
		c.edit()
		before := c.at.Requests()
		_, err := c.app.Backup(t.Context(), nil)
		c.must(err)
		usual := c.at.Requests() - before
		c.edit()
		before = c.at.Requests()
		begun := time.Now()
		c.at.Every(1, servers.IsSlow, nil)
		_, err = c.app.Backup(t.Context(), nil)
		c.must(err)
		c.at.Heal()
		if took := time.Since(begun); took < 2*time.Second {
			t.Errorf("300 kB went over a line of 1 Mbit/s in %v", took)
		}
		if n := c.at.Requests() - before; n > usual+10 {
			t.Errorf("%d requests, and %d on a fast line", n, usual)
		}
		c.whole()
	})
}
