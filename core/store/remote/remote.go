// Package remote is a store.Store at a place that the program holdfast-remote reaches: a server or a cloud. The
// program sees sealed objects alone. When it ends, hangs or is killed, the place is unreachable, and the next
// call starts it again.
package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/remote/wire"
)

// Options say what to open.
type Options struct {
	// Start starts the program; what it returns speaks with it, and ends it when it is closed.
	Start func(ctx context.Context) (io.ReadWriteCloser, error)
	Place string
	// Secret opens the place; nil: it needs none.
	Secret json.RawMessage
	// Changed, if not nil, is told of each new secret, as a refreshed token, from another goroutine.
	Changed func(secret json.RawMessage)
	Create  bool
	// Known: the place was used before. Then Open may ask it nothing yet, and the first call learns how it is.
	Known bool
	// Silence is how long the program may leave a ping unanswered; 0: 30 seconds.
	Silence time.Duration
}

// Remote is the store.
type Remote struct {
	o      Options
	opened wire.Opened // as it was opened first

	mu      sync.Mutex
	session *session // nil: the next call starts the program
	secret  json.RawMessage
	closed  bool
}

// Open starts the program and opens a place. Errors: those of store.
func Open(ctx context.Context, o Options) (*Remote, error) {
	if o.Start == nil {
		panic("remote.Open: Start is missing")
	}
	r := &Remote{o: o, secret: o.Secret}
	s, err := r.start(ctx, o.Create)
	if err != nil {
		return nil, &store.Error{Op: "open", Location: o.Place, Err: err}
	}
	r.session, r.opened = s, s.opened
	return r, nil
}

// Properties implements store.Store.
func (r *Remote) Properties() store.Properties {
	return store.Properties{
		Location: r.opened.Location, Connections: r.opened.Connections, Far: true, Lags: r.opened.Lags, Flat: r.opened.Flat,
		Facts: store.Facts{Deletes: r.opened.Deletes, PaidDays: r.opened.PaidDays, ByTimes: r.opened.ByTimes},
	}
}

// Put implements store.Store.
func (r *Remote) Put(ctx context.Context, name string, data []byte) error {
	return r.named(ctx, "put", name, func(s *session) error { return s.put(ctx, name, data, true) })
}

// Replace implements store.Store.
func (r *Remote) Replace(ctx context.Context, name string, data []byte) error {
	return r.named(ctx, "replace", name, func(s *session) error { return s.put(ctx, name, data, false) })
}

// ReadAt implements store.Store.
func (r *Remote) ReadAt(ctx context.Context, name string, p []byte, offset int64) error {
	return r.named(ctx, "read", name, func(s *session) error { return s.readAt(ctx, name, p, offset) })
}

// ReadWhole implements store.WholeReader.
func (r *Remote) ReadWhole(ctx context.Context, name string, maxBytes int64) (data []byte, err error) {
	err = r.named(ctx, "read", name, func(s *session) error {
		data, err = s.readWhole(ctx, name, maxBytes)
		return err
	})
	return data, err
}

// Stat implements store.Store.
func (r *Remote) Stat(ctx context.Context, name string) (o store.Object, err error) {
	err = r.named(ctx, "stat", name, func(s *session) error {
		o, err = s.stat(ctx, name)
		return err
	})
	return o, err
}

// Delete implements store.Store.
func (r *Remote) Delete(ctx context.Context, name string) error {
	return r.named(ctx, "delete", name, func(s *session) error { return s.plain(ctx, http.MethodDelete, wire.PathObject+name, nil) })
}

// List implements store.Store.
func (r *Remote) List(ctx context.Context, prefix string, fn func(store.Object) error) error {
	if err := store.CheckPrefix(prefix); err != nil {
		return r.fail("list", prefix, err)
	}
	var ofCaller error
	err := r.call(ctx, "list", prefix, func(s *session) error {
		return s.list(ctx, prefix, func(o store.Object) error {
			ofCaller = fn(o)
			return ofCaller
		})
	})
	if ofCaller != nil {
		return ofCaller
	}
	return err
}

