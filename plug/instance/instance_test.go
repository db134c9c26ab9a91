package instance_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/plug/instance"
)

func TestASecondStartRaisesTheFirst(t *testing.T) {
	dir := t.TempDir()
	if err := instance.Raise(dir, instance.Patience); !errors.Is(err, instance.ErrNobody) {
		t.Fatalf("nobody is there: %v", err)
	}
	raised := make(chan struct{}, 2)
	stop, err := instance.Listen(dir, func() bool { raised <- struct{}{}; return true })
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := instance.Raise(dir, instance.Patience); err != nil {
			t.Fatal(err)
		}
		<-raised
	}
	stop()
	if err := instance.Raise(dir, instance.Patience); !errors.Is(err, instance.ErrNobody) {
		t.Errorf("after its end: %v", err)
	}
}

func TestASocketLeftByACrashIsReplaced(t *testing.T) {
	dir := t.TempDir()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "window.sock"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := instance.Raise(dir, instance.Patience); !errors.Is(err, instance.ErrNobody) {
		t.Fatalf("a dead socket: %v", err)
	}
	stop, err := instance.Listen(dir, func() bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if err := instance.Raise(dir, instance.Patience); err != nil {
		t.Error(err)
	}
	st, err := os.Stat(filepath.Join(dir, "window.sock"))
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("others can ring: %v %v", st.Mode(), err)
	}
}

// A window that hangs, or is about to end, is not taken for one that was shown.
func TestAWindowThatDoesNotAnswerIsTold(t *testing.T) {
	dir := t.TempDir()
	hangs, ends := make(chan struct{}), false
	stop, err := instance.Listen(dir, func() bool { <-hangs; return !ends })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if err := instance.Raise(dir, 10*time.Millisecond); !errors.Is(err, instance.ErrSilent) {
		t.Errorf("it hangs: %v", err)
	}
	ends = true
	close(hangs)
	if err := instance.Raise(dir, instance.Patience); !errors.Is(err, instance.ErrSilent) {
		t.Errorf("it ends: %v", err)
	}
}
