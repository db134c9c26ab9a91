package servers

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/remote/oauth"
)

// OneDrive is one as the documents of Microsoft Graph describe it, with an app that has a folder of its own.
type OneDrive struct {
	*Cloud

	drive string // its id
	links map[string]*thing
	bin   int64 // bytes of what was deleted, and still takes room
	leaks atomic.Int64
	asked bool // for the app's own folder itself, which makes it
}

// downloads is where files are got from, with links that need no token.
const downloads = "public.files.1drv.com"

// OneDriveCloud starts one.
func OneDriveCloud(t *testing.T) *OneDrive {
	t.Helper()
	o := &OneDrive{Cloud: newCloud(NewAccounts(oauth.Client{ID: "holdfast"}, "Files.ReadWrite.AppFolder offline_access")),
		drive: "D4648F06C91D9D3D", links: make(map[string]*thing)}
	o.Rotate = true
	login := http.NewServeMux()
	login.HandleFunc("GET /common/oauth2/v2.0/authorize", o.Ask)
	login.HandleFunc("POST /common/oauth2/v2.0/token", o.Give)
	o.Internet = NewInternet(t, map[string]http.Handler{
		"login.microsoftonline.com": login, "graph.microsoft.com": o.meets(http.HandlerFunc(o.graph)),
		downloads: o.meets(http.HandlerFunc(o.download)),
	})
	return o
}

// Leaks is how often a token was sent to where files are got from, which must not see one.
func (o *OneDrive) Leaks() int { return int(o.leaks.Load()) }

// Bin is how many bytes are in the recycle bin.
func (o *OneDrive) Bin() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.bin
}

func (o *OneDrive) download(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "" {
		o.leaks.Add(1)
		w.WriteHeader(http.StatusUnauthorized) // as the service does
		return
	}
	o.mu.Lock()
	x := o.links[r.URL.Path]
	var data []byte
	if x != nil {
		data = x.data // which is replaced as a whole
	}
	o.mu.Unlock()
	if x == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	giveRange(w, r, data)
}

// graphError is an error as Graph writes it.
func graphError(status int, code string) answered {
	return func(w http.ResponseWriter) {
		answerJSON(w, status, map[string]any{"error": map[string]any{"code": code, "message": "Said to people.",
			"innerError": map[string]string{"date": "2026-01-01T00:00:00", "request-id": rand.Text()}}})
	}
}

var (
	notFound  = graphError(http.StatusNotFound, "itemNotFound")
	invalid   = graphError(http.StatusBadRequest, "invalidRequest")
	nameTaken = graphError(http.StatusConflict, "nameAlreadyExists")
)

func (o *OneDrive) graph(w http.ResponseWriter, r *http.Request) {
	if !o.Knows(r) {
		graphError(http.StatusUnauthorized, "InvalidAuthenticationToken")(w)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // it was cut off
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/v1.0/")
	if !ok {
		invalid(w)
		return
	}
	o.mu.Lock()
	answer := o.find(r, path, body)
	o.mu.Unlock()
	answer(w)
}

// find answers a request to a path.
func (o *OneDrive) find(r *http.Request, path string, body []byte) answered {
	rest, ok := strings.CutPrefix(path, "me/drive")
	if !ok {
		if rest, ok = strings.CutPrefix(path, "drives/"+o.drive); !ok {
			return graphError(http.StatusForbidden, "accessDenied")
		}
	}
	if rest == "" && r.Method == http.MethodGet {
		left := max(o.quota-o.used()-o.bin, 0)
		return gives(map[string]any{"quota": map[string]any{"total": o.quota, "remaining": left, "used": o.used() + o.bin, "deleted": o.bin}})
	}
	base, rest := o.root, strings.TrimPrefix(rest, "/")
	if after, ok := strings.CutPrefix(rest, "special/approot"); ok {
		if rest = after; rest == "" && r.Method == http.MethodGet {
			o.asked = true
		}
		if !o.asked {
			return graphError(http.StatusForbidden, "accessDenied") // as people report
		}
	} else if after, ok := strings.CutPrefix(rest, "items/"); ok {
		id := after
		if i := strings.IndexAny(after, ":/"); i >= 0 {
			id = after[:i]
		}
		base, rest = o.things[strings.TrimPrefix(id, o.drive+"!")], after[len(id):]
	} else {
		return invalid
	}
	if base == nil {
		return notFound
	}
	below, what := "", strings.TrimPrefix(rest, "/")
	if after, ok := strings.CutPrefix(rest, ":/"); ok {
		below, what, _ = strings.Cut(after, ":/")
		if below == "" {
			return invalid
		}
	}
	if what == "content" && r.Method == http.MethodPut {
		return o.put(r, base, below, body)
	}
	x := o.at(base, below)
	if x == nil {
		return notFound
	}
	return o.do(r, x, what, body)
}

// do answers a request for something that is there.
func (o *OneDrive) do(r *http.Request, x *thing, what string, body []byte) answered {
	switch what + " " + r.Method {
	case " GET":
		return gives(o.selected(r, x))
	case " DELETE":
		o.bin += size(x)
		o.drop(x)
		return gone
	case "permanentDelete POST":
		if !strings.HasPrefix(r.URL.Path, "/v1.0/drives/") {
			return invalid
		}
		o.drop(x)
		return gone
	case "content GET":
		if x.inside != nil {
			return graphError(http.StatusBadRequest, "invalidRequest")
		}
		link := "/" + rand.Text()
		o.links[link] = x
		return func(w http.ResponseWriter) {
			w.Header().Set("Location", "https://"+downloads+link)
			w.WriteHeader(http.StatusFound)
		}
	case "children GET":
		return o.children(r, x)
	case "children POST":
		return o.make(x, body)
	}
	return graphError(http.StatusMethodNotAllowed, "notAllowed")
}

func gone(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) }

