package restore

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core/repo"
)

func TestNamesOfOtherSystems(t *testing.T) {
	for name, want := range map[string]string{
		"plain.txt": "plain.txt", "Übung 🚀.txt": "Übung 🚀.txt", ".hidden": ".hidden", "a.b.c": "a.b.c",
		"12:30": "12_30", `a\b`: "a_b", "what?*": "what__", "x\x01y": "x_y", `<">|`: "____",
		"end.": "end_", "end. .": "end___", "blank ": "blank_",
		"con": "con_", "NUL.txt": "NUL_.txt", "com1.tar.gz": "com1_.tar.gz", "console": "console", "com10": "com10",
	} {
		if got := localName(name); got != want {
			t.Errorf("localName(%q) = %q, want %q", name, got, want)
		}
		if !filepath.IsLocal(localName(name)) {
			t.Errorf("%q is no name", localName(name))
		}
	}
}

// The handle that wrote a file is closed after its time was set: the close must not set it to now.
func TestTimeOutlivesTheHandle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("text"); err != nil {
		t.Fatal(err)
	}
	want := time.Date(1999, 12, 31, 23, 59, 58, 700, time.UTC)
	n := &repo.Node{Kind: repo.NodeFile, Mode: 0o444, MTime: want.Unix(), MNanos: 700}
	if problems := setMeta(nil, n, "file", f, false); problems != nil {
		t.Fatal(problems)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if !st.ModTime().Equal(want) || st.Mode().Perm() != 0o444 {
		t.Errorf("time %v, mode %v, want %v and read-only", st.ModTime(), st.Mode(), want)
	}
}

func TestReadOnlyFileIsReplaced(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"old": 0o444, "new": 0o600} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close() //nolint:errcheck // only a handle
	info, err := root.Lstat("old")
	if err != nil {
		t.Fatal(err)
	}
	if err := replaceable(root, "old", info); err != nil {
		t.Fatal(err)
	}
	if err := root.Rename("new", "old"); err != nil {
		t.Fatal(err)
	}
	if b, err := root.ReadFile("old"); err != nil || string(b) != "new" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestFullDiskEndsARestore(t *testing.T) {
	const diskFull = syscall.Errno(112) // ERROR_DISK_FULL
	if err := fatal(&os.PathError{Op: "write", Path: "x", Err: diskFull}); err == nil {
		t.Error("a full disk is taken for one file's problem")
	}
}
