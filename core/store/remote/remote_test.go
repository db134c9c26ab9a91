package remote_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/remote"
	"github.com/holdfast-backup/holdfast/core/store/remote/wire"
	"github.com/holdfast-backup/holdfast/core/store/storetest"
	"github.com/holdfast-backup/holdfast/remote/serve"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// program is the other side, in this process: each start serves what inner returns.
type program struct {
	t      *testing.T
	inner  func(o wire.Open, changed func(json.RawMessage)) (store.Store, error)
	starts atomic.Int32
	bytes  atomic.Int64 // that may still go through; it is killed in the middle of what exceeds them
	mortal atomic.Bool

	mu  sync.Mutex
	now net.Conn
}

func (p *program) start(context.Context) (io.ReadWriteCloser, error) {
	p.starts.Add(1)
	here, there := net.Pipe()
	p.mu.Lock()
	p.now = there
	p.mu.Unlock()
	go func() {
		err := serve.Serve(there, serve.Places{Open: func(_ context.Context, o wire.Open, changed func(json.RawMessage)) (store.Store, error) {
			return p.inner(o, changed)
		}, SignIn: p.signIn})
		if err != nil && !errors.Is(err, io.ErrClosedPipe) {
			p.t.Errorf("serve: %v", err)
		}
	}()
	return &mortal{here, p}, nil
}

// signIn shows a page, and gives a secret or fails.
func (p *program) signIn(_ context.Context, q wire.SignIn, show func(string) error) (json.RawMessage, error) {
	if err := show("https://cloud.example/ask"); err != nil {
		return nil, err
	}
	if q.Place == "gdrive:/Refused" {
		return nil, store.ErrSignIn
	}
	return json.RawMessage(`{"token":"of ` + q.Place + string(q.Secret) + `"}`), nil
}

func (p *program) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.now.Close() // it is killed
}

// mortal is killed when so many bytes have gone through.
type mortal struct {
	net.Conn
	p *program
}

func (m *mortal) Write(b []byte) (int, error) {
	if m.p.mortal.Load() {
		if left := m.p.bytes.Add(-int64(len(b))); left < 0 {
			n, _ := m.Conn.Write(b[:max(0, int64(len(b))+left)])
			_ = m.Conn.Close() // it is killed
			return n, io.ErrClosedPipe
		}
	}
	return m.Conn.Write(b)
}

func (m *mortal) Read(b []byte) (int, error) {
	n, err := m.Conn.Read(b)
	if m.p.mortal.Load() {
		if left := m.p.bytes.Add(-int64(n)); left < 0 {
			_ = m.Conn.Close() // it is killed
			return max(0, n+int(left)), io.ErrClosedPipe
		}
	}
	return n, err
}

// keep shares one store among all lives of a program.
type keep struct{ store.Store }

func (keep) Close() error { return nil }

func (k keep) LookBelow(ctx context.Context, l store.Look, fn func(store.Below) error) error {
	return k.Store.(store.BelowLooker).LookBelow(ctx, l, fn) // memory is one
}

func serving(t *testing.T, s store.Store) *program {
	return &program{t: t, inner: func(wire.Open, func(json.RawMessage)) (store.Store, error) { return keep{s}, nil }}
}

func open(t *testing.T, p *program, o remote.Options) *remote.Remote {
	t.Helper()
	o.Start, o.Place = p.start, "test:place"
	r, err := remote.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func TestRemote(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, serving(t, store.NewMemory()), remote.Options{}) })
}

