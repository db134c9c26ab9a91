package b2_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/storetest"
	"github.com/holdfast-backup/holdfast/remote/b2"
	"github.com/holdfast-backup/holdfast/remote/bucket"
	"github.com/holdfast-backup/holdfast/remote/servers"
	"github.com/holdfast-backup/holdfast/remote/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func try(t *testing.T, b *servers.B2, prefix string, create bool) (*bucket.Store, error) {
	t.Helper()
	return b2.Open(t.Context(), address.Address{Kind: address.B2, Host: b.Bucket, Path: "/" + prefix},
		address.Secret{address.B2KeyID: b.KeyID, address.B2Key: b.Key}, create, web.Options{Proxy: b.Proxy, Roots: b.Roots})
}

func open(t *testing.T, b *servers.B2, prefix string) *bucket.Store {
	t.Helper()
	r, err := try(t, b, prefix, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func has(t *testing.T, s store.Store, name, want string) {
	t.Helper()
	if got, err := store.ReadAll(t.Context(), s, name, 100); err != nil || string(got) != want {
		t.Errorf("%s: %q, %v, want %q", name, got, err, want)
	}
	p := make([]byte, len(want))
	if err := s.ReadAt(t.Context(), name, p, 0); err != nil || string(p) != want {
		t.Errorf("%s, a range: %q, %v", name, p, err)
	}
	if o, err := s.Stat(t.Context(), name); err != nil || o.Size != int64(len(want)) {
		t.Errorf("%s: %+v, %v", name, o, err)
	}
}

func TestB2(t *testing.T) {
	b := servers.BackblazeB2(t)
	n := 0
	storetest.Run(t, func(t *testing.T) store.Store {
		if n++; n == 5 {
			b.Confine() // the key to the bucket
		}
		return open(t, b, fmt.Sprint("a prefix/ä+%&/", n))
	})
}

// Of the versions of a name the oldest counts, wherever it is asked for, and lists have the name once, on any pages.
func TestVersionsOfAName(t *testing.T) {
	b := servers.BackblazeB2(t)
	s := open(t, b, "x")
	must(t, s.Put(t.Context(), "packs/1", []byte("own")))
	b.Plant("x/packs/0", "upload", []byte("the oldest"), time.Hour)
	for i := range 5 {
		b.Plant("x/packs/0", "upload", []byte("younger"), time.Duration(i)*time.Minute)
	}
	b.Plant("x/packs/1", "upload", []byte("the youngest"), -time.Hour)
	b.Plant("x/packs/1", "hide", nil, -2*time.Hour) // by a person, in the browser
	b.Plant("x/packs/2", "hide", nil, 0)
	b.Plant("x/packs/3", "start", nil, 0) // a large file that is not finished
	for _, page := range []int{1000, 1, 2, 3} {
		b.Short(page)
		sizes := map[string]int64{}
		must(t, s.List(t.Context(), "packs/", func(o store.Object) error {
			if _, twice := sizes[o.Name]; twice {
				t.Errorf("%s is listed twice", o.Name)
			}
			sizes[o.Name] = o.Size
			return nil
		}))
		if len(sizes) != 2 || sizes["packs/0"] != 10 || sizes["packs/1"] != 3 {
			t.Errorf("in pages of %d: %v", page, sizes)
		}
		other := open(t, b, "x") // which has listed nothing
		for _, s := range []store.Store{s, other} {
			has(t, s, "packs/0", "the oldest")
			has(t, s, "packs/1", "own")
			if err := s.Put(t.Context(), "packs/0", []byte("own")); !errors.Is(err, store.ErrExists) {
				t.Errorf("put: %v", err)
			}
		}
	}
	must(t, s.Replace(t.Context(), "packs/1", []byte("new")))
	has(t, open(t, b, "x"), "packs/1", "new") // a version of tomorrow is of whoever replaces tomorrow
	must(t, s.Delete(t.Context(), "packs/0"))
	must(t, s.Delete(t.Context(), "packs/1"))
	if n := b.Count("x/packs/0") + b.Count("x/packs/1"); n != 0 {
		t.Errorf("%d versions stay", n)
	}
}

// together has the first uploads of n computers happen at the same moment: all have looked before that.
func together(b *servers.B2, n int) {
	var all sync.WaitGroup
	all.Add(n)
	var left atomic.Int64
	left.Store(int64(n))
	b.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
		if servers.IsB2Upload(r) && left.Add(-1) >= 0 {
			all.Done()
			all.Wait()
		}
		through.ServeHTTP(w, r)
	})
}