// size is how much something takes with all that is inside, bytes.
func size(x *thing) int64 {
	n := int64(len(x.data))
	for _, y := range x.inside {
		n += size(y)
	}
	return n
}

// selected is what the service tells of something, of which a request selects a part.
func (o *OneDrive) selected(r *http.Request, x *thing) map[string]any {
	about := map[string]any{"id": o.drive + "!" + x.id, "name": x.name, "size": size(x), "eTag": x.rev,
		"lastModifiedDateTime": x.time.UTC().Format(time.RFC3339),
		"parentReference":      map[string]string{"driveId": o.drive}}
	if x.inside != nil {
		about["folder"] = map[string]int{"childCount": len(x.inside)}
	} else {
		about["file"] = map[string]any{"mimeType": "application/octet-stream", "hashes": map[string]string{
			"quickXorHash": base64.StdEncoding.EncodeToString(quickXor(x.data))}}
	}
	if fields := r.URL.Query().Get("$select"); fields != "" {
		for k := range about {
			if !slices.Contains(strings.Split(fields, ","), k) {
				delete(about, k)
			}
		}
	}
	return about
}

// quickXor is Microsoft's QuickXorHash, bit by bit as its description says.
func quickXor(data []byte) []byte {
	var bits [160]byte
	for i, b := range data {
		for k := range 8 {
			bits[(i*11+k)%160] ^= b >> k & 1
		}
	}
	out := make([]byte, 20)
	for i, b := range bits {
		out[i/8] |= b << (i % 8)
	}
	binary.LittleEndian.PutUint64(out[12:], binary.LittleEndian.Uint64(out[12:])^uint64(len(data)))
	return out
}

// put makes the folders above what it puts.
func (o *OneDrive) put(r *http.Request, base *thing, below string, body []byte) answered {
	behaviour := r.URL.Query().Get("@microsoft.graph.conflictBehavior")
	switch {
	case behaviour != "fail" && behaviour != "replace" || below == "" || r.Header.Get("Content-Type") == "":
		return invalid
	case len(body) > 250<<20:
		return graphError(http.StatusRequestEntityTooLarge, "fileTooLarge")
	}
	x, status := o.at(base, below), http.StatusOK
	switch {
	case x != nil && (x.inside != nil || behaviour == "fail"):
		return nameTaken
	case o.used()+o.bin+int64(len(body)) > o.quota:
		return graphError(http.StatusInsufficientStorage, "quotaLimitReached")
	case x == nil:
		i := strings.LastIndex(below, "/")
		folder, err := o.folder(base, below[:max(i, 0)])
		if err != nil || folder.inside == nil {
			return invalid
		}
		x, status = o.add(folder, below[i+1:], false), http.StatusCreated
	}
	x.write(body)
	about := o.selected(&http.Request{URL: &url.URL{}}, x)
	return func(w http.ResponseWriter) { answerJSON(w, status, about) }
}

func (o *OneDrive) make(x *thing, body []byte) answered {
	var arg struct {
		Name      string         `json:"name"`
		Folder    map[string]any `json:"folder"`
		Behaviour string         `json:"@microsoft.graph.conflictBehavior"`
	}
	err := json.Unmarshal(body, &arg)
	if err != nil || arg.Name == "" || strings.Contains(arg.Name, "/") || arg.Folder == nil || arg.Behaviour != "fail" || x.inside == nil {
		return invalid
	}
	if o.at(x, arg.Name) != nil {
		return nameTaken
	}
	about := o.selected(&http.Request{URL: &url.URL{}}, o.add(x, arg.Name, true))
	return func(w http.ResponseWriter) { answerJSON(w, http.StatusCreated, about) }
}

func (o *OneDrive) children(r *http.Request, x *thing) answered {
	q := r.URL.Query()
	l := listing{of: x, rest: x.all(false), limit: 200}
	if top, err := strconv.Atoi(q.Get("$top")); err == nil && top > 0 {
		l.limit = top
	}
	if token := q.Get("$skiptoken"); token != "" {
		var ok bool
		if l, ok = o.lists[token]; !ok || l.of != x {
			return invalid
		}
	}
	entries, next := o.turn(l)
	told := make([]map[string]any, len(entries))
	for i, y := range entries {
		told[i] = o.selected(r, y)
	}
	answer := map[string]any{"value": told}
	if next != "" {
		q.Set("$skiptoken", next)
		answer["@odata.nextLink"] = "https://graph.microsoft.com/v1.0/me/drive/items/" + o.drive + "!" + x.id + "/children?" + q.Encode()
	}
	return gives(answer)
}
