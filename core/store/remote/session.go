package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/remote/wire"
)

// session is one life of the program.
type session struct {
	process io.ReadWriteCloser
	client  *http.Client
	opened  wire.Opened
	calls   sync.WaitGroup // under way, but for the one that follows the secret
	end     context.CancelFunc
	alive   context.Context
	follows sync.WaitGroup // what hands on secrets
	closing sync.Once
	closed  error
}

func newSession(p io.ReadWriteCloser, silence time.Duration) *session {
	if silence == 0 {
		silence = 30 * time.Second
	}
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	var once sync.Once
	gone := make(chan struct{})
	conn := wire.Conn{ReadWriteCloser: p, Gone: sync.OnceFunc(func() { close(gone) })}
	s := &session{process: p}
	s.alive, s.end = context.WithCancel(context.Background())
	t := &http.Transport{
		Protocols: protocols,
		// There is one connection. The transport may ask for another one before it has noted the first, and takes that
		// when it is there.
		DialContext: func(ctx context.Context, _, _ string) (c net.Conn, err error) {
			once.Do(func() { c = conn })
			if c != nil {
				return c, nil
			}
			select {
			case <-gone:
			case <-s.alive.Done():
			case <-ctx.Done():
			}
			return nil, errors.New("holdfast-remote has ended")
		},
		DisableCompression: true,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout:               silence / 2,
			PingTimeout:                   silence / 2,
			MaxReceiveBufferPerConnection: 16 << 20,
			MaxReceiveBufferPerStream:     4 << 20,
		},
	}
	s.client = &http.Client{Transport: t}
	return s
}

// close ends the program at once.
func (s *session) close() error {
	s.closing.Do(func() {
		s.end()
		s.closed = s.process.Close()
		s.client.CloseIdleConnections()
	})
	return s.closed
}

// settle has the program hand over what it has not told yet: a token that replaces another one must not be lost. A
// program that takes long over it is left.
func (s *session) settle() {
	ctx, cancel := context.WithTimeout(context.Background(), settling)
	defer cancel()
	if s.plain(ctx, http.MethodDelete, wire.PathSecret, nil) != nil {
		return // it has ended, or hangs
	}
	told := make(chan struct{})
	go func() {
		s.follows.Wait()
		close(told)
	}()
	select {
	case <-told:
	case <-ctx.Done():
	}
}

// settling is how long a program has for its last words.
const settling = 3 * time.Second

// retire ends the program when the calls under way have ended.
func (s *session) retire() {
	s.calls.Wait()
	s.settle()
	_ = s.close() // nothing is lost with it
}

// request is one question to the program.
type request struct {
	method, path string
	body         []byte
	header       map[string]string
	into         any                             // takes the answer as JSON; nil: there is none
	read         func(body *http.Response) error // takes the answer otherwise
}

func (s *session) plain(ctx context.Context, method, path string, into any) error {
	return s.do(ctx, request{method: method, path: path, into: into})
}

