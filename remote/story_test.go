package main_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/remote"
	"github.com/holdfast-backup/holdfast/core/store/storetest"
	"github.com/holdfast-backup/holdfast/remote/servers"
)

// program builds holdfast-remote once.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "holdfast-remote-")
	if err != nil {
		return "", err
	}
	at := filepath.Join(dir, remote.Name)
	cmd := exec.Command("go", "build", "-o", at, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.New(string(out))
	}
	return at, nil
})

func TestMain(m *testing.M) {
	flag.Parse()
	// The tests wait for servers, and for pauses between tries, rather than for a processor.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	code := m.Run()
	if at, err := program(); err == nil {
		os.RemoveAll(filepath.Dir(at)) //nolint:errcheck // a temporary folder
	}
	os.Exit(code)
}

func start(t *testing.T) func(context.Context) (io.ReadWriteCloser, error) {
	t.Helper()
	at, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return remote.Program(func() (string, error) { return at, nil })
}

// overheard is all that goes between the app and the program.
type overheard struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *overheard) hear(p []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.b.Write(p)
}

// has reports whether something was said.
func (o *overheard) has(what []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.Contains(o.b.Bytes(), what)
}

// size is how much was said, bytes.
func (o *overheard) size() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Len()
}

// line is a connection that is listened to.
type line struct {
	io.ReadWriteCloser
	o *overheard
}

func (l line) Read(p []byte) (int, error) {
	n, err := l.ReadWriteCloser.Read(p)
	l.o.hear(p[:n])
	return n, err
}

func (l line) Write(p []byte) (int, error) {
	l.o.hear(p)
	return l.ReadWriteCloser.Write(p)
}

// tapped is start for a program that is listened to.
func (o *overheard) tapped(t *testing.T) func(context.Context) (io.ReadWriteCloser, error) {
	begin := start(t)
	return func(ctx context.Context) (io.ReadWriteCloser, error) {
		c, err := begin(ctx)
		if err != nil {
			return nil, err
		}
		return line{c, o}, nil
	}
}

// The mandatory suite passes through the program itself.
func TestThroughTheProgram(t *testing.T) {
	s := servers.OpenSSH(t)
	n := 0
	storetest.Run(t, func(t *testing.T) store.Store {
		n++
		at := places.Through(start(t))
		place := address.Address{Kind: address.SFTP, User: s.User, Host: s.Addr, Path: filepath.Join(s.Root, string(rune('a'+n)))}.String()
		if err := at.Know(place, address.Secret{address.Key: s.Key, address.Identity: s.Host}); err != nil {
			t.Fatal(err)
		}
		r, err := at.Open(t.Context(), place, true)
		if err != nil {
			t.Fatal(err)
		}
		return r
	})
}

// Set up, back up, change, prune, verify, and restore on a new computer with the place and the key alone.
func TestAStoryAtEachServer(t *testing.T) {
	for name, k := range kinds {
		t.Run(name, func(t *testing.T) { story(t, k.start(t).here()) })
	}
}

