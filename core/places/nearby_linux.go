package places

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func writable(path string) bool { return unix.Access(path, unix.W_OK|unix.X_OK) == nil }

// mounted are the disks and shares that are mounted where people see them.
func mounted() []Nearby {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	return inMounts(string(table))
}

var (
	// shareTypes are file systems of other computers.
	shareTypes = []string{"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "fuse.rclone", "fuse.davfs2", "davfs", "9p", "virtiofs"}
	// unfitTypes hold nothing for long, or cannot be written to.
	unfitTypes = []string{"tmpfs", "ramfs", "overlay", "squashfs", "iso9660", "udf", "autofs", "proc", "sysfs", "devtmpfs", "fuse.portal"}
)

// inMounts reads a table of mounts (proc_pid_mountinfo(5)).
func inMounts(table string) (out []Nearby) {
	for line := range strings.Lines(table) {
		before, after, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		fields, types := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 6 || len(types) < 2 {
			continue
		}
		at, kind := unescapeMount(fields[4]), types[0]
		readOnly := slices.Contains(strings.Split(fields[5], ","), "ro")
		share := slices.Contains(shareTypes, kind)
		people := Within("/media", at) || Within("/run/media", at) || Within("/mnt", at)
		if readOnly || slices.Contains(unfitTypes, kind) || !people && (!share || !Within("/home", at)) {
			continue
		}
		n := Nearby{Path: at, Kind: NearbyDisk, Name: filepath.Base(at)}
		if share {
			n.Kind = NearbyShare
		}
		out = slices.DeleteFunc(out, func(o Nearby) bool { return o.Path == at }) // it is mounted over
		out = append(out, n)
	}
	return out
}

// unescapeMount reads the octal escapes of blanks and the like.
func unescapeMount(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) {
			if c, err := strconv.ParseUint(text[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}
