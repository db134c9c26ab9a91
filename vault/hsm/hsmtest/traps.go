//go:build unix

package hsmtest

import (
	_ "embed"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

//go:embed testdata/spy.c
var spySource string

// Traps are what a hostile vault card may point at: each tells when somebody
// walked into it.
type Traps struct {
	// Library is a PKCS#11 module that notes when it is loaded. Configured is
	// another, which this computer's configuration names, with a SoftHSM token in it that shows as Token there.
	Library, Configured, Token string
	// File is a FIFO that notes when it is opened; Addr a TCP address that counts connections.
	File, Addr string

	log         string
	opened      atomic.Int64
	connections atomic.Int64
}

// Trap builds traps. It needs root, who may configure modules, and a C compiler;
// in CI both must be there.
func Trap(t testing.TB, token string) *Traps {
	t.Helper()
	if os.Getuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("CI must run this as root: it configures a PKCS#11 module")
		}
		t.Skip("only root may configure a PKCS#11 module; CI runs as root")
	}
	SoftHSM(t, "behind-"+token)
	dir := folder(t)
	tr := &Traps{Token: token, Library: filepath.Join(dir, "library.so"), File: filepath.Join(dir, "fifo"), log: filepath.Join(dir, "log")}
	t.Setenv("HOLDFAST_TEST_TRAPS", tr.log)
	tr.build(t, dir, tr.Library)
	tr.configure(t, dir)
	tr.listen(t)
	tr.watchFile(t)
	return tr
}

func (tr *Traps) build(t testing.TB, dir, out string) {
	t.Helper()
	source := filepath.Join(dir, "spy.c")
	must(t, os.WriteFile(source, []byte(spySource), 0o600))
	run(t, "cc", "-shared", "-fPIC", "-Wall", "-Werror", fmt.Sprintf("-DSPY_LOG=%q", tr.log), fmt.Sprintf("-DSPY_REAL=%q", softHSM(t)), "-o",
		out, source, "-ldl")
}

// configure puts a module where only an administrator can, and names it to p11-kit's readers.
func (tr *Traps) configure(t testing.TB, dir string) {
	t.Helper()
	own, err := os.MkdirTemp("/opt", "holdfast-test-")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(own) })
	must(t, os.Chmod(own, 0o755))
	tr.Configured = filepath.Join(own, "configured.so")
	tr.build(t, dir, tr.Configured)
	modules := "/etc/pkcs11/modules"
	must(t, os.MkdirAll(modules, 0o755))
	file := filepath.Join(modules, filepath.Base(own)+".module")
	must(t, os.WriteFile(file, []byte("module: "+tr.Configured+"\nenable-in: nothing\n"), 0o644))
	t.Cleanup(func() { _ = os.Remove(file) })
}

func (tr *Traps) listen(t testing.TB) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	tr.Addr = l.Addr().String()
	var done sync.WaitGroup
	done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			tr.connections.Add(1)
			_ = c.Close() // it has told all
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		done.Wait()
	})
}

// watchFile holds the FIFO's other end: opening it for writing waits for a reader.
func (tr *Traps) watchFile(t testing.TB) {
	t.Helper()
	must(t, syscall.Mkfifo(tr.File, 0o600))
	var done sync.WaitGroup
	var over atomic.Bool
	done.Go(func() {
		for {
			f, err := os.OpenFile(tr.File, os.O_WRONLY, 0)
			if err != nil || over.Load() {
				if err == nil {
					_ = f.Close()
				}
				return
			}
			tr.opened.Add(1)
			_, _ = f.WriteString("0000\n") // so that the reader goes on
			_ = f.Close()
			// One who is still there is not counted as a second one.
			for f, err = os.OpenFile(tr.File, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil && !over.Load(); {
				_ = f.Close()
				runtime.Gosched()
				f, err = os.OpenFile(tr.File, os.O_WRONLY|syscall.O_NONBLOCK, 0)
			}
			if err == nil {
				_ = f.Close()
			}
		}
	})
	t.Cleanup(func() {
		over.Store(true)
		if f, err := os.OpenFile(tr.File, os.O_RDWR|syscall.O_NONBLOCK, 0); err == nil { // lets the other end go
			done.Wait()
			_ = f.Close()
		}
	})
}

// Sprung says which traps were walked into since the last call, "" for none.
func (tr *Traps) Sprung(t testing.TB) string {
	t.Helper()
	var out []string
	b, err := os.ReadFile(tr.log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if len(b) > 0 {
		out = strings.Fields(string(b))
		must(t, os.Remove(tr.log))
	}
	if n := tr.opened.Swap(0); n > 0 {
		out = append(out, fmt.Sprintf("opened %d", n))
	}
	if n := tr.connections.Swap(0); n > 0 {
		out = append(out, fmt.Sprintf("connected %d", n))
	}
	return strings.Join(out, ", ")
}

// Addresses are what hostile cards may name to walk into the traps.
func (tr *Traps) Addresses() []string {
	token := "pkcs11:token=" + tr.Token
	return []string{
		token, "pkcs11:", "pkcs11:manufacturer=SoftHSM%20project", "pkcs11:model=SoftHSM%20v2;token=" + tr.Token,
		token + "?pin-value=" + PIN, token + "?pin-source=file:" + tr.File, token + "?pin-source=" + tr.File,
		token + "?pin-source=file://localhost" + tr.File,
		"pkcs11:?module-path=" + tr.Library, token + "?module-path=" + tr.Library + "&pin-value=" + PIN,
		token + "?module-path=/proc/self/root" + tr.Library,
		token + "?module-path=" + tr.Configured, token + "?module-name=configured", "pkcs11:slot-id=0?pin-value=" + PIN, token + ";slot-id=1",
		token + "?module-path=" + tr.Library + "&module-path=" + tr.Library, token + "?x=1&module-path=" + tr.Library,
		token + "#?module-path=" + tr.Library,
		"https://" + tr.Addr, "https://" + tr.Addr + "/", "https://" + tr.Addr + "/vault", "http://" + tr.Addr, "HTTPS://" + tr.Addr,
		"https://user:secret@" + tr.Addr, "https://" + tr.Addr + "?x=1",
		"https://" + tr.Addr + "#x", "https://localhost" + tr.Addr[strings.LastIndex(tr.Addr, ":"):], "file://" + tr.File, "unix:" + tr.File,
		tr.Library, `\\` + tr.Addr + `\share\x.dll`, "",
	}
}
