package drive_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/storetest"
	"github.com/holdfast-backup/holdfast/remote/bucket"
	"github.com/holdfast-backup/holdfast/remote/drive"
	"github.com/holdfast-backup/holdfast/remote/oauth"
	"github.com/holdfast-backup/holdfast/remote/servers"
	"github.com/holdfast-backup/holdfast/remote/web"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// The tests wait for pauses between tries, rather than for a processor.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// params open a folder, and make it.
func params(t *testing.T, d *servers.Drive, folder string) drive.Params {
	t.Helper()
	return drive.Params{
		Address: address.Address{Kind: address.Drive, Path: "/" + folder}, Secret: d.SignedIn(t), Create: true,
		Web: web.Options{Proxy: d.Proxy, Roots: d.Roots},
	}
}

func open(t *testing.T, p drive.Params) *bucket.Roomy {
	t.Helper()
	s, err := drive.Open(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// has asserts that an object has these bytes.
func has(t *testing.T, s store.Store, name string, data []byte) {
	t.Helper()
	got, err := store.ReadAll(t.Context(), s, name, 64<<20)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%s has %d bytes, want %d, or others: %v", name, len(got), len(data), err)
	}
}

// names are all that is listed, each once.
func names(t *testing.T, s store.Store, prefix string) map[string]int64 {
	t.Helper()
	seen := make(map[string]int64)
	err := s.List(t.Context(), prefix, func(o store.Object) error {
		if _, twice := seen[o.Name]; twice {
			t.Errorf("%s is listed twice", o.Name)
		}
		seen[o.Name] = o.Size
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return seen
}

// uploads are the requests that store bytes.
func uploads(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/upload/") }

const (
	small = 1_000
	large = 6 << 20 // more than one request may store
)

func TestGoogleDrive(t *testing.T) {
	d := servers.GoogleDrive(t)
	n := 0
	storetest.Run(t, func(t *testing.T) store.Store {
		n++
		return open(t, params(t, d, fmt.Sprint(`it's/ä%+ & b/`, n)))
	})
}

// A list of many pages, some of them short or empty, has each object once, also while objects are deleted.
func TestPages(t *testing.T) {
	d := servers.GoogleDrive(t)
	s := open(t, params(t, d, "Holdfast"))
	const objects = 60
	for i := range objects {
		must(t, s.Put(t.Context(), fmt.Sprintf("packs/%d/%d", i%7, i), make([]byte, i)))
	}
	d.Short(3)
	seen := names(t, s, "packs/")
	for i := range objects {
		if size, ok := seen[fmt.Sprintf("packs/%d/%d", i%7, i)]; !ok || size != int64(i) {
			t.Errorf("%d: %v, %d bytes", i, ok, size)
		}
	}
	n := 0
	must(t, s.List(t.Context(), "", func(o store.Object) error { n++; return s.Delete(t.Context(), o.Name) }))
	if n != objects || len(names(t, s, "")) > 0 {
		t.Errorf("%d objects are listed and deleted, want %d", n, objects)
	}
}

// A list that is not whole is not taken for whole.
func TestListsThatLie(t *testing.T) {
	d := servers.GoogleDrive(t)
	s := open(t, params(t, d, "Holdfast"))
	must(t, s.Put(t.Context(), "packs/aa/1", nil))
	for _, answer := range []string{
		`{"files": [], "incompleteSearch": true}`, `{"files": [], "nextPageToken": "again"}`, `{"files": [{"id": "1", "name": "a`, ``, `[]`,
	} {
		d.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
			if r.URL.Path == "/drive/v3/files" && r.Method == http.MethodGet {
				_, _ = w.Write([]byte(answer))
				return
			}
			through.ServeHTTP(w, r)
		})
		if err := s.List(t.Context(), "", func(store.Object) error { return nil }); !errors.Is(err, store.ErrUnreachable) {
			t.Errorf("%s: %v", answer, err)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	d := servers.GoogleDrive(t)
	for _, folder := range []string{"Strange/", "Trash/"} {
		d.Plant(t, folder, nil, time.Hour)
	}
	d.Plant(t, "Trash/Holdfast/", nil, time.Hour)
	d.Hide(t, "Strange/")
	d.Trash(t, "Trash/")
	before := d.Paths()
	at := func(folder string) address.Address { return address.Address{Kind: address.Drive, Path: "/" + folder} }
	ended := d.SignedIn(t)
	d.Revoke()
	good, other := d.SignedIn(t), servers.NewAccounts(oauth.Client{ID: "another"}, servers.DriveScope).SignedIn(t)
	open := func(proxy *url.URL) func(context.Context, address.Address, address.Secret) (*bucket.Roomy, error) {
		return func(ctx context.Context, a address.Address, secret address.Secret) (*bucket.Roomy, error) {
			return drive.Open(ctx, drive.Params{Address: a, Secret: secret, Web: web.Options{Proxy: proxy, Roots: d.Roots}})
		}
	}
	servers.OpenErrors(t, map[string]servers.Opening{
		"nobody has signed in":            {At: at("Strange"), Want: store.ErrSignIn},
		"no token":                        {At: at("Strange"), Secret: address.Secret{address.Token: servers.Planted}, Want: store.ErrSignIn},
		"a sign-in that was revoked":      {At: at("Strange"), Secret: ended, Want: store.ErrSignIn},
		"another program's sign-in":       {At: at("Strange"), Secret: other, Want: store.ErrSignIn},
		"a folder that is not there":      {At: at("None/Sub"), Secret: good, Want: bucket.ErrGone},
		"a folder of another program":     {At: at("Strange"), Secret: good, Want: bucket.ErrGone},
		"a folder in the trash":           {At: at("Trash"), Secret: good, Want: bucket.ErrGone},
		"a folder below one in the trash": {At: at("Trash/Holdfast"), Secret: good, Want: bucket.ErrGone},
	}, open(d.Proxy))
	away, err := url.Parse("http://127.0.0.1:" + servers.Port(t))
	must(t, err)
	servers.OpenErrors(t, map[string]servers.Opening{"nobody listens": {At: at("x"), Secret: good, Want: store.ErrUnreachable}}, open(away))
	if after := d.Paths(); !slices.Equal(before, after) {
		t.Errorf("something is made: %v", after)
	}
}

// Who asks for it gets the folder made, once, and another computer finds it.
func TestTheFolderIsMade(t *testing.T) {
	d := servers.GoogleDrive(t)
	d.Plant(t, "Backups/", nil, time.Hour)
	for range 2 {
		must(t, open(t, params(t, d, "Backups/Ann's/Holdfast")).Close())
	}
	if got := d.Paths(); !slices.Equal(got, []string{"Backups/", "Backups/Ann's/", "Backups/Ann's/Holdfast/"}) {
		t.Errorf("there are %v", got)
	}
}

// A folder that goes away is unreachable, and is not made anew. What a put has made in the trash does not stay there.
func TestFolderGone(t *testing.T) {
	for name, c := range map[string]struct {
		away    func(d *servers.Drive)
		mayWork []string
	}{
		"into the trash":             {func(d *servers.Drive) { d.Trash(t, "Place/Holdfast/") }, []string{"read"}},
		"into the trash, from above": {func(d *servers.Drive) { d.Trash(t, "Place/") }, []string{"read"}},
		"deleted":                    {func(d *servers.Drive) { d.Remove(t, "Place/Holdfast/") }, nil},
		"deleted, from above":        {func(d *servers.Drive) { d.Remove(t, "Place/") }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			d := servers.GoogleDrive(t)
			s := open(t, params(t, d, "Place/Holdfast"))
			must(t, s.Put(t.Context(), "packs/aa/0", nil))
			made := d.Asked("POST /drive/v3/files")
			storetest.Gone(t, s, func() { c.away(d) }, func() bool { return d.Count("Place/Holdfast/") > 0 }, c.mayWork...)
			if err := s.Put(t.Context(), "packs/aa/3", make([]byte, large)); !errors.Is(err, bucket.ErrGone) {
				t.Errorf("a large put: %v", err)
			}
			if n := d.Uses(); n > 1 {
				t.Errorf("%d bytes stay in the trash", n)
			}
			if n := d.Asked("POST /drive/v3/files") - made; n > 0 {
				t.Errorf("%d folders are made", n)
			}
		})
	}
}

// A folder of objects that is trashed or deleted takes its objects along, and those alone.
func TestAFolderOfObjectsGoes(t *testing.T) {
	for name, away := range map[string]func(*servers.Drive, *testing.T, string){
		"into the trash": (*servers.Drive).Trash, "deleted": (*servers.Drive).Remove,
	} {
		t.Run(name, func(t *testing.T) {
			for _, folder := range []string{"Holdfast/packs/", "Holdfast/packs/aa/"} {
				d := servers.GoogleDrive(t)
				s := open(t, params(t, d, "Holdfast"))
				must(t, s.Put(t.Context(), "packs/aa/1", []byte("x")))
				must(t, s.Put(t.Context(), "indexes/1", []byte("y")))
				other := open(t, params(t, d, "Holdfast"))
				must(t, other.Put(t.Context(), "packs/aa/0", nil))
				away(d, t, folder)
				before := d.Asked("POST /upload/drive/v3/files")
				must(t, other.Put(t.Context(), "packs/bb/1", []byte("z"))) // makes a folder in one that it knows
				if n := d.Asked("POST /upload/drive/v3/files") - before; n != 1 {
					t.Errorf("an object was sent %d times", n)
				}
				if _, err := s.Stat(t.Context(), "packs/aa/1"); !errors.Is(err, store.ErrNotExist) {
					t.Errorf("stat: %v", err)
				}
				must(t, s.Put(t.Context(), "packs/aa/2", []byte("zz")))
				must(t, s.Put(t.Context(), "packs/aa/1", []byte("xx")))
				has(t, s, "packs/aa/1", []byte("xx"))
				has(t, s, "indexes/1", []byte("y"))
				has(t, s, "packs/bb/1", []byte("z"))
				if got := names(t, s, ""); len(got) != 4 {
					t.Errorf("there are %v", got)
				}
			}
		})
	}
}

// A name of a folder is a name, whatever is in it, and a large letter is another letter than a small one.
func TestNamesAreNoQuestions(t *testing.T) {
	d := servers.GoogleDrive(t)
	for i, folder := range []string{
		"Holdfast", "holdfast", "it's", `\`, `\'`, `x' or name != '`, `' in parents and 'root`, "a b+c%20&d?e=#f",
	} {
		s := open(t, params(t, d, folder))
		data := []byte{byte(i)}
		must(t, s.Put(t.Context(), "packs/aa/1", data))
		must(t, s.Close())
		s = open(t, params(t, d, folder))
		has(t, s, "packs/aa/1", data)
		if d.Count(folder+"/") != 1 || len(names(t, s, "")) != 1 {
			t.Errorf("%s: %v", folder, d.Paths())
		}
	}
}

// The layout is that of a backup in a folder.
func TestLayout(t *testing.T) {
	d := servers.GoogleDrive(t)
	s := open(t, params(t, d, "Holdfast"))
	for _, name := range []string{"holdfast.json", "packs/0a/0a1", "packs/0a/0a2"} {
		must(t, s.Put(t.Context(), name, nil))
	}
	if got := d.Paths(); !slices.Equal(got, []string{
		"Holdfast/", "Holdfast/holdfast.json", "Holdfast/packs/", "Holdfast/packs/0a/", "Holdfast/packs/0a/0a1", "Holdfast/packs/0a/0a2",
	}) {
		t.Errorf("there are %q", got)
	}
	// What Drive permits, and is no object.
	d.Plant(t, "Holdfast/packs/My letter.txt", []byte("x"), 0)
	d.Plant(t, "Holdfast/packs/letters/", nil, 0)
	for _, name := range []string{"0a/0a1", "0a/0a3", "..", "../holdfast.json"} {
		d.Plant(t, "Holdfast/packs/x", []byte("x"), time.Hour)
		d.Rename(t, "Holdfast/packs/x", name)
	}
	if got := names(t, s, ""); len(got) != 3 {
		t.Errorf("listed: %v", got)
	}
}

// One token serves many calls. One that ends is replaced in the middle of a put, and the new one is told of.
func TestTokens(t *testing.T) {
	for _, rotate := range []bool{false, true} {
		d := servers.GoogleDrive(t)
		d.Rotate = rotate
		p := params(t, d, "Holdfast")
		var mu sync.Mutex
		var told []address.Secret
		p.Changed = func(s address.Secret) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, s)
		}
		s := open(t, p)
		for i, size := range []int{0, small, large} {
			// It ends before each kind of request, once.
			met := make(map[string]bool)
			d.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
				kind := r.Method + r.URL.Path + r.URL.Query().Get("uploadType")
				if !met[kind] {
					met[kind] = true
					d.Expire()
				}
				through.ServeHTTP(w, r)
			})
			data, name := storetest.Bytes(1, size), fmt.Sprintf("packs/%d/x", i)
			must(t, s.Put(t.Context(), name, data))
			has(t, s, name, data)
			if d.Count("Holdfast/"+name) != 1 {
				t.Errorf("there are %v", d.Paths())
			}
		}
		d.Before(nil)
		if n := d.Given(); n != len(told) || n < 5 {
			t.Errorf("%d tokens were given, %d told", n, len(told))
		}
		p.Secret = told[len(told)-1]
		has(t, open(t, p), "packs/0/x", nil)
		d.Revoke()
		for what, err := range map[string]error{
			"put": s.Put(t.Context(), "y", nil), "list": s.List(t.Context(), "", func(store.Object) error { return nil }),
			"read": s.ReadAt(t.Context(), "packs/1/x", make([]byte, 1), 0), "delete": s.Delete(t.Context(), "packs/0/x"),
		} {
			if !errors.Is(err, store.ErrSignIn) {
				t.Errorf("%s, revoked: %v", what, err)
			}
		}
	}
}

