package main_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store/remote"
	"github.com/holdfast-backup/holdfast/core/store/storetest"
	"github.com/holdfast-backup/holdfast/remote/servers"
)

// rooted skips what only root may do. CI may not skip it.
func rooted(t *testing.T, what string) {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatalf("CI must run this as root: it %s", what)
		}
		t.Skipf("only root may do it: it %s", what)
	}
}

// examined is a holdfast-remote whose memory is searched while it works.
type examined struct {
	t       *testing.T
	planted map[string][]byte // by what it is
	pipe    overheard

	mu       sync.Mutex
	next     int // it is searched when so many bytes were said
	searches int
	found    map[string]bool // in memory
}

// apart is the program and its pipes.
type apart struct {
	io.WriteCloser
	out  io.ReadCloser
	cmd  *exec.Cmd
	e    *examined
	once sync.Once
}

func (e *examined) start(context.Context) (io.ReadWriteCloser, error) {
	at, err := program()
	if err != nil {
		return nil, err
	}
	a := &apart{cmd: exec.Command(at), e: e}
	a.cmd.Env, a.cmd.Stderr = []string{"PATH=" + os.Getenv("PATH")}, os.Stderr
	if a.WriteCloser, err = a.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if a.out, err = a.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := a.cmd.Start(); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *apart) Read(p []byte) (int, error) {
	n, err := a.out.Read(p)
	a.e.pipe.hear(p[:n])
	return n, err
}

func (a *apart) Write(p []byte) (int, error) {
	a.e.pipe.hear(p)
	n, err := a.WriteCloser.Write(p)
	a.e.mu.Lock()
	defer a.e.mu.Unlock()
	if a.e.pipe.size() >= a.e.next {
		a.e.next = a.e.pipe.size() + 1<<20
		a.e.search(a.cmd.Process.Pid)
	}
	return n, err
}

// Close searches a last time.
func (a *apart) Close() (err error) {
	a.once.Do(func() {
		a.e.mu.Lock()
		a.e.search(a.cmd.Process.Pid)
		a.e.mu.Unlock()
		err = errors.Join(a.WriteCloser.Close(), a.cmd.Wait())
	})
	return err
}

// search looks for what was planted in all memory of a process, which is stopped meanwhile.
func (e *examined) search(pid int) {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		e.t.Error(err)
		return
	}
	defer syscall.Kill(pid, syscall.SIGCONT) //nolint:errcheck // it was there just now
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		e.t.Error(err)
		return
	}
	defer maps.Close() //nolint:errcheck // only read from
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		e.t.Error(err)
		return
	}
	defer mem.Close() //nolint:errcheck // only read from
	e.searches++
	b := make([]byte, 4<<20)
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var from, to uint64
		var may string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &may); err != nil {
			e.t.Errorf("%q: %v", lines.Text(), err)
			return
		}
		if may[0] != 'r' || strings.Contains(lines.Text(), "[v") {
			continue // nobody may read it, or it is the kernel's own
		}
		const overlap = 128 // more than any of what is planted
		for ; from < to; from += uint64(len(b)) - overlap {
			n, err := mem.ReadAt(b[:min(uint64(len(b)), to-from)], int64(from))
			if n == 0 && err != nil {
				e.t.Errorf("%s: %v", lines.Text(), err)
				break
			}
			for what, secret := range e.planted {
				e.found[what] = e.found[what] || bytes.Contains(b[:n], secret)
			}
			if to-from <= uint64(len(b)) {
				break
			}
		}
	}
}