func (s *session) do(ctx context.Context, q request) error {
	body := &lent{r: bytes.NewReader(q.body)}
	defer body.back()
	req, err := http.NewRequestWithContext(ctx, q.method, "http://holdfast-remote"+q.path, body)
	if err != nil {
		return err
	}
	req.ContentLength = int64(len(q.body))
	if len(q.body) == 0 {
		req.Body = http.NoBody
	}
	for k, v := range q.header {
		req.Header.Set(k, v)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return ended(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end, or not wanted any more
	if f := resp.Header.Get(wire.HeaderFailure); f != "" {
		var failure wire.Failure
		if err := json.Unmarshal([]byte(f), &failure); err != nil {
			return ended(err)
		}
		return failure.Err()
	}
	switch {
	case resp.StatusCode/100 != 2:
		return ended(fmt.Errorf("holdfast-remote answers %s", resp.Status))
	case q.read != nil:
		return q.read(resp)
	case q.into == nil:
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(q.into); err != nil {
		return ended(err)
	}
	return nil
}

// ended is what a program that does not answer as it should means: nobody knows how the place is.
func ended(err error) error {
	var outer *url.Error
	if errors.As(err, &outer) { // its words name a URL that nobody typed
		err = outer.Err
	}
	return fmt.Errorf("%w: %w", store.ErrUnreachable, err)
}

func (s *session) put(ctx context.Context, name string, data []byte, fresh bool) error {
	if len(data) > wire.MaxObject {
		return store.ErrTooLarge
	}
	q := request{method: http.MethodPut, path: wire.PathObject + name, body: data}
	if fresh {
		q.header = map[string]string{wire.HeaderFresh: "*"}
	}
	return s.do(ctx, q)
}

func (s *session) readAt(ctx context.Context, name string, p []byte, offset int64) error {
	if offset < 0 {
		return fmt.Errorf("offset %d", offset)
	}
	return s.do(ctx, request{
		method: http.MethodGet, path: wire.PathObject + name,
		header: map[string]string{wire.HeaderOffset: strconv.FormatInt(offset, 10), wire.HeaderLength: strconv.Itoa(len(p))},
		read: func(resp *http.Response) error {
			if _, err := io.ReadFull(resp.Body, p); err != nil {
				return ended(err)
			}
			return nil
		},
	})
}

func (s *session) readWhole(ctx context.Context, name string, most int64) (data []byte, err error) {
	err = s.do(ctx, request{
		method: http.MethodGet, path: wire.PathObject + name, header: map[string]string{wire.HeaderMost: strconv.FormatInt(most, 10)},
		read: func(resp *http.Response) error {
			if resp.ContentLength < 0 || resp.ContentLength > most {
				return ended(errors.New("holdfast-remote sends more than it was asked for"))
			}
			data = make([]byte, resp.ContentLength)
			if _, err := io.ReadFull(resp.Body, data); err != nil {
				return ended(err)
			}
			return nil
		},
	})
	return data, err
}

func (s *session) stat(ctx context.Context, name string) (store.Object, error) {
	o := store.Object{Name: name}
	err := s.do(ctx, request{method: http.MethodHead, path: wire.PathObject + name, read: func(resp *http.Response) (err error) {
		if o.Size, err = strconv.ParseInt(resp.Header.Get(wire.HeaderSize), 10, 64); err != nil || o.Size < 0 {
			return ended(errors.New("holdfast-remote tells no size"))
		}
		return nil
	}})
	return o, err
}

func (s *session) list(ctx context.Context, prefix string, fn func(store.Object) error) error {
	return s.do(ctx, request{method: http.MethodGet, path: wire.PathList + "?prefix=" + url.QueryEscape(prefix),
		read: func(resp *http.Response) error {
			for lines := json.NewDecoder(resp.Body); ; {
				var item wire.Item
				switch err := lines.Decode(&item); {
				case err != nil:
					return ended(fmt.Errorf("the list was cut off: %w", err))
				case item.Failure != nil:
					return item.Failure.Err()
				case item.End:
					return nil
				case store.CheckName(item.Name) != nil, item.Size < 0:
					continue // no object
				}
				if err := fn(store.Object{Name: item.Name, Size: item.Size}); err != nil {
					return err
				}
			}
		}})
}

// lookBelow asks for the folders one level below.
func (s *session) lookBelow(ctx context.Context, l store.Look, fn func(store.Below) error) error {
	query := url.Values{"object": {l.Object}, "most": {strconv.FormatInt(l.MaxBytes, 10)}, "newest": {l.Newest}}
	seen := make(map[string]bool)
	return s.do(ctx, request{method: http.MethodGet, path: wire.PathBelow + "?" + query.Encode(), read: func(resp *http.Response) error {
		for lines := json.NewDecoder(resp.Body); ; {
			var line wire.Below
			switch err := lines.Decode(&line); {
			case err != nil:
				return ended(fmt.Errorf("the list was cut off: %w", err))
			case line.Failure != nil:
				return line.Failure.Err()
			case line.End:
				return nil
			case store.CheckFolder(line.Folder) != nil, seen[line.Folder], int64(len(line.Data)) > l.MaxBytes:
				continue
			case len(seen) == store.MostBelow:
				return ended(errors.New("holdfast-remote tells of more than it was asked for"))
			}
			seen[line.Folder] = true
			if err := fn(store.Below{Folder: line.Folder, Data: line.Data, Changed: line.Changed}); err != nil {
				return err
			}
		}
	}})
}

// followSecret hands on each new secret until the program ends.
func (s *session) followSecret(changed func(json.RawMessage)) {
	req, err := http.NewRequestWithContext(s.alive, http.MethodGet, "http://holdfast-remote"+wire.PathSecret, nil)
	if err != nil {
		return
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return
	}
	defer resp.Body.Close() //nolint:errcheck // it ends with the program
	for lines := json.NewDecoder(resp.Body); ; {
		var secret json.RawMessage
		if lines.Decode(&secret) != nil {
			return
		}
		changed(secret)
	}
}

// lent is a caller's data until back is called: the transport may go on reading it behind a call that has ended.
type lent struct {
	mu sync.Mutex
	r  *bytes.Reader // nil: the caller has it back
}

func (l *lent) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.r == nil {
		return 0, io.ErrClosedPipe
	}
	return l.r.Read(p)
}

func (l *lent) Close() error { return nil }

func (l *lent) back() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.r = nil
}