// An account that is full says so, keeps what it has, and takes more when there is room.
func TestQuota(t *testing.T) {
	d := servers.GoogleDrive(t)
	s := open(t, params(t, d, "Holdfast"))
	must(t, s.Put(t.Context(), "holdfast.json", []byte("first")))
	d.Quota(500)
	if n, err := s.Free(t.Context()); n != 500 || err != nil {
		t.Errorf("%d bytes are free, %v", n, err)
	}
	for _, size := range []int{small, large} {
		if err := s.Put(t.Context(), "packs/aa/1", make([]byte, size)); !errors.Is(err, store.ErrNoSpace) {
			t.Errorf("put of %d bytes: %v", size, err)
		}
		if err := s.Replace(t.Context(), "holdfast.json", make([]byte, size)); !errors.Is(err, store.ErrNoSpace) {
			t.Errorf("replace with %d bytes: %v", size, err)
		}
	}
	has(t, s, "holdfast.json", []byte("first"))
	must(t, s.Put(t.Context(), "packs/aa/2", make([]byte, 400)))
	d.Quota(-1)
	must(t, s.Put(t.Context(), "packs/aa/1", make([]byte, large)))
	if n, err := s.Free(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("%d bytes are free, %v", n, err)
	}
	if got := names(t, s, ""); len(got) != 3 || got["packs/aa/1"] != large {
		t.Errorf("there are %v", got)
	}
}