// The second program never has a key, the name of a file or a plain chunk: neither in its memory, nor on the pipe, nor
// on the network. The same search finds the password that it must have, and each of these where it is given them.
func TestTheSecondProgramKnowsNothing(t *testing.T) {
	rooted(t, "looks into the memory of another process, which forbids it")
	dav := servers.Apache(t)
	proxy := servers.NewProxy(t, dav.Addr)
	place := address.Address{Kind: address.WebDAVIn, User: dav.User, Host: proxy.Addr, Path: "/Holdfast"}.String()
	random := func() []byte {
		b := make([]byte, 32)
		_, _ = rand.Read(b) // documented never to fail
		return b
	}
	const password = "the place's password"
	chunk, name, folder := random(), hex.EncodeToString(random()[:12]), hex.EncodeToString(random()[:12])
	planted := map[string][]byte{
		"a chunk": chunk, "a file's name": []byte(name), "a folder's name": []byte(folder), password: []byte(dav.Password),
	}
	content := storetest.Bytes(uint64(len(name)), 6<<20)
	for at := 0; at < len(content); at += 4 << 10 { // so that each piece of it can be told
		copy(content[at:], chunk)
	}
	docs := filepath.Join(t.TempDir(), folder)
	servers.Write(t, filepath.Join(docs, "within", name+".txt"), string(content))

	var network overheard
	proxy.See(func(b []byte, _ bool) { network.hear(b) })
	e := &examined{t: t, found: make(map[string]bool), planted: planted}
	backUp(t, e, place, dav.Password, docs)
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.found[password] || e.searches < 5 || e.pipe.size() < 12<<20 || !network.has([]byte("/Holdfast/holdfast.json")) {
		t.Errorf("%d searches found %v; %d bytes on the pipe, %d on the network", e.searches, e.found, e.pipe.size(), network.size())
	}
	for what, secret := range planted {
		memory, pipe, wire := e.found[what], e.pipe.has(secret), network.has(secret)
		if (memory || pipe || wire) && what != password {
			t.Errorf("%s: in memory %t, on the pipe %t, on the network %t", what, memory, pipe, wire)
		}
	}

	var again overheard
	proxy.See(func(b []byte, _ bool) { again.hear(b) })
	told := &examined{t: t, found: make(map[string]bool), planted: planted}
	tell(t, told, place+"/told", dav.Password)
	told.mu.Lock()
	defer told.mu.Unlock()
	for what, secret := range planted {
		memory, pipe, wire := told.found[what], told.pipe.has(secret), again.has(secret)
		if !memory || !pipe || !wire {
			t.Errorf("the search misses %s: in memory %t, on the pipe %t, on the network %t", what, memory, pipe, wire)
		}
	}
}

// backUp makes and verifies an encrypted backup. The key joins what is looked for.
func backUp(t *testing.T, e *examined, place, password, docs string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	profile, at := t.TempDir(), places.Through(e.start)
	must(at.Know(place, address.Secret{address.Password: password}))
	a, err := core.Open(t.Context(), core.Params{Profile: profile, Keyring: keyring.File{Path: filepath.Join(profile, "device.key")},
		Places: at})
	must(err)
	key, err := a.Encryption().NewKey()
	must(err)
	e.planted["the key"], e.planted["its digits"] = key.Bytes(), key.Text()
	must(a.Setup(t.Context(), core.SetupRequest{Destination: place, Sources: []string{docs}, Key: key}))
	_, err = a.Backup(t.Context(), nil)
	must(err)
	report, err := a.Upkeep().Verify(t.Context(), core.VerifyRequest{DataPercent: 100}, nil)
	must(err)
	if len(report.Damage) > 0 {
		t.Error(report.Damage)
	}
	must(a.Close())
}

// tell stores all that is looked for at a place, as it is.
func tell(t *testing.T, e *examined, place, password string) {
	t.Helper()
	at := places.Through(e.start)
	if err := at.Know(place, address.Secret{address.Password: password}); err != nil {
		t.Fatal(err)
	}
	s, err := at.Open(t.Context(), place, true)
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for len(all) < 3<<20 {
		for _, secret := range e.planted {
			all = append(all, secret...)
		}
	}
	if err := errors.Join(s.Put(t.Context(), "told", all), s.Close()); err != nil {
		t.Fatal(err)
	}
}

// find returns what is in the file of a name, somewhere below a folder.
func find(t *testing.T, folder, name string) (text string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Name() == name {
			b, err := os.ReadFile(path)
			text = string(b)
			return err
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return text
}

// nowhere is a network namespace without an address, a route or a device that is up.
type nowhere struct{ pid int }

func newNowhere(t *testing.T) nowhere {
	t.Helper()
	cmd := exec.Command("cat") // it waits
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // it ends
		_ = cmd.Wait() // how does not matter
	})
	return nowhere{cmd.Process.Pid}
}

