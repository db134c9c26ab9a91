package servers

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/remote/again"
)

// Faults stands between a store and a server that speaks HTTP, and has things go wrong.
type Faults struct {
	Addr string

	mu    sync.Mutex
	fault Fault
	of    func(*http.Request) bool
	every int // the fault befalls each so manieth request
	left  int // befalls that many, then none
	seen  int
	last  map[string][]byte // the answers to lists, by URL
	met   atomic.Int64
	asked atomic.Int64
}

// Fault is what goes wrong with a request.
type Fault struct {
	Name string
	do   func(f *Faults, w http.ResponseWriter, r *http.Request, through http.Handler)
}

// FaultsOf has faults befall the requests of a cloud.
func FaultsOf(c interface{ Before(do Meets) }) *Faults {
	f := &Faults{last: make(map[string][]byte)}
	c.Before(f.serve)
	return f
}

// NewFaults starts one in front of a server. It lets all through until Every or Next.
func NewFaults(t *testing.T, server string) *Faults {
	t.Helper()
	f := &Faults{last: make(map[string][]byte)}
	f.Addr = Between(t, server, f.serve)
	return f
}

// Every has the fault befall each n-th request that of accepts (nil: all), until Heal.
func (f *Faults) Every(n int, fault Fault, of func(*http.Request) bool) { f.set(fault, of, n, -1) }

// Next has the fault befall the next n requests that of accepts (nil: all).
func (f *Faults) Next(n int, fault Fault, of func(*http.Request) bool) { f.set(fault, of, 1, n) }

func (f *Faults) set(fault Fault, of func(*http.Request) bool, every, left int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault, f.of, f.every, f.left, f.seen = fault, of, every, left, 0
	f.met.Store(0)
}

// Heal lets all through again, and returns how many requests the fault befell.
func (f *Faults) Heal() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = 0
	return int(f.met.Load())
}

// Requests returns how many there were so far.
func (f *Faults) Requests() int { return int(f.asked.Load()) }

// serve answers a request.
func (f *Faults) serve(w http.ResponseWriter, r *http.Request, through http.Handler) {
	f.asked.Add(1)
	f.mu.Lock()
	meets := f.left != 0 && (f.of == nil || f.of(r))
	if meets {
		f.seen++
		meets = f.seen%f.every == 0
	}
	if meets && f.left > 0 {
		f.left--
	}
	fault := f.fault
	f.mu.Unlock()
	switch {
	case meets:
		f.met.Add(1)
		fault.do(f, w, r, through)
	case isList(r):
		name := key(r)
		answer := ask(r, through)
		f.mu.Lock()
		if _, known := f.last[name]; !known {
			f.last[name] = answer.Body.Bytes()
		}
		f.mu.Unlock()
		give(w, answer, answer.Body.Bytes())
	default:
		through.ServeHTTP(w, r)
	}
}

// ask asks the server.
func ask(r *http.Request, server http.Handler) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	server.ServeHTTP(answer, r)
	return answer
}

// isList reports whether a request lists.
func isList(r *http.Request) bool {
	if r.Method != http.MethodGet {
		return r.Method == "PROPFIND" && r.Header.Get("Depth") != "0" || r.URL.Path == "/2/files/list_folder" ||
			strings.HasSuffix(r.URL.Path, "/b2_list_file_versions") // WebDAV, Dropbox, B2
	}
	q := r.URL.Query()
	// S3, Azure, Google, Google Drive, OneDrive
	return q.Get("list-type") == "2" || q.Get("comp") == "list" || strings.HasSuffix(r.URL.Path, "/o") ||
		r.URL.Path == "/drive/v3/files" || strings.HasSuffix(r.URL.Path, "children")
}

// key names a list.
func key(r *http.Request) string {
	name := r.URL.String() + " " + r.Header.Get("Depth")
	if r.Method == http.MethodPost { // what is asked for is in the body
		body, _ := io.ReadAll(r.Body) // the server finds what is missing
		r.Body = io.NopCloser(bytes.NewReader(body))
		name += string(body)
	}
	return name
}

