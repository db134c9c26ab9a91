package source

import (
	"bufio"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mountOf returns the device of the file system that a path is on, and where it is mounted, without asking it. It knows nothing of links.
func mountOf(path string) (device uint64, at string) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return 0, ""
	}
	defer f.Close() //nolint:errcheck // only read from
	// proc_pid_mountinfo(5): the third field is major:minor, the fifth the place. The last line of a place is what is seen there.
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 5 {
			continue
		}
		place := unescape(fields[4])
		if len(place) < len(at) || path != place && !strings.HasPrefix(path, strings.TrimSuffix(place, "/")+"/") {
			continue
		}
		major, minor, _ := strings.Cut(fields[2], ":")
		a, errA := strconv.ParseUint(major, 10, 32)
		b, errB := strconv.ParseUint(minor, 10, 32)
		if errA == nil && errB == nil {
			device, at = unix.Mkdev(uint32(a), uint32(b)), place
		}
	}
	return device, at
}

// unescape undoes what the kernel does to blanks in the table of mounts.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}
