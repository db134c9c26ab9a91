package places

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestMounts(t *testing.T) {
	const table = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:26 / /run rw - tmpfs tmpfs rw
41 22 8:17 / /media/ann/Backup\040disk rw,nosuid shared:2 - ext4 /dev/sdb1 rw
42 22 8:33 / /run/media/ann/Photos rw - exfat /dev/sdc1 rw
43 22 8:49 / /media/ann/DVD ro - iso9660 /dev/sr0 ro
44 22 8:65 / /media/ann/Locked ro,nosuid - ext4 /dev/sdd1 ro
45 22 0:50 / /mnt/nas rw - nfs4 nas:/files rw
46 22 0:51 / /home/ann/server rw - fuse.sshfs ann@host: rw
47 22 0:52 / /srv/nfs rw - nfs4 nas:/srv rw
48 22 0:53 / /mnt/ram rw - tmpfs tmpfs rw
49 22 8:81 / /media/ann/Photos2 rw - vfat /dev/sde1 rw
50 22 8:97 / /media/ann/Photos2 rw - vfat /dev/sdf1 rw
a line that is none
`
	want := []Nearby{
		{Path: "/media/ann/Backup disk", Kind: NearbyDisk, Name: "Backup disk"},
		{Path: "/run/media/ann/Photos", Kind: NearbyDisk, Name: "Photos"},
		{Path: "/mnt/nas", Kind: NearbyShare, Name: "nas"},
		{Path: "/home/ann/server", Kind: NearbyShare, Name: "server"},
		{Path: "/media/ann/Photos2", Kind: NearbyDisk, Name: "Photos2"},
	}
	if got := inMounts(table); !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

// Folders that are there, may be written to and answer are offered, each once.
func TestNearby(t *testing.T) {
	home := t.TempDir()
	moved := filepath.Join(t.TempDir(), "My Dropbox")
	for _, dir := range []string{filepath.Join(home, "Nextcloud"), filepath.Join(home, ".dropbox"), moved} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []struct{ path, text string }{
		{filepath.Join(home, "MEGA"), "a file"},
		{filepath.Join(home, ".dropbox", "info.json"), `{"personal": {"path": "` + moved + `"}, "business": {"path": "relative"}}`},
	} {
		if err := os.WriteFile(file.path, []byte(file.text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found := syncedIn(home, "linux")
	want := []Nearby{
		{Path: moved, Kind: NearbySynced, Name: "Dropbox"},
		{Path: filepath.Join(home, "Nextcloud"), Kind: NearbySynced, Name: "Nextcloud"},
	}
	if !slices.Equal(found, want) {
		t.Errorf("%+v", found)
	}
	gone := Nearby{Path: filepath.Join(home, "gone"), Kind: NearbyDisk}
	var p Places
	got := p.measured(t.Context(), append([]Nearby{gone}, found...))
	if len(got) != 2 || got[0].Path != moved || got[0].Free <= 0 || got[1].Path != want[1].Path {
		t.Errorf("%+v", got)
	}
	if syncedIn("", "linux") != nil {
		t.Error("a person without a home has synced folders")
	}
}
