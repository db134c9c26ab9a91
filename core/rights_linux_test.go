package core_test

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/filetest"
)

// Who restores as root gets no set-id program, no capability and no device
// unless asked for, is told how many were left out, and gets the files.
func TestWhatGivesRightsIsRestoredOnlyWhereAskedFor(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("CI must run this as root: it makes devices")
		}
		t.Skip("only root makes devices; CI runs as root")
	}
	c := newComputer(t)
	at := func(name string) string { return filepath.Join(c.src, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	// cap_setuid=ep, as in struct vfs_cap_data of revision 2.
	capability := []byte{1, 0, 0, 2, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	must(os.MkdirAll(c.src, 0o755))
	for _, name := range []string{"setuid", "setgid", "capable", "plain"} {
		must(os.WriteFile(at(name), []byte(name), 0o755))
	}
	must(unix.Chmod(at("setuid"), 0o4755))
	must(unix.Chmod(at("setgid"), 0o2755))
	must(unix.Setxattr(at("capable"), "security.capability", capability, 0))
	must(os.Link(at("setuid"), at("setuid too")))
	must(unix.Mknod(at("device"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))))
	must(unix.Mknod(at("disk"), unix.S_IFBLK|0o600, int(unix.Mkdev(7, 200))))
	must(unix.Mkfifo(at("fifo"), 0o600))
	must(os.Mkdir(at("shared"), 0o755))
	must(unix.Chmod(at("shared"), 0o2775))
	c.setup(nil)
	c.backup()
	for asked, leftOut := range map[bool]int64{false: 5, true: 0} {
		r, err := elsewhere.OpenReader(context.Background(), c.dest, nil)
		must(err)
		out := t.TempDir()
		report, err := r.Restore(context.Background(), core.RestoreRequest{Snapshot: "latest", Target: out, DevicesAndSetuid: asked}, nil)
		must(errors.Join(err, r.Close()))
		if report.LeftOut != leftOut || report.Errors != 0 {
			t.Errorf("asked %v: %d left out, %v", asked, report.LeftOut, report.Problems)
		}
		mode := func(name string) uint32 {
			var st unix.Stat_t
			if unix.Lstat(filepath.Join(out, "src", name), &st) != nil {
				return 0
			}
			return st.Mode
		}
		for name, want := range map[string][2]uint32{ // not asked for, asked for
			"setuid": {unix.S_IFREG | 0o755, unix.S_IFREG | 0o4755}, "setuid too": {unix.S_IFREG | 0o755, unix.S_IFREG | 0o4755},
			"setgid": {unix.S_IFREG | 0o755, unix.S_IFREG | 0o2755}, "device": {0, unix.S_IFCHR | 0o600}, "disk": {0, unix.S_IFBLK | 0o600},
			"fifo": {unix.S_IFIFO | 0o600, unix.S_IFIFO | 0o600}, "plain": {unix.S_IFREG | 0o755, unix.S_IFREG | 0o755},
			"shared": {unix.S_IFDIR | 0o2775, unix.S_IFDIR | 0o2775}, // it only says which group new files belong to
		} {
			i := 0
			if asked {
				i = 1
			}
			if got := mode(name); got != want[i] {
				t.Errorf("asked %v: %s has mode %o, want %o", asked, name, got, want[i])
			}
		}
		n, err := unix.Getxattr(filepath.Join(out, "src", "capable"), "security.capability", make([]byte, 100))
		if (err == nil && n == len(capability)) != asked {
			t.Errorf("asked %v: capability %d, %v", asked, n, err)
		}
		if b, err := os.ReadFile(filepath.Join(out, "src", "setuid")); err != nil || string(b) != "setuid" {
			t.Errorf("%q %v", b, err)
		}
	}
}

// TestUnreadableFilesAreReported runs a backup as a user who may not read
// some files: the run makes its snapshot of all others. Root, who may read
// everything, gives its rights up for it.
func TestUnreadableFilesAreReported(t *testing.T) {
	root := os.Geteuid() == 0
	c := newComputer(t)
	filetest.Small(t, c.src, 1)
	filetest.Write(t, filepath.Join(c.src, "secret.txt"), []byte("not for you"))
	filetest.Write(t, filepath.Join(c.src, "locked/inside.txt"), []byte("nor this"))
	const nobody = 65534
	c.setup(nil)
	for path, mode := range map[string]os.FileMode{"secret.txt": 0, "locked": 0} {
		if err := os.Chmod(filepath.Join(c.src, path), mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(c.src, "locked"), 0o700) }) // for the clean-up
	for _, dir := range []string{c.params.Profile, c.dest} {
		if err := filepath.WalkDir(dir, func(p string, _ os.DirEntry, err error) error {
			if root && err == nil {
				err = os.Lchown(p, nobody, nobody)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	for p := filepath.Dir(c.src); p != os.TempDir() && len(p) > 1; p = filepath.Dir(p) {
		if err := os.Chmod(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// The go command keeps test binaries where only root may go.
	binary := filepath.Join(filepath.Dir(c.src), "child")
	content, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(binary, content, 0o755); err != nil {
		t.Fatal(err)
	}
	var as *syscall.SysProcAttr
	if root {
		as = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	cmd, pipe := startChild(t, binary, c.params.Profile, as)
	if _, err := io.Copy(io.Discard, pipe); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Fatalf("the child: %v", err)
	}
	c.must(func(a *core.App) error {
		run := a.Activity()[0]
		if run.Outcome != core.OutcomePartly || run.ProblemsTotal != 2 || run.Snapshot == "" {
			t.Errorf("history: %+v", run)
		}
		for _, p := range run.Problems {
			if p.Reason != "no permission" {
				t.Errorf("%+v", p)
			}
		}
		return nil
	})
	out, _ := restoreElsewhere(t, c.dest, nil, "latest")
	if _, err := os.Stat(filepath.Join(out, "src/photo.jpg")); err != nil {
		t.Error(err)
	}
}