func give(w http.ResponseWriter, answer *httptest.ResponseRecorder, body []byte) {
	for k, v := range answer.Header() {
		w.Header()[k] = v
	}
	if answer.Body.Len() > 0 { // it may be another body
		w.Header().Del("Content-Length")
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(body) // who asked may be gone
}

// Answers has the server answer with a status and do nothing. after is a Retry-After, "" for none.
func Answers(status int, after string) Fault {
	return Fault{http.StatusText(status) + after, func(_ *Faults, w http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = io.Copy(io.Discard, r.Body) // it may be cut off
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		w.WriteHeader(status)
	}}
}

// The other faults.
var (
	// Refuses closes the connection, and nothing is done.
	Refuses = Fault{"refuses", func(*Faults, http.ResponseWriter, *http.Request, http.Handler) { cut() }}
	// LosesBody closes it in the middle of what is sent to the server.
	LosesBody = Fault{"loses the body", func(_ *Faults, _ http.ResponseWriter, r *http.Request, through http.Handler) {
		whole, _ := io.ReadAll(r.Body)
		short := r.Clone(r.Context())
		short.Body = io.NopCloser(io.MultiReader(bytes.NewReader(whole[:len(whole)/2]), broken{}))
		defer cut()
		ask(short, through)
	}}
	// LosesAnswer does what was asked, and closes the connection.
	LosesAnswer = Fault{"loses the answer", func(_ *Faults, _ http.ResponseWriter, r *http.Request, through http.Handler) {
		ask(r, through)
		cut()
	}}
	// Fails does what was asked, and says that it failed.
	Fails = Fault{"fails all the same", func(f *Faults, w http.ResponseWriter, r *http.Request, through http.Handler) {
		ask(r, through)
		w.WriteHeader(http.StatusInternalServerError)
	}}
	// Truncates cuts the answer off in its middle.
	Truncates = Fault{"truncates", func(f *Faults, w http.ResponseWriter, r *http.Request, through http.Handler) {
		answer := ask(r, through)
		body := answer.Body.Bytes()
		for k, v := range answer.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(body[:len(body)/2]) // it is cut off
		_ = http.NewResponseController(w).Flush()
		cut()
	}}
	// Repeats asks the server twice, as a proxy does that has heard nothing, and gives the second answer.
	Repeats = Fault{"repeats", func(f *Faults, w http.ResponseWriter, r *http.Request, through http.Handler) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			cut()
		}
		second := r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
		ask(r, through)
		second.Body = io.NopCloser(bytes.NewReader(body))
		answer := ask(second, through)
		give(w, answer, answer.Body.Bytes())
	}}
	// IsStale gives the answer that the first such list had.
	IsStale = Fault{"is stale", func(f *Faults, w http.ResponseWriter, r *http.Request, through http.Handler) {
		name := key(r)
		answer := ask(r, through)
		f.mu.Lock()
		before, known := f.last[name]
		f.mu.Unlock()
		if !known || !isList(r) {
			before = answer.Body.Bytes()
		}
		give(w, answer, before)
	}}
	// Doubles lists each name twice.
	Doubles = Fault{"doubles", func(f *Faults, w http.ResponseWriter, r *http.Request, through http.Handler) {
		answer := ask(r, through)
		give(w, answer, entry.ReplaceAll(answer.Body.Bytes(), []byte("$0$0")))
	}}
	// IsSlow takes its time with all that goes through: 1 Mbit/s.
	IsSlow = Fault{"is slow", func(f *Faults, w http.ResponseWriter, r *http.Request, through http.Handler) {
		r.Body = slow{r.Body, r}
		answer := ask(r, through)
		for k, v := range answer.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(answer.Code)
		_, _ = io.Copy(w, slow{io.NopCloser(answer.Body), r}) // who asked may be gone
	}}
)

// entry is one of a list.
var entry = regexp.MustCompile(`(?s)<Contents>.*?</Contents>|<Blob>.*?</Blob>|<D:response.*?</D:response>`)

// broken is a body that ends in the middle.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// slow lets 1 Mbit/s through.
type slow struct {
	io.ReadCloser
	r *http.Request
}

func (s slow) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p[:min(len(p), 12_500)])
	if serr := again.Sleep(s.r.Context(), time.Duration(n)*8*time.Microsecond); serr != nil {
		return n, serr
	}
	return n, err
}

// Befall has the fault befall one request.
func (f Fault) Befall(w http.ResponseWriter, r *http.Request, through http.Handler) {
	f.do(nil, w, r, through)
}

// Rewrites answers as the server does, with one text in place of another.
func Rewrites(text, by string, w http.ResponseWriter, r *http.Request, through http.Handler) {
	answer := ask(r, through)
	give(w, answer, bytes.ReplaceAll(answer.Body.Bytes(), []byte(text), []byte(by)))
}