// Of computers that put one name at the same moment one wins, and what the others have sent does not stay.
func TestComputersPutOneName(t *testing.T) {
	const computers = 4
	b := servers.BackblazeB2(t)
	var all [computers]store.Store
	for i := range all {
		all[i] = open(t, b, "x")
	}
	for round := range 5 {
		name, errs := fmt.Sprint("keyring-", round), make([]error, computers)
		together(b, computers)
		var group sync.WaitGroup
		for i, s := range all {
			group.Go(func() { errs[i] = s.Put(t.Context(), name, []byte{byte('a' + i)}) })
		}
		group.Wait()
		winner := -1
		for i, err := range errs {
			switch {
			case err == nil && winner >= 0:
				t.Errorf("%d and %d won", i, winner)
			case err == nil:
				winner = i
			case !errors.Is(err, store.ErrExists):
				t.Errorf("%d: %v", i, err)
			}
		}
		if winner < 0 {
			t.Fatal("nobody won")
		}
		for _, s := range all {
			has(t, s, name, string(rune('a'+winner)))
		}
		if n := b.Count("x/" + name); n != 1 {
			t.Errorf("there are %d versions", n)
		}
	}
}

// After computers have replaced one name at the same moment, all see one of theirs, and no version besides it stays.
func TestComputersReplaceOneName(t *testing.T) {
	b := servers.BackblazeB2(t)
	one, other := open(t, b, "x"), open(t, b, "x")
	for round := range 5 {
		name := fmt.Sprint("header-", round)
		must(t, one.Replace(t.Context(), name, []byte("old")))
		has(t, other, name, "old")
		together(b, 2)
		var group sync.WaitGroup
		for i, s := range []store.Store{one, other} {
			group.Go(func() {
				if err := s.Replace(t.Context(), name, []byte{byte('a' + i)}); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		got, err := store.ReadAll(t.Context(), one, name, 10)
		if err != nil || string(got) != "a" && string(got) != "b" {
			t.Errorf("%q, %v", got, err)
		}
		has(t, other, name, string(got))
		if n := b.Count("x/" + name); n != 1 {
			t.Errorf("there are %d versions", n)
		}
	}
}

// A replace that ends anywhere leaves the old or the new object, and the next one leaves its own alone.
func TestAReplaceThatEndsHalfway(t *testing.T) {
	for after := range 5 {
		b := servers.BackblazeB2(t)
		s := open(t, b, "x")
		must(t, s.Replace(t.Context(), "header", []byte("old")))
		var asked atomic.Int64
		b.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
			if asked.Add(1) > int64(after) {
				servers.B2Says(w, http.StatusForbidden, "access_denied")
				return
			}
			through.ServeHTTP(w, r)
		})
		err := s.Replace(t.Context(), "header", []byte("new"))
		b.Before(nil)
		other := open(t, b, "x")
		got, readErr := store.ReadAll(t.Context(), other, "header", 10)
		must(t, readErr)
		if string(got) != "old" && string(got) != "new" || err == nil && string(got) != "new" {
			t.Errorf("after %d: %q, %v", after, got, err)
		}
		must(t, other.Replace(t.Context(), "header", []byte("newest")))
		has(t, s, "header", "newest")
		if n := b.Count("x/header"); n != 1 {
			t.Errorf("after %d there are %d versions", after, n)
		}
	}
}

// A put whose answer is lost can be repeated, and its bytes that come late displace nothing.
func TestLostAnswers(t *testing.T) {
	b := servers.BackblazeB2(t)
	s := open(t, b, "x")
	var lost atomic.Bool
	b.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
		if servers.IsB2Upload(r) && lost.CompareAndSwap(true, false) {
			servers.LosesAnswer.Befall(w, r, through)
			return
		}
		through.ServeHTTP(w, r)
	})
	lost.Store(true)
	if err := s.Put(t.Context(), "a", []byte("bytes")); !errors.Is(err, store.ErrUnreachable) || store.IsPermanent(err) {
		t.Error(err)
	}
	if err := s.Put(t.Context(), "a", []byte("bytes")); !errors.Is(err, store.ErrExists) {
		t.Error(err)
	}
	has(t, s, "a", "bytes")
	lost.Store(true)
	if err := s.Replace(t.Context(), "a", []byte("other")); !errors.Is(err, store.ErrUnreachable) {
		t.Error(err)
	}
	has(t, s, "a", "bytes")
	must(t, s.Replace(t.Context(), "a", []byte("other")))
	has(t, open(t, b, "x"), "a", "other")
	b.Plant("x/a", "upload", []byte("late"), -time.Minute)
	has(t, s, "a", "other")
}

