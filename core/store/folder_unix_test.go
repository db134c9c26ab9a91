//go:build unix

package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestErrnosMeanWhatPeopleCanActOn(t *testing.T) {
	for errno, want := range map[unix.Errno]error{
		unix.ENOSPC: ErrNoSpace, unix.EDQUOT: ErrNoSpace,
		unix.EACCES: ErrPermission, unix.EPERM: ErrPermission, unix.EROFS: ErrPermission,
		unix.ENOENT: ErrNotExist, unix.ENOTDIR: ErrNotExist, unix.EEXIST: ErrExists,
		unix.ESTALE: ErrUnreachable, unix.ENODEV: ErrUnreachable, unix.ENOTCONN: ErrUnreachable,
		unix.EIO: nil,
	} {
		err := fmt.Errorf("deep: %w", &fs.PathError{Op: "write", Path: "x", Err: errno})
		if got := classify(err); got != want { //nolint:errorlint // the sentinel itself
			t.Errorf("%v: %v", errno, got)
		}
		if got := wrap(err); want != nil && !errors.Is(got, want) || !errors.Is(got, errno) {
			t.Errorf("%v: %v", errno, got)
		}
	}
	f := testFolder(t, FolderOptions{})
	var e *Error
	if err := f.openError(unix.EACCES); !errors.Is(err, ErrPermission) || !errors.As(err, &e) {
		t.Error(err)
	}
	for _, errno := range []unix.Errno{unix.EINVAL, unix.ENOSYS, unix.EOPNOTSUPP} {
		if !errors.Is(renameResult(errno), errUnsupported) {
			t.Errorf("%v is not taken for unsupported", errno)
		}
	}
}

// A destination is hostile: what is planted there must not lead out of it,
// nor keep us waiting.
func TestPlantedFilesLeadNowhere(t *testing.T) {
	outside := t.TempDir()
	must(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600))
	f := testFolder(t, FolderOptions{})
	at := func(name string) string { return filepath.Join(f.path, name) }
	must(t, os.Symlink(filepath.Join(outside, "secret"), at("link")))
	must(t, os.Symlink("../../../../../../"+outside+"/secret", at("relative")))
	must(t, os.Symlink(outside, at("packs")))
	must(t, os.Symlink("loop", at("loop")))
	must(t, unix.Mkfifo(at("fifo"), 0o600))
	must(t, unix.Mkfifo(at("indexes"), 0o600))
	must(t, os.Mkdir(at("dir"), 0o700))

	p := make([]byte, 6)
	for _, name := range []string{"link", "relative", "packs/secret", "loop", "fifo", "dir", "indexes/1"} {
		if err := f.ReadAt(t.Context(), name, p, 0); err == nil {
			t.Errorf("read %s: %q", name, p)
		}
		if _, err := f.Stat(t.Context(), name); err == nil {
			t.Errorf("stat %s succeeds", name)
		}
	}
	for _, name := range []string{"packs/new", "packs/secret", "packs/aa/new", "indexes/1", "link"} {
		if err := f.Put(t.Context(), name, []byte("evil")); err == nil {
			t.Errorf("put %s succeeds", name)
		}
	}
	if err := f.Delete(t.Context(), "packs/secret"); err == nil {
		t.Error("delete of a file outside succeeds")
	}
	must(t, f.Delete(t.Context(), "indexes/1"))
	if got := listed(t, f); len(got) != 0 {
		t.Errorf("listed %v", got)
	}
	// Replacing a link replaces the link, not what it leads to.
	must(t, f.Replace(t.Context(), "link", []byte("header")))
	entries, err := os.ReadDir(outside)
	must(t, err)
	got, err := os.ReadFile(filepath.Join(outside, "secret"))
	if err != nil || string(got) != "secret" || len(entries) != 1 {
		t.Errorf("outside: %q, %v, %v", got, entries, err)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/dev/fd")
	must(t, err)
	return len(entries)
}

func TestHandlesAreBounded(t *testing.T) {
	f := testFolder(t, FolderOptions{})
	before := openFiles(t)
	p := make([]byte, 1)
	for i := range 3 * maxHandles {
		name := fmt.Sprintf("packs/aa/%d", i)
		must(t, f.Put(t.Context(), name, []byte{byte(i)}))
		for range 2 {
			must(t, f.ReadAt(t.Context(), name, p, 0))
			if p[0] != byte(i) {
				t.Fatalf("%s: %d", name, p[0])
			}
		}
	}
	if got := openFiles(t) - before; got > maxHandles {
		t.Errorf("%d files are open", got)
	}
	must(t, f.Close())
	if got := openFiles(t); got >= before {
		t.Errorf("%d files are open after Close, %d before", got, before)
	}
}

// A real file system that is full, and one that is read-only. It takes the
// right to mount, which CI has.
func TestFullAndReadOnlyDisks(t *testing.T) {
	dir := t.TempDir()
	if err := mountTmpfs(dir, false); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("mounting takes root on Linux: ", err)
	}
	t.Cleanup(func() { must(t, unmount(dir)) })
	f, err := OpenFolder(dir, FolderOptions{})
	must(t, err)
	defer f.Close() //nolint:errcheck // test
	must(t, f.Put(t.Context(), "packs/aa/1", make([]byte, 1000)))
	if err := f.Put(t.Context(), "packs/aa/2", make([]byte, 4<<20)); !errors.Is(err, ErrNoSpace) || !IsPermanent(err) {
		t.Errorf("full disk: %v", err)
	}
	if got := listed(t, f); len(got) != 1 {
		t.Errorf("after a full disk: %v", got)
	}
	must(t, f.Put(t.Context(), "packs/aa/3", make([]byte, 1000))) // the broken file is gone
	must(t, mountTmpfs(dir, true))
	for op, err := range map[string]error{
		"put": f.Put(t.Context(), "packs/aa/4", nil), "replace": f.Replace(t.Context(), "holdfast.json", nil),
		"delete": f.Delete(t.Context(), "packs/aa/1"),
	} {
		if !errors.Is(err, ErrPermission) {
			t.Errorf("%s on a read-only disk: %v", op, err)
		}
	}
	must(t, f.ReadAt(t.Context(), "packs/aa/1", make([]byte, 1000), 0))
}
