package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/vault/vaultd/vaultdtest"
)

// The demo runs again and again, and leaves no vault behind that holds the store.
func TestDemoRunsAgain(t *testing.T) {
	build := t.TempDir()
	if err := os.Symlink(vaultdtest.Program(t), filepath.Join(build, "vaultd")); err != nil {
		t.Fatal(err)
	}
	// the person closes the window at once
	if err := os.WriteFile(filepath.Join(build, "holdfast"), []byte("#!/bin/sh\nexit 0\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(at)
	if err != nil {
		t.Fatal(err)
	}
	for run := range 3 {
		if out, err := exec.Command("../../scripts/demo", build, port).CombinedOutput(); err != nil {
			t.Fatalf("run %d: %v\n%s", run+1, err, out)
		}
		if c, err := net.Dial("tcp", at); err == nil {
			_ = c.Close()
			t.Fatalf("run %d: a vault serves still", run+1)
		}
	}
}