func TestTheServiceFails(t *testing.T) {
	b := servers.BackblazeB2(t)
	servers.PutsFail(t, servers.IsB2Upload, servers.Troubles, func(do servers.Meets) store.Store {
		b.Before(do)
		return open(t, b, "x")
	})
}

func TestBytesChange(t *testing.T) {
	b := servers.BackblazeB2(t)
	servers.PutsChange(t, servers.IsB2Upload, func(do servers.Meets) store.Store {
		b.Before(do)
		return open(t, b, "x")
	})
}

// Tokens that end are renewed, in all calls, without an error. Each upload has a URL of its own.
func TestTokensEnd(t *testing.T) {
	b := servers.BackblazeB2(t)
	s := open(t, b, "x")
	for i, call := range []func() error{
		func() error { return s.Put(t.Context(), "a", []byte("x")) },
		func() error { return s.Replace(t.Context(), "a", []byte("y")) },
		func() error { return s.ReadAt(t.Context(), "a", make([]byte, 1), 0) },
		func() error { _, err := s.Stat(t.Context(), "a"); return err },
		func() error { return s.List(t.Context(), "", func(store.Object) error { return nil }) },
		func() error { return s.Delete(t.Context(), "a") },
	} {
		b.Expire()
		if err := call(); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	var group sync.WaitGroup
	for i := range 32 {
		group.Go(func() {
			if err := s.Put(t.Context(), fmt.Sprint("packs/", i), bytes.Repeat([]byte("x"), 10_000)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func TestCapsAndRights(t *testing.T) {
	b := servers.BackblazeB2(t)
	s := open(t, b, "x")
	must(t, s.Put(t.Context(), "a", []byte("x")))
	b.Cap(1)
	if err := s.Put(t.Context(), "b", []byte("x")); !errors.Is(err, store.ErrNoSpace) {
		t.Error(err)
	}
	for code, want := range map[string]error{
		"download_cap_exceeded": store.ErrPermission, "transaction_cap_exceeded": store.ErrPermission, "access_denied": store.ErrPermission,
		"storage_cap_exceeded": store.ErrNoSpace,
	} {
		b.Before(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			servers.B2Says(w, http.StatusForbidden, code)
		})
		if err := s.ReadAt(t.Context(), "a", make([]byte, 1), 0); !errors.Is(err, want) {
			t.Errorf("%s: %v", code, err)
		}
	}
	b.Before(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		servers.B2Says(w, http.StatusUnauthorized, "unauthorized")
	})
	if err := s.Delete(t.Context(), "a"); !errors.Is(err, store.ErrPermission) {
		t.Error(err)
	}
	b.Before(nil)
	b.Lose()
	for _, err := range []error{
		s.Put(t.Context(), "c", nil), s.ReadAt(t.Context(), "nothing", make([]byte, 1), 0),
		s.List(t.Context(), "", func(store.Object) error { return nil }),
	} {
		if !errors.Is(err, store.ErrUnreachable) {
			t.Errorf("a bucket that is gone: %v", err)
		}
	}
}

func TestOpen(t *testing.T) {
	b := servers.BackblazeB2(t)
	b.Lose()
	if _, err := try(t, b, "x", false); !errors.Is(err, bucket.ErrGone) {
		t.Error(err)
	}
	made, err := try(t, b, "x", true)
	must(t, err)
	must(t, made.Put(t.Context(), "a", nil))
	must(t, made.Close())
	_, err = b2.Open(t.Context(), address.Address{Kind: address.B2, Host: b.Bucket}, address.Secret{address.B2KeyID: b.KeyID,
		address.B2Key: servers.Planted}, false, web.Options{Proxy: b.Proxy, Roots: b.Roots})
	if !errors.Is(err, store.ErrSignIn) || strings.Contains(err.Error(), servers.Planted) {
		t.Error(err)
	}
	if b.InClear() != 0 {
		t.Error("something was asked in clear")
	}
}

// The service leads to other hosts for all that follows. It must be its own.
func TestTheServiceLeadsElsewhere(t *testing.T) {
	b := servers.BackblazeB2(t)
	for _, to := range []string{
		"https://evil.example", "http://api001.backblazeb2.com", "https://api001.backblazeb2.com.evil.example", "https://x@a.backblaze.com",
	} {
		b.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
			servers.Rewrites("https://api001.backblazeb2.com", to, w, r, through)
		})
		if _, err := try(t, b, "x", false); !errors.Is(err, store.ErrUnreachable) {
			t.Errorf("%s: %v", to, err)
		}
	}
}
