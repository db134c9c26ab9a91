package places

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

// Nearby is a folder on this computer that suits a backup.
type Nearby struct {
	Path string
	Kind NearbyKind
	Name string // of the disk, of the share, of the service
	Free int64  // bytes
}

// NearbyKind is a kind of such folders.
type NearbyKind string

// The kinds.
const (
	NearbyDisk   NearbyKind = "disk"   // that can be taken away
	NearbyShare  NearbyKind = "share"  // of another computer
	NearbySynced NearbyKind = "synced" // a program of a cloud carries it there
)

// nearbyPatience is how long a disk has to answer. One that sleeps longer is not offered.
const nearbyPatience = 3 * time.Second

// Nearby looks which disks, shares and synced folders are there that this person may write to, in a lasting order.
func (p Places) Nearby(ctx context.Context) []Nearby {
	home, err := os.UserHomeDir()
	if err != nil {
		home = ""
	}
	return p.measured(ctx, append(mounted(), syncedIn(home, runtime.GOOS)...))
}

// measured returns those of all that answer in time, with the room they have.
func (p Places) measured(ctx context.Context, all []Nearby) (out []Nearby) {
	ctx, cancel := context.WithTimeout(ctx, nearbyPatience)
	defer cancel()
	type answer struct {
		i    int
		free int64
		ok   bool
	}
	answers := make(chan answer, len(all)) // so that one that hangs can be left behind
	for i, n := range all {
		go func() {
			a := answer{i: i}
			if writable(n.Path) {
				a.free, a.ok = p.Free(ctx, n.Path)
			}
			answers <- a
		}()
	}
	var there []int
	for range all {
		select {
		case a := <-answers:
			if a.ok && a.free > 0 {
				all[a.i].Free = a.free
				there = append(there, a.i)
			}
		case <-ctx.Done():
		}
	}
	slices.Sort(there)
	for _, i := range there {
		out = append(out, all[i])
	}
	return out
}

// syncedNames are the folders that programs of clouds make in a home folder, and what they are called.
var syncedNames = []struct{ folder, name string }{
	{"Dropbox", "Dropbox"}, {"OneDrive", "OneDrive"}, {"Google Drive", "Google Drive"}, {"GoogleDrive", "Google Drive"},
	{"Nextcloud", "Nextcloud"}, {"ownCloud", "ownCloud"}, {"pCloudDrive", "pCloud"}, {"MEGA", "MEGA"}, {"iCloudDrive", "iCloud Drive"},
}

// syncedIn returns the synced folders of a person.
func syncedIn(home, system string) (out []Nearby) {
	add := func(path, name string) {
		known := slices.ContainsFunc(out, func(n Nearby) bool { return n.Path == path })
		if st, err := os.Stat(path); err == nil && st.IsDir() && !known {
			out = append(out, Nearby{Path: path, Kind: NearbySynced, Name: name})
		}
	}
	if home == "" {
		return nil
	}
	for _, path := range dropboxFolders(filepath.Join(home, ".dropbox", "info.json")) {
		add(path, "Dropbox")
	}
	for _, s := range syncedNames {
		add(filepath.Join(home, s.folder), s.name)
	}
	if system == "darwin" {
		add(filepath.Join(home, "Library", "Mobile Documents", "com~apple~CloudDocs"), "iCloud Drive")
		entries, _ := os.ReadDir(filepath.Join(home, "Library", "CloudStorage")) // none where it is not there
		for _, e := range entries {
			add(filepath.Join(home, "Library", "CloudStorage", e.Name()), e.Name())
		}
	}
	return out
}

// dropboxFolders reads where Dropbox keeps its folders: people move them.
func dropboxFolders(info string) (paths []string) {
	b, err := os.ReadFile(info)
	if err != nil {
		return nil
	}
	var accounts map[string]struct {
		Path string `json:"path"`
	}
	if json.Unmarshal(b, &accounts) != nil {
		return nil
	}
	for _, a := range accounts {
		if filepath.IsAbs(a.Path) {
			paths = append(paths, filepath.Clean(a.Path))
		}
	}
	slices.Sort(paths)
	return paths
}
