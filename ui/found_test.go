package ui

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/servers"
)

// backupIn makes a backup that is not encrypted in a folder.
func backupIn(t *testing.T, path string) string {
	t.Helper()
	s, err := store.OpenFolder(path, store.FolderOptions{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // a test's
	if _, err := repo.Create(t.Context(), s, nil, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

func newcomer(t *testing.T, at places.Places) *desk {
	profile := t.TempDir()
	return sitIn(t, core.Params{Profile: profile, Keyring: keyring.File{Path: filepath.Join(profile, "device.key")}, Places: at}, nil)
}

// The backups in the folders of a place are offered; the only one is taken at once; none is said by name.
func TestBackupsInThePlaceAreOffered(t *testing.T) {
	root := t.TempDir()
	d := newcomer(t, places.Places{})
	d.door("Restore a backup")
	d.write(0, root)
	d.press("Continue")
	d.Sees("There is no Holdfast backup at " + root + ", nor in the folders in it.")

	backupIn(t, filepath.Join(root, "Laptop"))
	d.press("Choose another place")
	d.press("Continue")
	d.Sees("This backup is not encrypted")
	d.press("Back")
	d.Sees("Where is the backup?")

	other := backupIn(t, filepath.Join(root, "Old computer"))
	snapshot := servers.Write(t, filepath.Join(other, "snapshots", "1"), "x")
	if err := os.Chtimes(snapshot, time.Now(), time.Now().Add(-3*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	d.write(0, root)
	d.press("Continue")
	d.Sees("Which backup?")
	d.Sees("changed 3 days ago")
	d.row(filepath.Join(filepath.Base(root), "Laptop")).Tapped(nil)
	d.Sees("This backup is not encrypted")
}

// A new computer with the disk plugged in sees the backup on it.
func TestBackupsNearAreOnTop(t *testing.T) {
	disk := filepath.Join(t.TempDir(), "Backup disk")
	backupIn(t, filepath.Join(disk, "Holdfast"))
	d := newcomer(t, places.Places{})
	d.found = []places.Nearby{{Path: disk, Kind: places.NearbyDisk, Name: "Backup disk", Free: 1 << 40}}
	d.door("Restore a backup")
	d.Sees("Backups found on this computer")
	d.row(filepath.Join("Backup disk", "Holdfast")).Tapped(nil)
	d.Sees("This backup is not encrypted")
}

// What is found below the place at a server opens with what opened the place.
func TestABackupInAFolderOfAServer(t *testing.T) {
	s := servers.OpenSSH(t)
	key := servers.Write(t, filepath.Join(t.TempDir(), "id"), s.Key)
	backupIn(t, filepath.Join(s.Root, "Ann's laptop"))
	d := newcomer(t, besides(t))
	d.door("Restore a backup")
	d.press("Cloud or server…")
	d.Sees("Which cloud or server?")
	d.door("A server with SSH (SFTP)")
	d.write(0, s.Addr)
	d.write(1, s.User)
	d.write(2, s.Root)
	d.write(4, key)
	d.press("Use this place")
	d.Sees("Is this your server?")
	d.press("Agree")
	d.Sees("Where is the backup?")
	d.press("Continue")
	d.Sees("This backup is not encrypted")
}
