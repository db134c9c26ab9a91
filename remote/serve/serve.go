// Package serve answers the app's calls to a store over one connection (core/store/remote/wire).
package serve

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/remote/wire"
)

// Opener opens a place. It calls changed with each new secret, as a refreshed token.
type Opener func(ctx context.Context, o wire.Open, changed func(json.RawMessage)) (store.Store, error)

// Places are what is served.
type Places struct {
	Open Opener
	// SignIn signs a person in to a place: it calls show with a page for the browser, and returns the secret that the
	// place has from now on. nil: no place has that.
	SignIn func(ctx context.Context, q wire.SignIn, show func(page string) error) (json.RawMessage, error)
	// Page returns what lies at an address of the web. nil: nothing is fetched.
	Page func(ctx context.Context, q wire.Page) ([]byte, error)
}

// Serve answers until the other side closes the connection.
func Serve(c io.ReadWriteCloser, places Places) error {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	h := &handler{places: places, secrets: make(chan json.RawMessage, 16), gone: make(chan struct{}), end: make(chan struct{})}
	l := &listener{gone: h.gone}
	l.conn = wire.Conn{ReadWriteCloser: c, Gone: sync.OnceFunc(func() { close(h.gone) })}
	s := &http.Server{
		Handler:   h,
		Protocols: protocols,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          128,
			MaxReceiveBufferPerConnection: 16 << 20,
			MaxReceiveBufferPerStream:     4 << 20,
		},
	}
	err := s.Serve(l)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.store != nil {
		_ = h.store.Close() // nobody is left to hear of it
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

type handler struct {
	places  Places
	secrets chan json.RawMessage
	gone    chan struct{} // the connection is closed
	ending  sync.Once
	end     chan struct{} // closed when nobody wants more secrets than there are

	mu     sync.Mutex
	store  store.Store
	inHand chan struct{} // holds a place for each object in memory
	spare  buffers
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case wire.PathOpen:
		h.answerOpen(w, r)
		return
	case wire.PathSignIn:
		h.signIn(w, r)
		return
	case wire.PathPage:
		h.page(w, r)
		return
	}
	h.mu.Lock()
	s := h.store
	h.mu.Unlock()
	if s == nil {
		fail(w, errors.New("no place is open"))
		return
	}
	name, object := strings.CutPrefix(r.URL.Path, wire.PathObject)
	switch {
	case object && (r.Method == http.MethodPut || r.Method == http.MethodGet):
		select { // so many in memory, and no more
		case h.inHand <- struct{}{}:
			defer func() { <-h.inHand }()
		case <-r.Context().Done():
			return
		}
		switch {
		case r.Method == http.MethodPut:
			h.put(w, r, s, name)
		case r.Header.Get(wire.HeaderMost) != "":
			readWhole(w, r, s, name)
		default:
			h.read(w, r, s, name)
		}
	case object && r.Method == http.MethodHead:
		o, err := s.Stat(r.Context(), name)
		if err != nil {
			fail(w, err)
			return
		}
		w.Header().Set(wire.HeaderSize, strconv.FormatInt(o.Size, 10))
	case object && r.Method == http.MethodDelete:
		answer(w, nil, s.Delete(r.Context(), name))
	case r.URL.Path == wire.PathList:
		list(w, r, s)
	case r.URL.Path == wire.PathBelow:
		below(w, r, s)
	case r.URL.Path == wire.PathFree:
		free(w, r, s)
	case r.URL.Path == wire.PathTemporary:
		clean(w, r, s)
	case r.URL.Path == wire.PathSecret && r.Method == http.MethodDelete:
		h.ending.Do(func() { close(h.end) })
	case r.URL.Path == wire.PathSecret:
		h.followSecret(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (h *handler) answerOpen(w http.ResponseWriter, r *http.Request) {
	var o wire.Open
	if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
		fail(w, err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.store != nil {
		fail(w, errors.New("a place is open already"))
		return
	}
	s, err := h.places.Open(r.Context(), o, func(secret json.RawMessage) {
		select {
		case h.secrets <- secret:
		case <-h.gone:
		}
	})
	if err != nil {
		fail(w, err)
		return
	}
	p := s.Properties()
	h.store, h.inHand, h.spare.most = s, make(chan struct{}, max(p.Connections, 1)), max(p.Connections, 1)
	_, space := s.(store.Spacer)
	_, temporary := s.(store.TemporaryCleaner)
	_, looks := s.(store.BelowLooker)
	answer(w, wire.Opened{
		Location: p.Location, Connections: p.Connections, Space: space, Temporary: temporary, Below: looks, Lags: p.Lags, Flat: p.Flat,
		Deletes: p.Deletes, PaidDays: p.PaidDays, ByTimes: p.ByTimes,
	}, nil)
}

// signIn writes the page, and what became of it.
func (h *handler) signIn(w http.ResponseWriter, r *http.Request) {
	var q wire.SignIn
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		fail(w, err)
		return
	}
	if h.places.SignIn == nil {
		fail(w, errors.ErrUnsupported)
		return
	}
	lines, c := json.NewEncoder(w), http.NewResponseController(w)
	secret, err := h.places.SignIn(r.Context(), q, func(page string) error {
		return errors.Join(lines.Encode(wire.SignedIn{Page: page}), c.Flush())
	})
	last := wire.SignedIn{Secret: secret}
	if err != nil {
		f := wire.Fail(err)
		last.Failure = &f
	}
	_ = lines.Encode(last) // who asked may be gone
}

func (h *handler) page(w http.ResponseWriter, r *http.Request) {
	var q wire.Page
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		fail(w, err)
		return
	}
	if h.places.Page == nil {
		fail(w, errors.ErrUnsupported)
		return
	}
	text, err := h.places.Page(r.Context(), q)
	if err != nil {
		fail(w, err)
		return
	}
	_, _ = w.Write(text) // who asked may be gone
}

func (h *handler) put(w http.ResponseWriter, r *http.Request, s store.Store, name string) {
	if r.ContentLength < 0 || r.ContentLength > wire.MaxObject {
		fail(w, store.ErrTooLarge)
		return
	}
	data, done := h.spare.take(int(r.ContentLength)), false
	defer func() { h.spare.give(data, done) }() // after an error it may still be on its way to somewhere
	if _, err := io.ReadFull(r.Body, data); err != nil {
		return // who sent it is gone
	}
	do := s.Replace
	if r.Header.Get(wire.HeaderFresh) != "" {
		do = s.Put
	}
	err := do(r.Context(), name, data)
	done = err == nil
	answer(w, nil, err)
}

func (h *handler) read(w http.ResponseWriter, r *http.Request, s store.Store, name string) {
	offset, err := strconv.ParseInt(r.Header.Get(wire.HeaderOffset), 10, 64)
	n, err2 := strconv.ParseInt(r.Header.Get(wire.HeaderLength), 10, 64)
	if err != nil || err2 != nil || n < 0 {
		fail(w, errors.New("no range"))
		return
	}
	if n > wire.MaxObject {
		fail(w, store.ErrTooLarge)
		return
	}
	p, done := h.spare.take(int(n)), false
	defer func() { h.spare.give(p, done) }()
	if err := s.ReadAt(r.Context(), name, p, offset); err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
	_, err = w.Write(p)
	done = err == nil // otherwise who asked is gone
}

func readWhole(w http.ResponseWriter, r *http.Request, s store.Store, name string) {
	most, err := strconv.ParseInt(r.Header.Get(wire.HeaderMost), 10, 64)
	if err != nil || most < 0 {
		fail(w, errors.New("no size"))
		return
	}
	p, err := store.ReadAll(r.Context(), s, name, min(most, wire.MaxObject))
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(p)))
	_, _ = w.Write(p) // who asked may be gone
}