func story(t *testing.T, s server) {
	ctx := t.Context()
	docs := t.TempDir()
	const planted = "the words of a letter that nobody else may read"
	servers.Write(t, filepath.Join(docs, "letter.txt"), "first")
	servers.Write(t, filepath.Join(docs, "planted-name.txt"), planted)
	var heard overheard
	if err := os.WriteFile(filepath.Join(docs, "film"), storetest.Bytes(1, 5<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	profile := t.TempDir()
	params := core.Params{Profile: profile, Keyring: keyring.File{Path: filepath.Join(profile, "device.key")},
		Places: places.Through(heard.tapped(t))}
	var can []places.Ability
	if err := params.Places.Know(s.place, s.secret); err != nil {
		t.Fatal(err)
	}
	err := params.Places.Test(ctx, s.place, true, func(tried places.Tried) { can = append(can, tried.Ability) })
	if err != nil || len(can) != 7 {
		t.Fatalf("the place can %v, then %v", can, err)
	}
	a, err := core.Open(ctx, params)
	if err != nil {
		t.Fatal(err)
	}
	key, err := a.Encryption().NewKey()
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(a.Setup(ctx, core.SetupRequest{Destination: s.place, Sources: []string{docs}, Key: key}))
	_, err = a.Backup(ctx, nil)
	must(err)
	must(a.Close())

	// Another process of the same computer knows the secret by the profile alone.
	params.Places = places.Through(heard.tapped(t))
	a, err = core.Open(ctx, params)
	must(err)
	servers.Write(t, filepath.Join(docs, "letter.txt"), "second")
	second, err := a.Backup(ctx, nil)
	must(err)
	_, err = a.Upkeep().Prune(ctx, core.PruneRequest{Retention: &core.Retention{Last: 1}}, nil)
	must(err)
	report, err := a.Upkeep().Verify(ctx, core.VerifyRequest{DataPercent: 100}, nil)
	must(err)
	if len(report.Damage) > 0 {
		t.Errorf("verify: %v", report.Damage)
	}
	must(a.Close())
	for what, secret := range map[string][]byte{
		"the key": key.Bytes(), "its digits": key.Text(), "a file's name": []byte("planted-name"), "what is in a file": []byte(planted[:20]),
	} {
		if heard.has(secret) {
			t.Errorf("holdfast-remote is told %s", what)
		}
	}
	if n := heard.size(); n < 5<<20 {
		t.Errorf("only %d bytes were overheard", n)
	}
	sealed(t, profile, s.secret)

	// A new computer has the place and the key.
	elsewhere := core.Elsewhere{Places: places.Through(start(t))}
	if _, err := elsewhere.OpenReader(ctx, s.place, key); err == nil {
		t.Error("a place opens without its secret")
	}
	must(elsewhere.Places.Know(s.place, s.secret))
	r, err := elsewhere.OpenReader(ctx, s.place, key)
	must(err)
	defer r.Close() //nolint:errcheck // only read from
	all, err := r.Snapshots(ctx)
	must(err)
	if len(all) != 1 || all[0].ID != second.Snapshot {
		t.Errorf("%d backups are left", len(all))
	}
	to := t.TempDir()
	_, err = r.Restore(ctx, core.RestoreRequest{Snapshot: "latest", Target: filepath.Join(to, "out")}, nil)
	must(err)
	found := 0
	err = filepath.WalkDir(to, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		switch {
		case filepath.Base(path) == "letter.txt" && string(b) == "second", filepath.Base(path) == "planted-name.txt" &&
			string(b) == planted, filepath.Base(path) == "film" && string(b) == string(storetest.Bytes(1, 5<<20)):
			found++
		}
		return err
	})
	if err != nil || found != 3 {
		t.Errorf("%d of 3 files are restored: %v", found, err)
	}
}

// sealed asserts that no file of a profile holds a secret as it is.
func sealed(t *testing.T, profile string, secret address.Secret) {
	t.Helper()
	err := filepath.WalkDir(profile, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for field, value := range secret {
			if field != address.Identity && bytes.Contains(b, []byte(value)) {
				t.Errorf("%s holds the %s", path, field)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A server that nobody has agreed to is asked about, and remembered with the place.
func TestAgreeToAServer(t *testing.T) {
	s := servers.OpenSSH(t)
	place := address.Address{Kind: address.SFTP, User: s.User, Host: s.Addr, Path: s.Root}.String()
	profile, docs := t.TempDir(), t.TempDir()
	params := core.Params{Profile: profile, Keyring: keyring.File{Path: filepath.Join(profile, "device.key")},
		Places: places.Through(start(t))}
	a, err := core.Open(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	if err := params.Places.Know(place, address.Secret{address.Key: s.Key}); err != nil {
		t.Fatal(err)
	}
	req := core.SetupRequest{Destination: place, Sources: []string{docs}}
	err = a.Setup(t.Context(), req)
	var server *core.ServerError
	if !errors.Is(err, core.ErrServerUnknown) || !errors.As(err, &server) {
		t.Fatalf("a server that nobody agreed to: %v", err)
	}
	if err := params.Places.Agree(t.Context(), place, "SHA256:another"); err != nil {
		t.Fatal(err)
	}
	if err := a.Setup(t.Context(), req); !errors.Is(err, core.ErrServerUnknown) {
		t.Errorf("another key was agreed to: %v", err)
	}
	if err := params.Places.Agree(t.Context(), place, server.Fingerprint); err != nil {
		t.Fatal(err)
	}
	if err := a.Setup(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	params.Places = places.Through(start(t))
	if a, err = core.Open(t.Context(), params); err != nil {
		t.Fatal(err)
	}
	defer a.Close() //nolint:errcheck // the test ends
	if _, err := a.Backup(t.Context(), nil); err != nil {
		t.Errorf("a later process: %v", err)
	}
}
