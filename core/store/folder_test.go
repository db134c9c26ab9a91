package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func testFolder(t testing.TB, opt FolderOptions, elem ...string) *Folder {
	t.Helper()
	f, err := OpenFolder(filepath.Join(append([]string{t.TempDir()}, elem...)...), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func listed(t *testing.T, f *Folder) (names []string) {
	t.Helper()
	must(t, f.List(t.Context(), "", func(o Object) error { names = append(names, o.Name); return nil }))
	return names
}

// every is each operation of a folder once.
func every(ctx context.Context, f *Folder, name string) map[string]error {
	errs := map[string]error{
		"put": f.Put(ctx, "packs/new/"+name, nil), "replace": f.Replace(ctx, name, nil), "read": f.ReadAt(ctx, name, make([]byte, 1), 0),
		"delete": f.Delete(ctx, name), "list": f.List(ctx, "", func(Object) error { return nil }),
	}
	_, errs["stat"] = f.Stat(ctx, name)
	_, errs["free"] = f.Free(ctx)
	_, errs["clean"] = f.CleanTemporary(ctx, time.Hour)
	return errs
}

func TestOpenFolder(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	for _, path := range []string{"missing", "file", "missing/deeper"} {
		_, err := OpenFolder(filepath.Join(dir, path), FolderOptions{})
		if !errors.Is(err, ErrUnreachable) || errors.Is(err, ErrNotExist) || IsPermanent(err) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := OpenFolder(filepath.Join(dir, "file", "x"), FolderOptions{Create: true}); err == nil {
		t.Error("a folder in a file is opened")
	}
	_, err := OpenFolder(filepath.Join(dir, "missing"), FolderOptions{})
	if err == nil || !strings.Contains(err.Error(), "is the drive connected?") {
		t.Error(err)
	}
	f := testFolder(t, FolderOptions{Create: true}, "new", "newer")
	st, err := os.Stat(f.path)
	must(t, err)
	if st.Mode().Perm() != 0o700 {
		t.Errorf("made with mode %v", st.Mode())
	}
	must(t, f.Put(t.Context(), "packs/aa/1", nil))
	again, err := OpenFolder(f.path, FolderOptions{Create: true})
	must(t, err)
	defer again.Close() //nolint:errcheck // test
	if got := listed(t, again); len(got) != 1 {
		t.Errorf("opened anew: %v", got)
	}
}

func TestFilesAreForTheOwnerOnly(t *testing.T) {
	f := testFolder(t, FolderOptions{})
	must(t, f.Put(t.Context(), "packs/aa/1", nil))
	must(t, f.Replace(t.Context(), "holdfast.json", nil))
	for path, want := range map[string]fs.FileMode{"packs": 0o700, "packs/aa": 0o700, "packs/aa/1": 0o600, "holdfast.json": 0o600} {
		st, err := os.Stat(filepath.Join(f.path, path))
		must(t, err)
		if st.Mode().Perm() != want {
			t.Errorf("%s: %v", path, st.Mode())
		}
	}
}

// A relative path stays what it was when the process changes its folder.
func TestRelativePathIsFixedAtOpening(t *testing.T) {
	t.Chdir(t.TempDir())
	f, err := OpenFolder("dest", FolderOptions{Create: true})
	must(t, err)
	defer f.Close() //nolint:errcheck // test
	t.Chdir(t.TempDir())
	must(t, f.Put(t.Context(), "packs/aa/1", nil))
	if len(listed(t, f)) != 1 {
		t.Error("not listed")
	}
}

func TestFolderThatVanishesIsUnreachable(t *testing.T) {
	for name, vanish := range map[string]func(t *testing.T, dir string){
		"deleted":  func(t *testing.T, dir string) { must(t, os.RemoveAll(dir)) },
		"moved":    func(t *testing.T, dir string) { must(t, os.Rename(dir, dir+"-trash")) },
		"replaced": func(t *testing.T, dir string) { must(t, os.Rename(dir, dir+"-old")); must(t, os.Mkdir(dir, 0o700)) },
	} {
		t.Run(name, func(t *testing.T) {
			f := testFolder(t, FolderOptions{Create: true}, "dest")
			vanish(t, f.path)
			for op, err := range every(t.Context(), f, "object") {
				if !errors.Is(err, ErrUnreachable) || errors.Is(err, ErrNotExist) && IsPermanent(err) && op != "read" && op != "stat" {
					t.Errorf("%s: %v", op, err)
				}
			}
			if _, err := os.Stat(f.path); name != "replaced" && err == nil {
				t.Error("the folder was made anew")
			}
		})
	}
}

func TestClosedFolderSaysSo(t *testing.T) {
	f := testFolder(t, FolderOptions{})
	must(t, f.Put(t.Context(), "packs/aa/1", []byte("x")))
	must(t, f.ReadAt(t.Context(), "packs/aa/1", make([]byte, 1), 0))
	must(t, f.Close())
	for op, err := range every(t.Context(), f, "packs/aa/1") {
		if op != "free" && !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v", op, err)
		}
	}
}

// Whoever empties the folder of packs behind our back costs a retry, not the run.
func TestRemovedSubfolderIsMadeAgain(t *testing.T) {
	f := testFolder(t, FolderOptions{})
	must(t, f.Put(t.Context(), "packs/aa/1", nil))
	must(t, os.RemoveAll(filepath.Join(f.path, "packs")))
	must(t, f.Put(t.Context(), "packs/aa/1", nil))
	if got := listed(t, f); len(got) != 1 {
		t.Error(got)
	}
	must(t, os.RemoveAll(filepath.Join(f.path, "packs")))
	must(t, os.WriteFile(filepath.Join(f.path, "packs"), nil, 0o600))
	if err := f.Put(t.Context(), "packs/aa/1", nil); err == nil || errors.Is(err, ErrNotExist) {
		t.Errorf("put below a file: %v", err)
	}
}

func TestForeignFilesAreNoObjects(t *testing.T) {
	f := testFolder(t, FolderOptions{})
	must(t, f.Put(t.Context(), "packs/aa/1", nil))
	for _, name := range []string{".DS_Store", "desktop.ini~", "Thumbs.db", "packs/aa/1 (conflicted copy)", "~x.tmp", "packs/.hidden",
		".git/config", "Some Folder/object"} {
		must(t, os.MkdirAll(filepath.Join(f.path, filepath.Dir(name)), 0o700))
		must(t, os.WriteFile(filepath.Join(f.path, name), nil, 0o600))
	}
	must(t, os.Mkdir(filepath.Join(f.path, "packs", "dir"), 0o700))
	if got := listed(t, f); len(got) != 1 || got[0] != "packs/aa/1" {
		t.Error(got)
	}
}

func TestTemporariesOfKilledRunsAreCleaned(t *testing.T) {
	f := testFolder(t, FolderOptions{})
	const random = "abcdefghijklmnopqrstuvwx27"
	old := time.Now().Add(-25 * time.Hour)
	write := func(name string, at time.Time) {
		path := filepath.Join(f.path, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, []byte("half"), 0o600))
		must(t, os.Chtimes(path, at, at))
	}
	keep := []string{"~notes.tmp", "packs/aa/~" + random + ".tmp.bak", "packs/aa/~" + strings.ToUpper(random) + ".tmp",
		"Foreign/~" + random + ".tmp", "packs/aa/object"}
	for _, name := range keep {
		write(name, old)
	}
	write("packs/~"+random+".tmp", time.Now())
	write("~"+random+".tmp", old)
	write("packs/aa/~"+random+".tmp", old)
	if n, err := f.CleanTemporary(t.Context(), 24*time.Hour); n != 2 || err != nil {
		t.Errorf("%d removed, %v", n, err)
	}
	if n, err := f.CleanTemporary(t.Context(), -time.Hour); n != 1 || err != nil {
		t.Errorf("%d young ones removed, %v", n, err)
	}
	for _, name := range keep {
		if _, err := os.Stat(filepath.Join(f.path, name)); err != nil {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.CleanTemporary(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// cancelling is a context that ends when it is asked for the n-th time.
type cancelling struct {
	context.Context
	left int
}

func (c *cancelling) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

func TestBrokenPutLeavesNothing(t *testing.T) {
	f := testFolder(t, FolderOptions{})
	data := make([]byte, 3*writeStep)
	for looks := range 5 {
		if err := f.Put(&cancelling{t.Context(), looks}, "packs/aa/1", data); !errors.Is(err, context.Canceled) {
			t.Fatalf("after %d looks: %v", looks, err)
		}
	}
	must(t, filepath.WalkDir(f.path, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			t.Errorf("%s is left over", path)
		}
		return err
	}))
}

// A file system that cannot rename without overwriting links, and one that
// cannot link either looks before it renames. Each way refuses to overwrite.
func TestPublishersFallBack(t *testing.T) {
	unsupported := func(*Folder, *os.Root, *os.File, string, string) error { return errUnsupported }
	for name, list := range map[string][]publisher{
		"rename": {publishRename, publishLink, publishLook},
		"link":   {unsupported, publishLink, publishLook},
		"look":   {unsupported, unsupported, publishLook},
	} {
		t.Run(name, func(t *testing.T) {
			f := testFolder(t, FolderOptions{})
			f.publish = list
			// Beside Put's own look, which would answer first.
			put := func(name string) error {
				return f.write(t.Context(), "test", name, []byte("x"), func(dir *os.Root, d *os.File, tmp, base string) error {
					err := errUnsupported
					for _, p := range f.publish {
						if err = p(f, dir, d, tmp, base); !errors.Is(err, errUnsupported) {
							break
						}
					}
					return err
				})
			}
			must(t, put("packs/aa/1"))
			if err := put("packs/aa/1"); !errors.Is(err, ErrExists) {
				t.Errorf("second: %v", err)
			}
			must(t, f.Put(t.Context(), "packs/aa/2", nil))
			entries, err := os.ReadDir(filepath.Join(f.path, "packs", "aa"))
			must(t, err)
			if len(entries) != 2 {
				t.Errorf("%d files", len(entries))
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		f := testFolder(t, FolderOptions{})
		f.publish = []publisher{unsupported}
		if err := f.Put(t.Context(), "a", nil); !errors.Is(err, errUnsupported) || len(listed(t, f)) != 0 {
			t.Error(err)
		}
	})
}

// NFS may answer "exists" for a link it made itself, when it repeats a request.
func TestLinkThatSucceededUnseenIsSuccess(t *testing.T) {
	f := testFolder(t, FolderOptions{})
	must(t, os.WriteFile(filepath.Join(f.path, "tmp"), []byte("x"), 0o600))
	must(t, os.Link(filepath.Join(f.path, "tmp"), filepath.Join(f.path, "object")))
	must(t, publishLink(f, f.root, nil, "tmp", "object"))
	if got := listed(t, f); fmt.Sprint(got) != "[object]" {
		t.Error(got)
	}
}

func TestHeaderReplacedByAnotherComputerIsSeen(t *testing.T) {
	ours, p := testFolder(t, FolderOptions{}), make([]byte, 3)
	theirs, err := OpenFolder(ours.path, FolderOptions{})
	must(t, err)
	defer theirs.Close() //nolint:errcheck // test
	for _, content := range []string{"one", "two", "six"} {
		must(t, theirs.Replace(t.Context(), "holdfast.json", []byte(content)))
		must(t, ours.ReadAt(t.Context(), "holdfast.json", p, 0))
		if !bytes.Equal(p, []byte(content)) {
			t.Errorf("%q, want %q", p, content)
		}
	}
}

func TestFree(t *testing.T) {
	var s Spacer = testFolder(t, FolderOptions{})
	if n, err := s.Free(t.Context()); err != nil || n == 0 {
		t.Error(n, err)
	}
}

func TestNotTheObject(t *testing.T) {
	if err := notTheObject(fs.ErrNotExist); errors.Is(err, fs.ErrNotExist) || IsPermanent(err) {
		t.Error(err)
	}
}

func BenchmarkPut32MiB(b *testing.B) {
	f, data := testFolder(b, FolderOptions{}), make([]byte, 32<<20)
	b.SetBytes(int64(len(data)))
	for i := 0; b.Loop(); i++ {
		must(b, f.Put(b.Context(), fmt.Sprintf("packs/%02x/%d", i%4, i), data))
	}
}

// BenchmarkRawWrite32MiB is what the disk gives without a store.
func BenchmarkRawWrite32MiB(b *testing.B) {
	dir, data := b.TempDir(), make([]byte, 32<<20)
	b.SetBytes(int64(len(data)))
	for i := 0; b.Loop(); i++ {
		w, err := os.Create(filepath.Join(dir, fmt.Sprint(i)))
		must(b, err)
		_, err = w.Write(data)
		must(b, err)
		must(b, w.Sync())
		must(b, w.Close())
	}
}

func BenchmarkReadAt64KiB(b *testing.B) {
	f, p := testFolder(b, FolderOptions{}), make([]byte, 64<<10)
	must(b, f.Put(b.Context(), "packs/aa/1", make([]byte, 32<<20)))
	b.SetBytes(int64(len(p)))
	for i := 0; b.Loop(); i++ {
		must(b, f.ReadAt(b.Context(), "packs/aa/1", p, int64(i%500)<<16))
	}
}
