package servers

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Cloud is a service that people sign in to, with the files of one person in memory. Names differ by more than case.
type Cloud struct {
	*Accounts
	*Internet

	mu     sync.Mutex
	root   *thing // the app's own folder
	things map[string]*thing
	quota  int64 // bytes
	page   int   // entries of a list, at most
	lists  map[string]listing
	before Meets
}

// thing is a file or a folder.
type thing struct {
	id     string
	name   string
	parent *thing
	inside map[string]*thing // by names in small letters; nil: a file
	data   []byte
	rev    string
	time   time.Time
}

// listing is the rest of a list that was begun.
type listing struct {
	of    *thing
	rest  []*thing
	limit int // entries of a page
	said  int // pages
}

func newCloud(a *Accounts) *Cloud {
	c := &Cloud{Accounts: a, things: make(map[string]*thing), quota: 1 << 40, page: 1 << 30, lists: make(map[string]listing)}
	c.root = c.add(nil, "", true)
	return c
}

// Before has do answer each request to the service, which it may let through; nil: all go through.
func (c *Cloud) Before(do Meets) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.before = do
}

// Quota sets how many bytes there is room for.
func (c *Cloud) Quota(bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quota = bytes
}

// Page sets how many entries a page of a list has at most.
func (c *Cloud) Page(entries int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.page = entries
}

// Reset forgets all lists that were begun.
func (c *Cloud) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.lists)
}

// Make makes a folder with its parents.
func (c *Cloud) Make(t *testing.T, path string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, err := c.folder(c.root, path); err != nil || f == nil {
		t.Fatal(err)
	}
}

// Remove removes what has a path, with all that is inside.
func (c *Cloud) Remove(t *testing.T, path string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.at(c.root, path)
	if x == nil || x == c.root {
		t.Fatalf("there is no %s", path)
	}
	c.drop(x)
}

// Rename gives what has a path another name.
func (c *Cloud) Rename(t *testing.T, path, name string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.at(c.root, path)
	if x == nil || x == c.root || c.at(x.parent, name) != nil {
		t.Fatalf("%s cannot be renamed", path)
	}
	delete(x.parent.inside, strings.ToLower(x.name))
	x.name = name
	x.parent.inside[strings.ToLower(name)] = x
}

// Has reports whether something has a path.
func (c *Cloud) Has(path string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at(c.root, path) != nil
}

// meets answers a request by the service, or by what stands before it.
func (c *Cloud) meets(service http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		before := c.before
		c.mu.Unlock()
		if before != nil {
			before(w, r, service)
			return
		}
		service.ServeHTTP(w, r)
	})
}

// What follows is called by who holds mu.

func (c *Cloud) add(parent *thing, name string, folder bool) *thing {
	x := &thing{id: rand.Text(), name: name, parent: parent, rev: rand.Text(), time: time.Now()}
	if folder {
		x.inside = make(map[string]*thing)
	}
	if parent != nil {
		parent.inside[strings.ToLower(name)] = x
	}
	c.things[x.id] = x
	return x
}

func (c *Cloud) drop(x *thing) {
	for _, y := range x.inside {
		c.drop(y)
	}
	delete(x.parent.inside, strings.ToLower(x.name))
	delete(c.things, x.id)
}

// parts are the names of a path.
func parts(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"), func(s string) bool { return s == "" })
}

// at returns what has a path below a folder; nil: nothing has.
func (c *Cloud) at(x *thing, path string) *thing {
	for _, name := range parts(path) {
		if x = x.inside[strings.ToLower(name)]; x == nil {
			return nil
		}
	}
	return x
}

// errFile: a file stands where a folder is needed.
var errFile = errors.New("a file is in the way")

// folder returns the folder that has a path, and makes what is missing of it.
func (c *Cloud) folder(x *thing, path string) (*thing, error) {
	for _, name := range parts(path) {
		next := x.inside[strings.ToLower(name)]
		switch {
		case next == nil:
			next = c.add(x, name, true)
		case next.inside == nil:
			return nil, errFile
		}
		x = next
	}
	return x, nil
}

// full reports whether there is no room for bytes more.
func (c *Cloud) full(bytes int) bool { return c.used()+int64(bytes) > c.quota }

func (c *Cloud) used() int64 {
	var n int64
	for _, x := range c.things {
		n += int64(len(x.data))
	}
	return n
}

// write gives a file its bytes.
func (x *thing) write(data []byte) {
	x.data, x.rev, x.time = data, rand.Text(), time.Now()
}

// path is where something is, below the app's own folder.
func (x *thing) path() string {
	if x.parent == nil {
		return ""
	}
	return x.parent.path() + "/" + x.name
}

// all are what is in a folder, by name; deep: also what is in the folders there.
func (x *thing) all(deep bool) []*thing {
	var out []*thing
	for _, y := range x.inside {
		out = append(out, y)
		if deep {
			out = append(out, y.all(true)...)
		}
	}
	slices.SortFunc(out, func(a, b *thing) int { return strings.Compare(a.path(), b.path()) })
	return out
}

// turn returns the next entries of a list, and what it goes on with; "": it ends.
func (c *Cloud) turn(l listing) (entries []*thing, next string) {
	n := min(l.limit, c.page, len(l.rest))
	if l.said == 1 {
		n = 0 // a page may be empty, and the list go on
	}
	entries, l.rest = l.rest[:n], l.rest[n:]
	if l.said++; len(l.rest) > 0 {
		next = rand.Text()
		c.lists[next] = l
	}
	return slices.DeleteFunc(slices.Clone(entries), func(x *thing) bool { return c.things[x.id] != x }), next // one may be gone since
}

// giveRange answers with the part of data that a request asks for.
func giveRange(w http.ResponseWriter, r *http.Request, data []byte) {
	w.Header().Set("Content-Type", "application/octet-stream")
	asked := r.Header.Get("Range")
	if asked == "" {
		_, _ = w.Write(data) // who asked may be gone
		return
	}
	var from, to int
	if _, err := fmt.Sscanf(asked, "bytes=%d-%d", &from, &to); err != nil || from >= len(data) || to < from {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", len(data)))
		w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		return
	}
	to = min(to, len(data)-1)
	w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, len(data)))
	w.WriteHeader(http.StatusPartialContent)
	_, _ = io.Copy(w, bytes.NewReader(data[from:to+1])) // who asked may be gone
}