// Whoever kills the program, wherever in a call: the call says that the place is unreachable or has done what it
// was to do, what was acknowledged stays, and the next call goes on with a new program.
func TestKills(t *testing.T) {
	memory := store.NewMemory()
	p := serving(t, memory)
	r := open(t, p, remote.Options{})
	data := storetest.Bytes(1, 40_000)
	if err := r.Put(t.Context(), "packs/aa/first", data); err != nil {
		t.Fatal(err)
	}
	if err := memory.Put(t.Context(), "below/first", data); err != nil {
		t.Fatal(err)
	}
	calls := map[string]func(ctx context.Context, i int64) error{
		"put": func(ctx context.Context, i int64) error {
			name := fmt.Sprintf("packs/aa/%d", i)
			err := r.Put(ctx, name, data)
			if _, there := memory.Stat(t.Context(), name); err == nil && there != nil {
				t.Errorf("%s is acknowledged and not there", name)
			}
			return err
		},
		"replace": func(ctx context.Context, _ int64) error { return r.Replace(ctx, "holdfast.json", data) },
		"read": func(ctx context.Context, _ int64) error {
			return r.ReadAt(ctx, "packs/aa/first", make([]byte, 40_000), 0)
		},
		"look": func(ctx context.Context, _ int64) error {
			seen := 0
			err := r.LookBelow(ctx, store.Look{Object: "first", MaxBytes: 100_000, Newest: "x"}, func(store.Below) error { seen++; return nil })
			if err == nil && seen == 0 {
				t.Error("folders that were cut off are taken for none")
			}
			return err
		},
		"stat": func(ctx context.Context, _ int64) error { _, err := r.Stat(ctx, "packs/aa/first"); return err },
		"list": func(ctx context.Context, _ int64) error {
			seen := 0
			err := r.List(ctx, "packs/", func(store.Object) error { seen++; return nil })
			if err == nil && seen == 0 {
				t.Error("a list that was cut off is taken for whole")
			}
			return err
		},
		"delete": func(ctx context.Context, i int64) error { return r.Delete(ctx, fmt.Sprintf("packs/aa/%d", i)) },
	}
	for op, call := range calls {
		died := 0
		for _, after := range []int64{0, 1, 5, 9, 20, 50, 100, 300, 1_000, 5_000, 20_000, 39_000, 41_000, 60_000} {
			p.bytes.Store(after)
			p.mortal.Store(true)
			err := call(t.Context(), after)
			p.mortal.Store(false)
			switch {
			case err == nil:
			case !errors.Is(err, store.ErrUnreachable):
				t.Errorf("%s, killed after %d bytes: %v", op, after, err)
			case store.IsPermanent(err):
				t.Errorf("%s: a program that was killed is permanent", op)
			default:
				died++
			}
			if err := r.ReadAt(t.Context(), "packs/aa/first", make([]byte, 40_000), 0); err != nil {
				t.Fatalf("%s: behind a program killed after %d bytes: %v", op, after, err)
			}
		}
		if died < 3 {
			t.Errorf("%s met %d deaths", op, died)
		}
	}
}

// A program that is killed between calls is started again, and told what it was told before.
func TestTheProgramIsStartedAgain(t *testing.T) {
	memory := store.NewMemory()
	var opened []wire.Open
	fresh := json.RawMessage(`{"token":"second"}`)
	told := make(chan json.RawMessage, 1)
	p := &program{t: t}
	p.inner = func(o wire.Open, changed func(json.RawMessage)) (store.Store, error) {
		if opened = append(opened, o); len(opened) == 1 {
			changed(fresh)
		}
		return keep{memory}, nil
	}
	r := open(t, p, remote.Options{Create: true, Secret: json.RawMessage(`{"token":"first"}`), Changed: func(s json.RawMessage) { told <- s }})
	if got := <-told; string(got) != string(fresh) {
		t.Errorf("the app is told %s", got)
	}
	p.kill()
	for {
		if err := r.Put(t.Context(), "x", nil); err == nil {
			break
		} else if !errors.Is(err, store.ErrUnreachable) {
			t.Fatal(err)
		}
	}
	if len(opened) != 2 || !opened[0].Create || opened[1].Create || string(opened[0].Secret) != `{"token":"first"}` ||
		string(opened[1].Secret) != string(fresh) {
		t.Errorf("opened as %+v", opened)
	}
}

// A program that hangs is unreachable after a while.
func TestHang(t *testing.T) {
	memory := store.NewMemory()
	p := serving(t, memory)
	r := open(t, p, remote.Options{Silence: 200 * time.Millisecond})
	if err := r.Put(t.Context(), "x", []byte("x")); err != nil {
		t.Fatal(err)
	}
	blocked, here := net.Pipe() // nobody reads it
	defer blocked.Close()       //nolint:errcheck // the test ends
	_, err := remote.Open(t.Context(), remote.Options{Silence: 200 * time.Millisecond,
		Start: func(context.Context) (io.ReadWriteCloser, error) { return swallow{here}, nil }})
	if !errors.Is(err, store.ErrUnreachable) {
		t.Errorf("a program that says nothing: %v", err)
	}
}

// swallow takes everything and says nothing.
type swallow struct{ net.Conn }

func (swallow) Write(p []byte) (int, error) { return len(p), nil }

