package smb_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/servers"
)

// A server whose disk is full, and then one that may only be read.
func TestFullAndReadOnlyDisks(t *testing.T) {
	s := servers.Samba(t)
	disk := filepath.Join(s.Root, "disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=1m"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("mounting takes root: ", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(disk, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	r := open(t, s, "disk")
	if n, err := r.Free(t.Context()); err != nil || n < 1<<19 || n > 1<<20 {
		t.Errorf("%d bytes are free: %v", n, err)
	}
	if err := r.Put(t.Context(), "packs/aa/1", make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	for op, err := range map[string]error{
		"put":     r.Put(t.Context(), "packs/aa/2", make([]byte, 4<<20)),
		"replace": r.Replace(t.Context(), "packs/aa/1", make([]byte, 4<<20)),
	} {
		if !errors.Is(err, store.ErrNoSpace) || !store.IsPermanent(err) {
			t.Errorf("%s on a full disk: %v", op, err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(disk, "packs/aa/.*")); err != nil || len(left) > 0 {
		t.Errorf("%v stay: %v", left, err)
	}
	if err := r.Put(t.Context(), "packs/aa/3", make([]byte, 1000)); err != nil {
		t.Error(err)
	}
	if err := unix.Mount("", disk, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	for op, err := range map[string]error{
		"put": r.Put(t.Context(), "packs/aa/4", nil), "replace": r.Replace(t.Context(), "packs/aa/1", nil),
		"delete": r.Delete(t.Context(), "packs/aa/1"),
	} {
		if !errors.Is(err, store.ErrPermission) {
			t.Errorf("%s on a read-only disk: %v", op, err)
		}
	}
	if b, err := store.ReadAll(t.Context(), r, "packs/aa/1", 1000); err != nil || len(b) != 1000 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}
