package store

import (
	"fmt"
	"strings"
)

// MaxName is the longest name of an object in bytes: short enough for a path
// on any system below a destination of reasonable depth.
const MaxName = 200

// CheckName returns nil or an error that wraps ErrInvalidName. A name is 1 to
// MaxName of the characters a-z, 0-9, '.', '-' and '/', where '/' separates
// parts that are not empty, neither start nor end with a dot, and are no
// device name of Windows. So a name is a relative path on every system and in every cloud, whether it
// tells case or not, and never leads out of the destination.
func CheckName(name string) error {
	if name == "" || len(name) > MaxName {
		return fmt.Errorf("%w: %d bytes", ErrInvalidName, len(name))
	}
	if err := checkChars(name); err != nil {
		return err
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' || part[len(part)-1] == '.' || isDevice(part) {
			return fmt.Errorf("%w: %q", ErrInvalidName, name)
		}
	}
	return nil
}

// CheckPrefix returns nil if a valid name can start with prefix, else an
// error that wraps ErrInvalidName.
func CheckPrefix(prefix string) error {
	if len(prefix) > MaxName || strings.HasPrefix(prefix, "/") || strings.HasPrefix(prefix, ".") ||
		strings.Contains(prefix, "//") || strings.Contains(prefix, "/.") || strings.Contains(prefix, "./") {
		return fmt.Errorf("%w: prefix %q", ErrInvalidName, prefix)
	}
	return checkChars(prefix)
}

func checkChars(name string) error {
	for _, c := range []byte(name) {
		if ('a' > c || c > 'z') && ('0' > c || c > '9') && c != '.' && c != '-' && c != '/' {
			return fmt.Errorf("%w: %q", ErrInvalidName, name)
		}
	}
	return nil
}

// isDevice tells names that Windows takes for devices, with any extension.
func isDevice(part string) bool {
	base, _, _ := strings.Cut(part, ".")
	switch base {
	case "con", "prn", "aux", "nul":
		return true
	}
	return len(base) == 4 && (base[:3] == "com" || base[:3] == "lpt") && '0' <= base[3] && base[3] <= '9'
}
