package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/holdfast-backup/holdfast/vault/vaultd/vaultdtest"
)

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// freePorts is the first of three ports in a row that nobody uses.
func freePorts(t *testing.T) int {
	t.Helper()
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		free := port < 65533
		for i := 1; i <= 2 && free; i++ {
			next, err := net.Listen("tcp", address(port+i))
			if free = err == nil; free {
				_ = next.Close()
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if free {
			return port
		}
	}
}

// The demo runs again and again, and leaves no vault behind that holds a store.
func TestDemoRunsAgain(t *testing.T) {
	build := t.TempDir()
	if err := os.Symlink(vaultdtest.Program(t), filepath.Join(build, "vaultd")); err != nil {
		t.Fatal(err)
	}
	// the person closes the window at once
	if err := os.WriteFile(filepath.Join(build, "holdfast"), []byte("#!/bin/sh\nexit 0\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	port := freePorts(t)
	for run := range 3 {
		if out, err := exec.Command("../../scripts/demo", build, strconv.Itoa(port)).CombinedOutput(); err != nil {
			t.Fatalf("run %d: %v\n%s", run+1, err, out)
		}
		for i := range 3 {
			if c, err := net.Dial("tcp", address(port+i)); err == nil {
				_ = c.Close()
				t.Fatalf("run %d: vault %d serves still", run+1, i+1)
			}
		}
	}
}