// Errors cross the pipe as they are.
func TestErrors(t *testing.T) {
	identity := &store.IdentityError{Server: "host:22", Kind: "ssh", Fingerprint: "SHA256:x", Key: "ssh-ed25519 AAAA", Changed: true}
	for _, want := range []error{store.ErrSignIn, store.ErrPermission, fmt.Errorf("%w: é\n\"quoted\"", store.ErrNoSpace), identity} {
		p := &program{t: t, inner: func(wire.Open, func(json.RawMessage)) (store.Store, error) {
			return nil, &store.Error{Op: "open", Location: "there", Err: want}
		}}
		_, err := remote.Open(t.Context(), remote.Options{Start: p.start, Place: "sftp://host/x"})
		var e *store.Error
		if !errors.As(err, &e) || e.Op != "open" || e.Location != "sftp://host/x" || e.Err.Error() != want.Error() {
			t.Errorf("%v crosses as %v", want, err)
		}
		if got := (*store.IdentityError)(nil); errors.As(want, &got) {
			if !errors.As(err, &got) || *got != *identity {
				t.Errorf("%v", err)
			}
		} else if !errors.Is(err, want) && !errors.Is(err, errors.Unwrap(want)) {
			t.Errorf("%v is no %v", err, want)
		}
	}
}

// A page and the secret that a sign-in gives cross the pipe, and so does what goes wrong. The program ends with it.
func TestSignIn(t *testing.T) {
	planted := errors.New("no browser")
	silent := func(context.Context) (io.ReadWriteCloser, error) {
		here, there := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, there) }() // until it is closed
		return here, nil
	}
	ended, end := context.WithCancel(t.Context())
	end()
	for name, c := range map[string]struct {
		ctx   context.Context //nolint:containedctx // of one call
		place string
		start func(context.Context) (io.ReadWriteCloser, error)
		show  error
		want  error
	}{
		"agreed":     {ctx: t.Context(), place: "gdrive:/Holdfast"},
		"refused":    {ctx: t.Context(), place: "gdrive:/Refused", want: store.ErrSignIn},
		"no browser": {ctx: t.Context(), place: "gdrive:/Holdfast", show: planted, want: planted},
		"ended":      {ctx: ended, place: "gdrive:/Holdfast", want: context.Canceled},
		"silent":     {ctx: t.Context(), place: "gdrive:/Holdfast", start: silent, want: store.ErrUnreachable},
	} {
		p := &program{t: t}
		start := p.start
		if c.start != nil {
			start = c.start
		}
		shown := ""
		o := remote.Options{Start: start, Place: c.place, Secret: json.RawMessage(`7`), Silence: 200 * time.Millisecond}
		secret, err := remote.SignIn(c.ctx, o, func(page string) error {
			shown = page
			return c.show
		})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if c.want == nil && (string(secret) != `{"token":"of gdrive:/Holdfast7"}` || shown != "https://cloud.example/ask") {
			t.Errorf("%s: %s after %s", name, secret, shown)
		}
	}
}

// refreshing changes its secret with each object that is put.
type refreshing struct {
	store.Store
	changed func(json.RawMessage)
}

func (r refreshing) Put(ctx context.Context, name string, data []byte) error {
	r.changed(json.RawMessage(`"` + name + `"`))
	return r.Store.Put(ctx, name, data)
}

// No secret is lost that the program has when a place is closed: the one before it may be of no use any more.
func TestTheLastSecretIsKept(t *testing.T) {
	p := &program{t: t, inner: func(_ wire.Open, changed func(json.RawMessage)) (store.Store, error) {
		return refreshing{store.NewMemory(), changed}, nil
	}}
	for i := range 50 {
		var told []string
		r := open(t, p, remote.Options{Changed: func(secret json.RawMessage) { told = append(told, string(secret)) }})
		for _, name := range []string{"a", "b", "c"} {
			if err := r.Put(t.Context(), name, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(told) != `["a" "b" "c"]` {
			t.Fatalf("%d: %v", i, told)
		}
	}
}

// frank says all there is to know of it.
type frank struct{ keep }

func (frank) Properties() store.Properties {
	return store.Properties{Location: "there", Connections: 7, Far: true, Lags: true, Flat: true,
		Facts: store.Facts{Deletes: store.DeletesToBin, PaidDays: 90, ByTimes: true}}
}

// What a place is like comes through as it is.
func TestProperties(t *testing.T) {
	there := frank{keep{store.NewMemory()}}
	p := &program{t: t, inner: func(wire.Open, func(json.RawMessage)) (store.Store, error) { return there, nil }}
	if got := open(t, p, remote.Options{}).Properties(); got != there.Properties() {
		t.Errorf("%+v", got)
	}
}
