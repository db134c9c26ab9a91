package onedrive_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/storetest"
	"github.com/holdfast-backup/holdfast/remote/bucket"
	"github.com/holdfast-backup/holdfast/remote/onedrive"
	"github.com/holdfast-backup/holdfast/remote/servers"
	"github.com/holdfast-backup/holdfast/remote/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func at(path string) address.Address { return address.Address{Kind: address.OneDrive, Path: path} }

// params are those of a person who has signed in.
func params(t *testing.T, o *servers.OneDrive, path string) onedrive.Params {
	t.Helper()
	return onedrive.Params{
		Address: at(path), Secret: o.SignedIn(t), Create: true, Web: web.Options{Proxy: o.Proxy, Roots: o.Roots},
	}
}

func open(t *testing.T, o *servers.OneDrive, path string) *bucket.Roomy {
	t.Helper()
	r, err := onedrive.Open(t.Context(), params(t, o, path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func isUpload(r *http.Request) bool { return r.Method == http.MethodPut }

func isList(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/children")
}

func TestOneDrive(t *testing.T) {
	o := servers.OneDriveCloud(t)
	n := 0
	storetest.Run(t, func(t *testing.T) store.Store {
		n++
		return open(t, o, fmt.Sprint("/A folder/ä+%#😀 & 'Büro'/", n))
	})
	if n := o.Leaks(); n > 0 {
		t.Errorf("a token was sent to where files are got from, %d times", n)
	}
}

// A list of many short pages, of which some are empty, has each object once.
func TestPages(t *testing.T) {
	o := servers.OneDriveCloud(t)
	r := open(t, o, "/x")
	const objects = 20
	for i := range objects {
		for _, name := range []string{fmt.Sprint("packs/", i%7, "/", i), fmt.Sprint("keyring-", i), fmt.Sprint("keyring-more/a/", i)} {
			if err := r.Put(t.Context(), name, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	o.Make(t, "/x/A folder of a person/packs")
	o.Page(3)
	for prefix, want := range map[string]int{"": 3 * objects, "packs/": objects, "keyring-": 2 * objects, "keyring-more/": objects} {
		if n := len(servers.Names(t, r, prefix)); n != want {
			t.Errorf("%q: %d objects are listed, want %d", prefix, n, want)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	o := servers.OneDriveCloud(t)
	good := o.SignedIn(t)
	other := servers.NewAccounts(o.Client, o.Scope).SignedIn(t) // whose token this service does not know
	p := params(t, o, "/x")
	p.Create = false
	servers.OpenErrors(t, map[string]servers.Opening{
		"no such folder": {At: at("/none"), Secret: good, Want: store.ErrUnreachable},
		"no sign-in":     {At: at("/x"), Secret: address.Secret{}, Want: store.ErrSignIn},
		"no token":       {At: at("/x"), Secret: address.Secret{address.Token: "{" + servers.Planted}, Want: store.ErrSignIn},
		"another person": {At: at("/x"), Secret: other, Want: store.ErrSignIn},
	}, func(ctx context.Context, a address.Address, secret address.Secret) (*bucket.Roomy, error) {
		p.Address, p.Secret = a, secret
		return onedrive.Open(ctx, p)
	})
	if o.Has("/none") {
		t.Error("a folder is made")
	}
	p = params(t, o, "/x")
	p.Web.Proxy = servers.NewInternet(t, nil).Proxy // behind which there is nothing
	if _, err := onedrive.Open(t.Context(), p); !errors.Is(err, store.ErrUnreachable) || errors.Is(err, store.ErrSignIn) {
		t.Errorf("nobody answers: %v", err)
	}
}

// A folder may be made with those above it, and one that is there is opened as it is, also in other letters.
func TestCreate(t *testing.T) {
	o := servers.OneDriveCloud(t)
	o.Make(t, "/Backups")
	r := open(t, o, "/Backups/Büro 50%/Here")
	if err := r.Put(t.Context(), "packs/aa/1", []byte("x")); err != nil {
		t.Fatal(err)
	}
	again := open(t, o, "/backups/büro 50%/here")
	if seen := servers.Names(t, again, ""); len(seen) != 1 || !seen["packs/aa/1"] {
		t.Errorf("%v", seen)
	}
	if _, err := onedrive.Open(t.Context(), params(t, o, "/Backups/Büro 50%/Here/packs/aa/1")); !errors.Is(err, store.ErrUnreachable) {
		t.Errorf("a file is in the way: %v", err)
	}
}

// A token that ends in the middle is refreshed once, each new one is told of, and what was told opens the place again:
// the service ends the token that a refresh was asked with.
func TestTokens(t *testing.T) {
	o := servers.OneDriveCloud(t)
	var mu sync.Mutex
	var told []address.Secret
	p := params(t, o, "/x")
	p.Changed = func(s address.Secret) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, s)
	}
	r, err := onedrive.Open(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // nothing is left to do
	o.Expire()
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			if err := r.Put(t.Context(), fmt.Sprint(i), storetest.Bytes(1, 100_000)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := o.Given(); n != 2 || len(told) != 2 {
		t.Errorf("%d tokens were given, %d told", n, len(told))
	}
	if _, err := onedrive.Open(t.Context(), p); err != nil && !errors.Is(err, store.ErrSignIn) {
		t.Errorf("with the token before: %v", err)
	}
	p.Secret = told[len(told)-1]
	again, err := onedrive.Open(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close() //nolint:errcheck // nothing is left to do
	o.Revoke()
	for what, err := range map[string]error{
		"put":    r.Put(t.Context(), "more", nil),
		"read":   r.ReadAt(t.Context(), "1", make([]byte, 1), 0),
		"list":   r.List(t.Context(), "", func(store.Object) error { return nil }),
		"delete": again.Delete(t.Context(), "1"),
	} {
		if !errors.Is(err, store.ErrSignIn) {
			t.Errorf("%s after it was revoked: %v", what, err)
		}
	}
}

// A folder that goes away is unreachable, and is not made anew. Another one of its name is another place.
func TestFolderGone(t *testing.T) {
	for _, path := range []string{"/x", "/above/x"} {
		o := servers.OneDriveCloud(t)
		r := open(t, o, path)
		storetest.Gone(t, r, func() { o.Remove(t, path) }, func() bool { return o.Has(path) })
		o.Make(t, path)
		for what, err := range map[string]error{
			"put": r.Put(t.Context(), "a", nil), "read": r.ReadAt(t.Context(), "packs/aa/1", make([]byte, 1), 0),
		} {
			if !errors.Is(err, store.ErrUnreachable) {
				t.Errorf("%s in another folder of that name: %v", what, err)
			}
		}
		if o.Has(path + "/a") {
			t.Error("an object is put into another folder of that name")
		}
	}
}

// A folder that is deleted in the middle of a list is not taken for one with fewer objects. A renamed one is the same.
func TestFolderMovesInAList(t *testing.T) {
	for name, c := range map[string]struct {
		away func(*servers.OneDrive)
		want error
	}{
		"deleted": {func(o *servers.OneDrive) { o.Remove(t, "/x") }, store.ErrUnreachable},
		"renamed": {func(o *servers.OneDrive) { o.Rename(t, "/x", "y") }, nil},
	} {
		o := servers.OneDriveCloud(t)
		r := open(t, o, "/x")
		for i := range 9 {
			if err := r.Put(t.Context(), fmt.Sprint(i%4, "/", i), nil); err != nil {
				t.Fatal(err)
			}
		}
		o.Page(2)
		n := 0
		err := r.List(t.Context(), "", func(store.Object) error {
			if n++; n == 1 {
				c.away(o)
			}
			return nil
		})
		if !errors.Is(err, c.want) || c.want == nil && n != 9 {
			t.Errorf("%s: %d objects, %v", name, n, err)
		}
	}
}

// What is deleted does not fill the recycle bin, unless the service can do no more than that.
func TestDelete(t *testing.T) {
	o := servers.OneDriveCloud(t)
	r := open(t, o, "/x")
	for name, answer := range map[string]int{"for-good": 0, "cannot": 400, "not-known": 405, "not-permitted": 403, "not-done": 501} {
		if err := r.Put(t.Context(), name, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		before := o.Bin()
		o.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
			if strings.HasSuffix(r.URL.Path, "/permanentDelete") && answer != 0 {
				servers.Says(w, answer, `{"error": {"code": "notSupported"}}`)
				return
			}
			through.ServeHTTP(w, r)
		})
		if err := r.Delete(t.Context(), name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if o.Has("/x/"+name) || (o.Bin() > before) != (answer != 0) {
			t.Errorf("%s: it is there, or %d bytes are in the recycle bin", name, o.Bin()-before)
		}
	}
}

// Deleting the name of a folder deletes nothing, also where a folder has taken a file's place just now.
func TestDeleteDeletesNoFolder(t *testing.T) {
	o := servers.OneDriveCloud(t)
	r := open(t, o, "/x")
	for name, answer := range map[string]int{"for-good": 0, "cannot": 400} {
		if err := r.Put(t.Context(), name, nil); err != nil {
			t.Fatal(err)
		}
		o.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
			if strings.HasSuffix(r.URL.Path, "/permanentDelete") {
				o.Remove(t, "/x/"+name)
				o.Make(t, "/x/"+name+"/b")
				if answer != 0 {
					w.WriteHeader(answer)
					return
				}
			}
			through.ServeHTTP(w, r)
		})
		if err := r.Delete(t.Context(), name); err != nil {
			t.Error(err)
		}
		if !o.Has("/x/" + name + "/b") {
			t.Errorf("%s: a folder is deleted", name)
		}
	}
}

// A folder that the service still finds by its id, in the recycle bin, is gone.
func TestFolderInTheRecycleBin(t *testing.T) {
	o := servers.OneDriveCloud(t)
	r := open(t, o, "/x")
	o.Before(func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		if strings.Contains(r.URL.Path, ":") {
			servers.Says(w, http.StatusNotFound, `{"error": {"code": "itemNotFound"}}`)
			return
		}
		servers.Says(w, http.StatusOK, `{"id": "1", "folder": {}, "deleted": {}, "value": []}`)
	})
	if _, err := r.Stat(t.Context(), "a"); !errors.Is(err, store.ErrUnreachable) {
		t.Error(err)
	}
}