func list(w http.ResponseWriter, r *http.Request, s store.Store) {
	out := bufio.NewWriter(w)
	lines := json.NewEncoder(out)
	err := s.List(r.Context(), r.URL.Query().Get("prefix"), func(o store.Object) error {
		return lines.Encode(wire.Item{Name: o.Name, Size: o.Size})
	})
	last := wire.Item{End: err == nil}
	if err != nil {
		f := wire.Fail(err)
		last.Failure = &f
	}
	_ = lines.Encode(last) // who asked is gone
	_ = out.Flush()
}

// below writes a line for each folder one level below that has an object.
func below(w http.ResponseWriter, r *http.Request, s store.Store) {
	looker, ok := s.(store.BelowLooker)
	q := r.URL.Query()
	most, err := strconv.ParseInt(q.Get("most"), 10, 64)
	if !ok || err != nil || most < 0 {
		fail(w, errors.ErrUnsupported)
		return
	}
	lines := json.NewEncoder(w)
	err = looker.LookBelow(r.Context(), store.Look{Object: q.Get("object"), MaxBytes: min(most, wire.MaxObject), Newest: q.Get("newest")},
		func(b store.Below) error {
			return lines.Encode(wire.Below{Folder: b.Folder, Data: b.Data, Changed: b.Changed})
		})
	last := wire.Below{End: err == nil}
	if err != nil {
		f := wire.Fail(err)
		last.Failure = &f
	}
	_ = lines.Encode(last) // who asked may be gone
}

