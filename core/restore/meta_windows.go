package restore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// setMeta gives a restored entry its mode and times. A file gets them through the handle that wrote it: when such a handle is closed,
// Windows sets the time of the last write, unless it was set through this very handle (WriteFile, SetFileTime).
func setMeta(dir *os.File, n *repo.Node, name string, file *os.File, _ bool) (problems []error) {
	if n.Kind == repo.NodeSymlink {
		return nil
	}
	if file != nil {
		if err := setByHandle(windows.Handle(file.Fd()), n); err != nil {
			problems = append(problems, &Missing{"mode and time", err})
		}
		return problems
	}
	return setByName(dir, n, name)
}

// basicInfo is FILE_BASIC_INFO: times since 1601 in steps of 100 ns; 0 leaves one as it is.
type basicInfo struct {
	creation, access, write, change int64
	attributes, _                   uint32
}

// The seconds from 1601 to 1970, and the last ones that the format holds.
const (
	secondsTo1970 = 11644473600
	lastSecond    = 1<<63/10_000_000 - secondsTo1970 - 1
)

func setByHandle(h windows.Handle, n *repo.Node) error {
	info := basicInfo{attributes: windows.FILE_ATTRIBUTE_NORMAL}
	if n.Mode&0o200 == 0 {
		info.attributes = windows.FILE_ATTRIBUTE_READONLY
	}
	late := n.MTime <= -secondsTo1970 || n.MTime >= lastSecond
	if !late {
		info.write = (n.MTime+secondsTo1970)*10_000_000 + int64(n.MNanos)/100
	}
	size := uint32(unsafe.Sizeof(info))
	if err := windows.SetFileInformationByHandle(h, windows.FileBasicInfo, (*byte)(unsafe.Pointer(&info)), size); err != nil {
		return err
	}
	if late {
		return fmt.Errorf("this system has no such time: %v", time.Unix(n.MTime, 0))
	}
	return nil
}

func isNoSpace(err error) bool {
	for _, full := range []error{windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL, windows.ERROR_DISK_QUOTA_EXCEEDED} {
		if errors.Is(err, full) {
			return true
		}
	}
	return false
}

// replaceable takes the attribute from a read-only file that is to be replaced: Windows would refuse.
func replaceable(root *os.Root, name string, info fs.FileInfo) error {
	if info.Mode().IsRegular() && info.Mode()&0o200 == 0 {
		return root.Chmod(name, info.Mode()|0o200)
	}
	return nil
}

// localName is the name that an entry gets where names of other systems are none: characters that Windows keeps for itself, names of
// devices, dots and blanks at the end ("Naming Files, Paths, and Namespaces").
func localName(name string) string {
	mapped := strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`<>:"/\|?*`, r) {
			return '_'
		}
		return r
	}, name)
	if short := strings.TrimRight(mapped, ". "); short != mapped {
		mapped = short + strings.Repeat("_", len(mapped)-len(short))
	}
	if !filepath.IsLocal(mapped) { // a device, whatever its extension
		stem, ext, dot := strings.Cut(mapped, ".")
		mapped = strings.TrimRight(stem, " ") + "_"
		if dot {
			mapped += "." + ext
		}
	}
	return mapped
}
