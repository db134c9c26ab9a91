// Package databasetest has a program that writes to SQLite databases, and a judge of their copies. Both use the C library, by
// Python: what Holdfast takes must open with what people's programs are made with.
package databasetest

import (
	"bufio"
	_ "embed" // the program
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

//go:embed writer.py
var program string

// Python runs the judge and the writer: Debian's, which has its sqlite3 module.
const Python = "/usr/bin/python3"

// Writer writes to a database until it is stopped.
type Writer struct {
	t   testing.TB
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// Start makes a database and begins to write. mode is wal, delete, or checkpoint, which begins the WAL anew all the time.
func Start(t testing.TB, path, mode string, page int, megabytes float64, more ...string) *Writer {
	t.Helper()
	w := &Writer{t: t}
	w.cmd = exec.Command(Python, append([]string{"-c", program, path, mode, strconv.Itoa(page), fmt.Sprint(megabytes)}, more...)...)
	var err error
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	w.out = bufio.NewReader(out)
	errs := &strings.Builder{}
	w.cmd.Stderr = errs
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if w.cmd.ProcessState == nil {
			_ = w.cmd.Process.Kill()
			_ = w.cmd.Wait()
		}
	})
	if line, err := w.out.ReadString('\n'); line != "ready\n" {
		t.Fatalf("the writer: %q %v %s", line, err, errs)
	}
	return w
}

// Made returns how many commits were made.
func (w *Writer) Made() int {
	w.t.Helper()
	if _, err := io.WriteString(w.in, "\n"); err != nil {
		w.t.Fatal(err)
	}
	line, err := w.out.ReadString('\n')
	n, convErr := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || convErr != nil {
		w.t.Fatalf("the writer: %q, %v", line, err)
	}
	return n
}

// Stop ends it, and returns the seconds of the slowest commit.
func (w *Writer) Stop() (slowest float64) {
	w.t.Helper()
	if err := w.in.Close(); err != nil {
		w.t.Fatal(err)
	}
	var end struct{ Slowest float64 }
	if err := json.NewDecoder(w.out).Decode(&end); err != nil {
		w.t.Fatal(err)
	}
	if err := w.cmd.Wait(); err != nil {
		w.t.Fatal(err)
	}
	return end.Slowest
}

// Kill ends it as a crash does.
func (w *Writer) Kill() {
	_ = w.cmd.Process.Kill()
	_ = w.cmd.Wait()
}

const judge = `
import sqlite3, sys
c = sqlite3.connect(sys.argv[1])
print(c.execute("pragma integrity_check(5)").fetchone()[0])
print(c.execute("select n from made").fetchone()[0], c.execute("select sum(v) - count(*) * 1000 from t").fetchone()[0])
`

// Commits returns how many commits a copy holds. It fails the test for one that is damaged or holds half a commit.
func Commits(t testing.TB, path string) int {
	t.Helper()
	out, err := exec.Command(Python, "-c", judge, path).CombinedOutput()
	var verdict string
	var n, off int
	if _, scanErr := fmt.Sscanf(string(out), "%s\n%d %d", &verdict, &n, &off); err != nil || scanErr != nil || verdict != "ok" || off != 0 {
		t.Fatalf("%s: %v\n%s", path, err, out)
	}
	return n
}

const again = `
import os, sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute("pragma wal_autocheckpoint=0")
c.execute("update made set n=n+1")
print(c.execute("select n from made").fetchone()[0], flush=True)
os._exit(0)
`

// Again makes one more commit, which stays in the log, and returns how many there are.
func Again(t testing.TB, path string) int {
	t.Helper()
	out, err := exec.Command(Python, "-c", again, path).CombinedOutput()
	n, convErr := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil || convErr != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return n
}
