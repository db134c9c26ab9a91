package keyring

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// inSession makes this binary run its tests again inside a session of its own
// with an unlocked Secret Service: a real gnome-keyring-daemon.
const inSession = "HOLDFAST_TEST_IN_SESSION"

func TestSystemKeyring(t *testing.T) {
	if os.Getenv(inSession) != "" {
		keepsKeys(t, System{})
		return
	}
	home := t.TempDir()
	// The daemon says where it listens; only then the test runs.
	cmd := exec.Command("dbus-run-session", "--", "sh", "-c",
		`printf secret | gnome-keyring-daemon --unlock --components=secrets >/dev/null && exec "$0" -test.run '^TestSystemKeyring$' -test.v`,
		os.Args[0])
	cmd.Env = append(os.Environ(), inSession+"=1", "HOME="+home, "XDG_RUNTIME_DIR="+home, "XDG_DATA_HOME="+filepath.Join(home, "data"),
		"GOCOVERDIR="+home)
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestSystemKeyring")) {
		t.Fatalf("%v (it needs Debian's dbus and gnome-keyring)\n%s", err, out)
	}
}

func TestFileKeyring(t *testing.T) {
	path := filepath.Join(t.TempDir(), "profile", "device.key")
	keepsKeys(t, File{path})
	for _, content := range []string{"", "00", string(bytes.Repeat([]byte("0"), 66)), string(bytes.Repeat([]byte("x"), 64))} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := (File{path}).Get(t.Context(), "p"); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", content, err)
		}
	}
}

type keyring interface {
	Get(ctx context.Context, profile string) ([]byte, error)
	Set(ctx context.Context, profile string, key []byte) error
	Delete(ctx context.Context, profile string) error
}

// keepsKeys is what both keyrings promise.
func keepsKeys(t *testing.T, k keyring) {
	t.Helper()
	if _, err := k.Get(t.Context(), "p"); !errors.Is(err, ErrNotFound) {
		t.Errorf("before anything: %v", err)
	}
	if err := k.Delete(t.Context(), "p"); err != nil {
		t.Errorf("deleting nothing: %v", err)
	}
	for _, fill := range []byte{1, 2} {
		key := bytes.Repeat([]byte{fill}, Size)
		if err := k.Set(t.Context(), "p", key); err != nil {
			t.Fatal(err)
		}
		if got, err := k.Get(t.Context(), "p"); err != nil || !bytes.Equal(got, key) {
			t.Errorf("%x, %v", got, err)
		}
	}
	if f, ok := k.(File); ok {
		info, err := os.Stat(f.Path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file's mode is %v, %v", info.Mode(), err)
		}
	}
	if err := k.Delete(t.Context(), "p"); err != nil {
		t.Error(err)
	}
	if _, err := k.Get(t.Context(), "p"); !errors.Is(err, ErrNotFound) {
		t.Errorf("after deleting: %v", err)
	}
}

func TestNoSystemKeyring(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "nobody"))
	if err := (System{}).Set(t.Context(), "p", make([]byte, Size)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("set: %v", err)
	}
	if _, err := (System{}).Get(t.Context(), "p"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("get: %v", err)
	}
	if err := (System{}).Delete(t.Context(), "p"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("delete: %v", err)
	}
}

// A keyring that waits for a person is left when its caller is told to end; one
// that answers comes to its end all the same.
func TestAKeyringThatWaitsEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		release := make(chan struct{})
		waits := func() (string, error) { <-release; return "late", nil }
		go func() { synctest.Wait(); cancel() }()
		if _, err := asked(ctx, waits); !errors.Is(err, context.Canceled) {
			t.Errorf("it waits: %v", err)
		}
		close(release)
		answers := func() (string, error) {
			time.Sleep(grace / 2) //nolint:forbidigo // a keyring that takes its time, on a clock of the test's
			return "in time", nil
		}
		if got, err := asked(ctx, answers); got != "in time" || err != nil {
			t.Errorf("it answers: %q, %v", got, err)
		}
		if err := unavailable(context.Canceled); errors.Is(err, ErrUnavailable) {
			t.Errorf("who ended the wait is told that there is no keyring: %v", err)
		}
		if _, err := asked(ctx, func() (string, error) { panic("the bus went away") }); err == nil {
			t.Error("a panic of the library is no error")
		}
	})
}