func free(w http.ResponseWriter, r *http.Request, s store.Store) {
	spacer, ok := s.(store.Spacer)
	if !ok {
		fail(w, errors.ErrUnsupported)
		return
	}
	n, err := spacer.Free(r.Context())
	answer(w, wire.Free{Bytes: n}, err)
}

func clean(w http.ResponseWriter, r *http.Request, s store.Store) {
	cleaner, ok := s.(store.TemporaryCleaner)
	seconds, err := strconv.ParseInt(r.URL.Query().Get("seconds"), 10, 64)
	if !ok || err != nil {
		fail(w, errors.ErrUnsupported)
		return
	}
	n, err := cleaner.CleanTemporary(r.Context(), time.Duration(seconds)*time.Second)
	answer(w, wire.Removed{Files: n}, err)
}

// followSecret writes a line for each new secret until the connection ends, or until there is none left at the end.
func (h *handler) followSecret(w http.ResponseWriter, r *http.Request) {
	lines := json.NewEncoder(w)
	w.WriteHeader(http.StatusOK)
	c := http.NewResponseController(w)
	for {
		if c.Flush() != nil {
			return
		}
		select {
		case secret := <-h.secrets:
			if lines.Encode(secret) != nil {
				return
			}
		case <-h.end:
			for {
				select {
				case secret := <-h.secrets:
					if lines.Encode(secret) != nil {
						return
					}
				default:
					return
				}
			}
		case <-r.Context().Done():
			return
		case <-h.gone:
			return
		}
	}
}

func answer(w http.ResponseWriter, value any, err error) {
	if err != nil {
		fail(w, err)
		return
	}
	if value != nil {
		_ = json.NewEncoder(w).Encode(value) // who asked is gone
	}
}

// fail answers with an error. It stands in the header, where an answer to HEAD can hold it too.
func fail(w http.ResponseWriter, err error) {
	b, err := json.Marshal(wire.Fail(err))
	if err != nil {
		b = []byte(`{}`)
	}
	w.Header().Set(wire.HeaderFailure, string(b))
	w.WriteHeader(http.StatusConflict)
}

// listener gives one connection, and ends with it.
type listener struct {
	mu   sync.Mutex
	conn net.Conn
	gone chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	l.mu.Lock()
	c := l.conn
	l.conn = nil
	l.mu.Unlock()
	if c != nil {
		return c, nil
	}
	<-l.gone
	return nil, io.EOF
}

func (l *listener) Close() error   { return nil }
func (l *listener) Addr() net.Addr { return wire.Addr{} }
