package dropbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/storetest"
	"github.com/holdfast-backup/holdfast/remote/bucket"
	"github.com/holdfast-backup/holdfast/remote/dropbox"
	"github.com/holdfast-backup/holdfast/remote/servers"
	"github.com/holdfast-backup/holdfast/remote/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func at(path string) address.Address { return address.Address{Kind: address.Dropbox, Path: path} }

// params are those of a person who has signed in.
func params(t *testing.T, c *servers.Cloud, path string) dropbox.Params {
	t.Helper()
	return dropbox.Params{
		Address: at(path), Secret: c.SignedIn(t), Create: true, Web: web.Options{Proxy: c.Proxy, Roots: c.Roots},
	}
}

func open(t *testing.T, c *servers.Cloud, path string) *bucket.Roomy {
	t.Helper()
	r, err := dropbox.Open(t.Context(), params(t, c, path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// is reports whether a request is of a kind.
func is(r *http.Request, what string) bool { return strings.HasSuffix(r.URL.Path, what) }

func isUpload(r *http.Request) bool { return is(r, "/files/upload") }

func TestDropbox(t *testing.T) {
	c := servers.DropboxCloud(t)
	n := 0
	storetest.Run(t, func(t *testing.T) store.Store {
		n++
		return open(t, c, fmt.Sprint("/A folder/ä+%😀 & Büro/", n))
	})
}

// A list of many short pages, of which some are empty, has each object once.
func TestPages(t *testing.T) {
	c := servers.DropboxCloud(t)
	r := open(t, c, "/x")
	const objects = 40
	for i := range objects {
		for _, name := range []string{fmt.Sprint("packs/", i%7, "/", i), fmt.Sprint("keyring-", i), fmt.Sprint("keyring-more/", i)} {
			if err := r.Put(t.Context(), name, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	c.Page(3)
	for prefix, want := range map[string]int{"": 3 * objects, "packs/": objects, "keyring-": 2 * objects, "keyring-more/": objects} {
		if n := len(servers.Names(t, r, prefix)); n != want {
			t.Errorf("%q: %d objects are listed, want %d", prefix, n, want)
		}
	}
}

// A prefix within a name does not list what is in other folders.
func TestAPrefixListsNoOtherFolders(t *testing.T) {
	c := servers.DropboxCloud(t)
	r := open(t, c, "/x")
	for _, name := range []string{"keyring-1", "packs/aa/1"} {
		if err := r.Put(t.Context(), name, nil); err != nil {
			t.Fatal(err)
		}
	}
	var deep atomic.Int64
	c.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
		if is(r, "/list_folder") {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			var arg struct{ Recursive bool }
			if err := json.Unmarshal(body, &arg); err != nil || arg.Recursive {
				deep.Add(1)
			}
		}
		through.ServeHTTP(w, r)
	})
	if n := len(servers.Names(t, r, "keyring-")); n != 1 || deep.Load() != 0 {
		t.Errorf("%d objects, %d lists of all folders", n, deep.Load())
	}
}

// A list that the service has forgotten ends with an error, as one does that leads nowhere or out of the folder.
func TestListsThatBreak(t *testing.T) {
	c := servers.DropboxCloud(t)
	r := open(t, c, "/x")
	for i := range 5 {
		if err := r.Put(t.Context(), fmt.Sprint(i), nil); err != nil {
			t.Fatal(err)
		}
	}
	c.Page(2)
	list := func(fn func(store.Object) error) error { return r.List(t.Context(), "", fn) }
	err := list(func(store.Object) error { c.Reset(); return nil })
	if !errors.Is(err, store.ErrUnreachable) {
		t.Errorf("a list that was reset: %v", err)
	}
	for _, answer := range []string{
		`{"entries": [], "cursor": "x", "has_more": true}`, `{"entries": [], "has_more": true}`, `{"entries": [`, ``,
		`{"entries": [{".tag": "file", "path_lower": "/y/a", "size": 1}], "cursor": "x", "has_more": false}`,
	} {
		c.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
			if strings.Contains(r.URL.Path, "/list_folder") {
				servers.Says(w, http.StatusOK, answer)
				return
			}
			through.ServeHTTP(w, r)
		})
		if err := list(func(store.Object) error { return nil }); !errors.Is(err, store.ErrUnreachable) {
			t.Errorf("%s: %v", answer, err)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	c := servers.DropboxCloud(t)
	good := c.SignedIn(t)
	other := servers.NewAccounts(c.Client, c.Scope).SignedIn(t) // whose token this service does not know
	servers.OpenErrors(t, map[string]servers.Opening{
		"no such folder": {At: at("/none"), Secret: good, Want: store.ErrUnreachable},
		"none below one": {At: at("/none/below"), Secret: good, Want: store.ErrUnreachable},
		"no sign-in":     {At: at("/x"), Secret: address.Secret{}, Want: store.ErrSignIn},
		"no token":       {At: at("/x"), Secret: address.Secret{address.Token: "{" + servers.Planted}, Want: store.ErrSignIn},
		"another person": {At: at("/x"), Secret: other, Want: store.ErrSignIn},
	}, func(ctx context.Context, a address.Address, secret address.Secret) (*bucket.Roomy, error) {
		p := params(t, c, a.Path)
		p.Secret, p.Create = secret, false
		return dropbox.Open(ctx, p)
	})
	if c.Has("/none") {
		t.Error("a folder is made")
	}
	p := params(t, c, "/x")
	p.Web.Proxy = servers.NewInternet(t, nil).Proxy // behind which there is nothing
	if _, err := dropbox.Open(t.Context(), p); !errors.Is(err, store.ErrUnreachable) || errors.Is(err, store.ErrSignIn) {
		t.Errorf("nobody answers: %v", err)
	}
}

// A folder may be made with those above it, and one that is there is opened as it is, also in other letters.
func TestCreate(t *testing.T) {
	c := servers.DropboxCloud(t)
	r := open(t, c, "/Backups/Büro/Here")
	if err := r.Put(t.Context(), "packs/aa/1", []byte("x")); err != nil {
		t.Fatal(err)
	}
	again := open(t, c, "/backups/büro/here")
	if seen := servers.Names(t, again, ""); len(seen) != 1 || !seen["packs/aa/1"] {
		t.Errorf("%v", seen)
	}
	if _, err := dropbox.Open(t.Context(), params(t, c, "/Backups/Büro/Here/packs/aa/1")); !errors.Is(err, store.ErrUnreachable) {
		t.Errorf("a file is in the way: %v", err)
	}
}

// A token that ends in the middle is refreshed once, each new one is told of, and what was told opens the place again.
func TestTokens(t *testing.T) {
	c := servers.DropboxCloud(t)
	c.Rotate = true
	var mu sync.Mutex
	var told []address.Secret
	p := params(t, c, "/x")
	p.Changed = func(s address.Secret) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, s)
	}
	r, err := dropbox.Open(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // nothing is left to do
	c.Expire()
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			if err := r.Put(t.Context(), fmt.Sprint(i), storetest.Bytes(1, 100_000)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := c.Given(); n != 2 || len(told) != 2 {
		t.Errorf("%d tokens were given, %d told", n, len(told))
	}
	p.Secret = told[len(told)-1]
	again, err := dropbox.Open(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close() //nolint:errcheck // nothing is left to do
	c.Revoke()
	for what, err := range map[string]error{
		"put":  r.Put(t.Context(), "more", nil),
		"read": r.ReadAt(t.Context(), "1", make([]byte, 1), 0),
		"list": r.List(t.Context(), "", func(store.Object) error { return nil }),
		"gone": again.Delete(t.Context(), "1"),
	} {
		if !errors.Is(err, store.ErrSignIn) {
			t.Errorf("%s after it was revoked: %v", what, err)
		}
	}
}

// A folder that goes away is unreachable, and is not made anew. Another one of its name is another place.
func TestFolderGone(t *testing.T) {
	for _, path := range []string{"/x", "/above/x"} {
		c := servers.DropboxCloud(t)
		r := open(t, c, path)
		storetest.Gone(t, r, func() { c.Remove(t, path) }, func() bool { return c.Has(path) })
		c.Make(t, path)
		for what, err := range map[string]error{
			"put": r.Put(t.Context(), "a", nil), "read": r.ReadAt(t.Context(), "packs/aa/1", make([]byte, 1), 0),
		} {
			if !errors.Is(err, store.ErrUnreachable) {
				t.Errorf("%s in another folder of that name: %v", what, err)
			}
		}
	}
}

// A folder that is deleted or renamed in the middle of a list is not taken for one with fewer objects.
func TestFolderGoneInAList(t *testing.T) {
	for name, away := range map[string]func(*servers.Cloud){
		"deleted": func(c *servers.Cloud) { c.Remove(t, "/x") },
		"renamed": func(c *servers.Cloud) { c.Rename(t, "/x", "y") },
	} {
		c := servers.DropboxCloud(t)
		r := open(t, c, "/x")
		for i := range 9 {
			if err := r.Put(t.Context(), fmt.Sprint(i), nil); err != nil {
				t.Fatal(err)
			}
		}
		c.Page(4)
		once := sync.OnceFunc(func() { away(c) })
		err := r.List(t.Context(), "", func(store.Object) error { once(); return nil })
		if !errors.Is(err, store.ErrUnreachable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Deleting the name of a folder deletes nothing, also where a folder has taken a file's place just now.
func TestDeleteDeletesNoFolder(t *testing.T) {
	c := servers.DropboxCloud(t)
	r := open(t, c, "/x")
	if err := r.Put(t.Context(), "a", nil); err != nil {
		t.Fatal(err)
	}
	c.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
		if is(r, "/delete_v2") && !c.Has("/x/a/b") {
			c.Remove(t, "/x/a")
			c.Make(t, "/x/a/b")
		}
		through.ServeHTTP(w, r)
	})
	if err := r.Delete(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if !c.Has("/x/a/b") {
		t.Error("a folder is deleted")
	}
}

// Ranges that are not as they were asked for are no object's bytes.
func TestOtherRanges(t *testing.T) {
	c := servers.DropboxCloud(t)
	r := open(t, c, "/x")
	if err := r.Put(t.Context(), "a", []byte("0123456789")); err != nil {
		t.Fatal(err)
	}
	for of, status := range map[string]int{"bytes 0-3/10": 206, "bytes 4-5/6": 206, "": 200, "bytes 4-7/10": 206} {
		c.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
			if !is(r, "/download") {
				through.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Range", of)
			w.Header().Set("Content-Length", "4")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "01") // and no more
		})
		if err := r.ReadAt(t.Context(), "a", make([]byte, 4), 4); err == nil {
			t.Errorf("%d %q is taken", status, of)
		}
	}
}
