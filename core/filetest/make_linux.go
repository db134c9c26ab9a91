package filetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Hard fills a folder with what is hard to keep: odd names, links of all
// kinds, holes, attributes, old times, special files, a path longer than PATH_MAX.
func Hard(t testing.TB, dir string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	must(os.MkdirAll(at("sub"), 0o755))
	must(os.MkdirAll(at("emptydir"), 0o755))
	Write(t, at("plain.txt"), []byte("hello"))
	Write(t, at("empty"), nil)
	Write(t, at("bad\xff\xfe name"), []byte("not UTF-8"))
	Write(t, at("new\nline\ttab"), []byte("control"))
	Write(t, at(strings.Repeat("n", 255)), []byte("long"))
	Write(t, at("zeros"), make([]byte, 3_000_000))
	Write(t, at("big.bin"), Noise(1, 9_000_000))
	must(os.Symlink("plain.txt", at("link")))
	must(os.Symlink("nowhere/at all", at("broken")))
	must(os.Symlink(".", at("cycle")))
	must(os.Symlink("loop2", at("loop1")))
	must(os.Symlink("loop1", at("loop2")))
	must(os.Link(at("plain.txt"), at("hard1")))
	must(os.Link(at("plain.txt"), at("sub/hard2")))
	must(unix.Mkfifo(at("fifo"), 0o640))

	sparse, err := os.Create(at("sparse-5-GB"))
	must(err)
	_, err = sparse.WriteAt([]byte("in the middle"), 2<<30)
	must(err)
	must(sparse.Truncate(5 << 30))
	must(sparse.Close())
	holes, err := os.Create(at("holes"))
	must(err)
	for i := range 20 {
		_, err = holes.WriteAt(Noise(uint64(i), 5000), int64(i)*1_000_000)
		must(err)
	}
	must(holes.Close())

	must(unix.Setxattr(at("plain.txt"), "user.holdfast", []byte("a\x00value"), 0))
	must(unix.Setxattr(at("sub"), "user.folder", []byte("x"), 0))
	must(unix.Setxattr(at("empty"), "user.long", Noise(2, 2000), 0))

	deep, err := os.Open(dir)
	must(err)
	fd := int(deep.Fd())
	for range 25 {
		must(unix.Mkdirat(fd, strings.Repeat("d", 200), 0o750))
		next, err := unix.Openat(fd, strings.Repeat("d", 200), unix.O_RDONLY|unix.O_DIRECTORY, 0)
		must(err)
		if fd != int(deep.Fd()) {
			must(unix.Close(fd))
		}
		fd = next
	}
	file, err := unix.Openat(fd, "deep", unix.O_WRONLY|unix.O_CREAT, 0o600)
	must(err)
	_, err = unix.Write(file, []byte("at the bottom"))
	must(err)
	must(unix.Close(file))
	must(unix.Close(fd))
	must(deep.Close())

	must(os.Chmod(at("emptydir"), 0o777|os.ModeSticky))
	must(os.Chmod(at("sub"), 0o711))
	if os.Geteuid() == 0 {
		must(os.Chown(at("big.bin"), 1234, 5678))
		must(os.Chmod(at("plain.txt"), 0o751|os.ModeSetuid))
		must(unix.Mknod(at("device"), unix.S_IFCHR|0o600, int(unix.Mkdev(5, 77))))
	}
	for name, when := range map[string]time.Time{
		"plain.txt": time.Unix(-123456790, 876543211), "empty": time.Unix(0, 1), "emptydir": time.Unix(-1, 999_999_999),
		"big.bin": time.Date(2200, 2, 3, 4, 5, 6, 7, time.UTC), "link": time.Unix(1234567890, 123456789),
	} {
		ts := []unix.Timespec{{Sec: 1}, unix.NsecToTimespec(when.UnixNano())}
		must(unix.UtimesNanoAt(unix.AT_FDCWD, at(name), ts, unix.AT_SYMLINK_NOFOLLOW))
	}
}