// tries counts the packets that were sent there, and those for which there was no way.
func (n nowhere) tries(t *testing.T) (tries int) {
	t.Helper()
	four, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/snmp", n.pid))
	if err != nil {
		t.Fatal(err)
	}
	six, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/snmp6", n.pid))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(four), "\n") // names, then values
	counters, values := strings.Fields(lines[0]), strings.Fields(lines[1])
	for line := range strings.Lines(string(six)) {
		if f := strings.Fields(line); len(f) == 2 {
			counters, values = append(counters, strings.TrimPrefix(f[0], "Ip6")), append(values, f[1])
		}
	}
	counted := 0
	for i, c := range counters {
		if c == "OutRequests" || c == "OutNoRoutes" {
			v, err := strconv.Atoi(values[i])
			if err != nil {
				t.Fatal(err)
			}
			counted++
			tries += v
		}
	}
	if counted != 4 {
		t.Fatalf("the kernel counts %d of 4", counted)
	}
	return tries
}

// The app opens no connection: where there is no network, a backup to a folder works, and one to a server through the
// second program, which is elsewhere. Nobody even tries to send a packet. A second program that is there too does, in vain.
func TestTheAppOpensNoConnection(t *testing.T) {
	rooted(t, "makes a network namespace")
	second, err := program()
	if err != nil {
		t.Fatal(err)
	}
	dir, dav, there := t.TempDir(), servers.Apache(t), newNowhere(t)
	app := filepath.Join(dir, "holdfast")
	build := exec.Command("go", "build", "-o", app, "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	servers.Write(t, filepath.Join(dir, "docs", "letter.txt"), "what is in it")
	secret := servers.Write(t, filepath.Join(dir, "secret"), dav.Password+"\n")
	// Each folder has the app, and beside it a second program.
	beside := func(folder, script string) string {
		at := filepath.Join(dir, folder, remote.Name)
		servers.Write(t, at, script)
		own := filepath.Join(dir, folder, "holdfast")
		if err := errors.Join(os.Chmod(at, 0o700), os.Link(app, own)); err != nil {
			t.Fatal(err)
		}
		return own
	}
	through := beside("through", fmt.Sprintf("#!/bin/sh\nexec nsenter --net=/proc/%d/ns/net %s\n", os.Getpid(), second))
	within := beside("within", fmt.Sprintf("#!/bin/sh\nexec %s\n", second))
	run := func(want int, program, profile string, args ...string) {
		t.Helper()
		args = append([]string{fmt.Sprintf("--net=/proc/%d/ns/net", there.pid), program}, args...)
		cmd := exec.Command("nsenter", append(args, "--profile", filepath.Join(dir, profile), "--keyring", "file")...)
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Fatalf("%s: exit code %d, want %d\n%s", args[2], got, want, out)
		}
	}
	place := address.Address{Kind: address.WebDAVIn, User: dav.User, Host: dav.Addr, Path: "/Holdfast"}.String()
	for profile, destination := range map[string][]string{
		"folder": {"--destination", filepath.Join(dir, "backup")}, "server": {"--destination", place, "--secret-in", secret},
	} {
		run(0, through, profile, append([]string{"setup", "--source", filepath.Join(dir, "docs"), "--key-out",
			filepath.Join(dir, profile+".key")}, destination...)...)
		run(0, through, profile, "backup")
		out := filepath.Join(dir, profile+".out")
		run(0, through, profile, "restore", "latest", "--to", out)
		if got := find(t, out, "letter.txt"); got != "what is in it" {
			t.Errorf("%s: restored is %q", profile, got)
		}
		if tries := there.tries(t); tries != 0 {
			t.Errorf("%s: %d packets were tried", profile, tries)
		}
	}
	run(6, within, "server", "backup")
	if there.tries(t) == 0 {
		t.Error("a program that tries to send is not noticed")
	}
}
