package nodump

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

const role = "HOLDFAST_NODUMP"

func TestMain(m *testing.M) {
	as := os.Getenv(role)
	if as == "" {
		os.Exit(m.Run())
	}
	err := Forbid()
	if as == "window" {
		err = errors.Join(err, ForWindow())
	}
	var limit unix.Rlimit
	err = errors.Join(err, unix.Getrlimit(unix.RLIMIT_CORE, &limit))
	filter, ferr := os.ReadFile("/proc/self/coredump_filter")
	dumpable, perr := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	_, _ = fmt.Fprintln(os.Stdout, limit.Cur, limit.Max, strings.TrimLeft(strings.TrimSpace(string(filter)), "0"), dumpable,
		errors.Join(err, ferr, perr))
	// The kernel ends this process, not Go's runtime: that prints all its threads before, and may hang over it.
	var byDefault [64]byte                        // a struct sigaction with SIG_DFL
	action := uintptr(unsafe.Pointer(&byDefault)) //nolint:gosec // the system call's way
	_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(syscall.SIGABRT), action, 0, 8, 0, 0)
	_ = syscall.Kill(os.Getpid(), syscall.SIGABRT)
	select {}
}

// Even a crash leaves no memory behind, with or without a window.
func TestNoDump(t *testing.T) {
	for as, want := range map[string]string{"command": "0 0  0 <nil>", "window": "0 0  1 <nil>"} {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		// The parent's limit is lifted as far as it goes, so that only Forbid holds.
		c := exec.Command("sh", "-c", `ulimit -c unlimited 2>/dev/null || ulimit -c hard; exec "$0"`, self)
		c.Env, c.Dir = append(os.Environ(), role+"="+as), t.TempDir()
		var out bytes.Buffer
		c.Stdout = &out
		err = c.Run()
		if got := strings.TrimSpace(out.String()); got != want {
			t.Errorf("%s: %q, want %q", as, got, want)
		}
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Fatalf("%s: %v", as, err)
		}
		if status := exit.Sys().(syscall.WaitStatus); status.CoreDump() {
			t.Errorf("%s: %v left a dump", as, status)
		}
		if left, err := os.ReadDir(c.Dir); err != nil || len(left) > 0 {
			t.Errorf("%s: %v %v", as, left, err)
		}
	}
}
