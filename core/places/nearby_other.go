//go:build !linux

package places

import (
	"os"
	"path/filepath"
	"runtime"
)

// writable is not known here without writing; a place is tried out before it is used.
func writable(string) bool { return true }

// mounted are the disks that are plugged in.
func mounted() (out []Nearby) {
	switch runtime.GOOS {
	case "darwin":
		entries, _ := os.ReadDir("/Volumes") // none where it is not there
		for _, e := range entries {
			if e.Type()&os.ModeSymlink == 0 { // the system's own disk is a link
				out = append(out, Nearby{Path: filepath.Join("/Volumes", e.Name()), Kind: NearbyDisk, Name: e.Name()})
			}
		}
	case "windows":
		for drive := 'D'; drive <= 'Z'; drive++ {
			root := string(drive) + `:\`
			if st, err := os.Stat(root); err == nil && st.IsDir() {
				out = append(out, Nearby{Path: root, Kind: NearbyDisk, Name: root})
			}
		}
	}
	return out
}
