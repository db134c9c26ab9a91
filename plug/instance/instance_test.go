package instance_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/plug/instance"
)

func TestASecondStartRaisesTheFirst(t *testing.T) {
	dir := t.TempDir()
	if instance.Raise(dir) {
		t.Fatal("nobody is there, and somebody heard")
	}
	raised := make(chan struct{}, 2)
	stop, err := instance.Listen(dir, func() { raised <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if !instance.Raise(dir) {
			t.Fatal("nobody heard")
		}
		<-raised
	}
	stop()
	if instance.Raise(dir) {
		t.Error("it hears after its end")
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
	if instance.Raise(dir) {
		t.Fatal("a dead socket heard")
	}
	stop, err := instance.Listen(dir, func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if !instance.Raise(dir) {
		t.Error("nobody heard")
	}
	st, err := os.Stat(filepath.Join(dir, "window.sock"))
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("others can ring: %v %v", st.Mode(), err)
	}
}