// LookBelow implements store.BelowLooker. Folders that the program tells of twice, or beyond store.MostBelow, are left out.
func (r *Remote) LookBelow(ctx context.Context, l store.Look, fn func(store.Below) error) error {
	if !r.opened.Below {
		return r.fail("look", "", errors.ErrUnsupported)
	}
	if err := store.CheckLook(l); err != nil {
		return r.fail("look", "", err)
	}
	var ofCaller error
	err := r.call(ctx, "look", "", func(s *session) error {
		return s.lookBelow(ctx, l, func(b store.Below) error {
			ofCaller = fn(b)
			return ofCaller
		})
	})
	if ofCaller != nil {
		return ofCaller
	}
	return err
}

// Free implements store.Spacer.
func (r *Remote) Free(ctx context.Context) (uint64, error) {
	if !r.opened.Space {
		return 0, r.fail("free", "", errors.ErrUnsupported)
	}
	var out wire.Free
	err := r.call(ctx, "free", "", func(s *session) error { return s.plain(ctx, http.MethodGet, wire.PathFree, &out) })
	return out.Bytes, err
}

// CleanTemporary implements store.TemporaryCleaner.
func (r *Remote) CleanTemporary(ctx context.Context, olderThan time.Duration) (int, error) {
	if !r.opened.Temporary {
		return 0, nil
	}
	var out wire.Removed
	path := wire.PathTemporary + "?seconds=" + strconv.FormatInt(int64(olderThan/time.Second), 10)
	err := r.call(ctx, "clean", "", func(s *session) error { return s.plain(ctx, http.MethodDelete, path, &out) })
	return out.Files, err
}

// Close ends the program.
func (r *Remote) Close() error {
	r.mu.Lock()
	s := r.session
	r.session, r.closed = nil, true
	r.mu.Unlock()
	if s == nil {
		return nil
	}
	s.settle()
	return s.close()
}

func (r *Remote) named(ctx context.Context, op, name string, do func(*session) error) error {
	if err := store.CheckName(name); err != nil {
		return r.fail(op, name, err)
	}
	return r.call(ctx, op, name, do)
}

// call does one call with a program that runs.
func (r *Remote) call(ctx context.Context, op, name string, do func(*session) error) error {
	if err := ctx.Err(); err != nil {
		return r.fail(op, name, err)
	}
	s, err := r.running(ctx)
	if err == nil {
		defer s.calls.Done()
		err = do(s)
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return r.fail(op, name, ctx.Err())
	case errors.Is(err, store.ErrUnreachable) && s != nil:
		r.giveUp(s)
	}
	return r.fail(op, name, err)
}

func (r *Remote) fail(op, name string, err error) error {
	return &store.Error{Op: op, Name: name, Location: r.opened.Location, Err: err}
}

// running returns the session, after starting the program if need be. The caller calls Done of its calls.
func (r *Remote) running(ctx context.Context) (*session, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, store.ErrClosed
	}
	if r.session == nil {
		s, err := r.start(ctx, false)
		if err != nil {
			return nil, err
		}
		r.session = s
	}
	r.session.calls.Add(1)
	return r.session, nil
}

// giveUp has the next call start the program anew: a fresh one finds another network too. Calls under way end by themselves.
func (r *Remote) giveUp(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.session == s {
		r.session = nil
		go s.retire()
	}
}

// start starts the program and opens the place. The caller must hold r.mu, or be the only one that knows r.
func (r *Remote) start(ctx context.Context, create bool) (*session, error) {
	p, err := r.o.Start(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrUnreachable, err)
	}
	s := newSession(p, r.o.Silence)
	body, err := json.Marshal(wire.Open{Place: r.o.Place, Secret: r.secret, Create: create, Known: r.o.Known})
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	if err := s.do(ctx, request{method: http.MethodPost, path: wire.PathOpen, body: body, into: &s.opened}); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		_ = s.close() // err says more
		return nil, err
	}
	s.follows.Go(func() {
		s.followSecret(func(secret json.RawMessage) {
			r.mu.Lock()
			r.secret = secret
			r.mu.Unlock()
			if r.o.Changed != nil {
				r.o.Changed(secret)
			}
		})
	})
	return s, nil
}
