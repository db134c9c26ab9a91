package source

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Usual are the folders that are there and that most people have something in.
func Usual() []string {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil
	}
	var out []string
	for _, folder := range [][2]string{{"DOCUMENTS", "Documents"}, {"PICTURES", "Pictures"}} {
		p := userFolder(home, folder[0])
		if p == "" {
			p = filepath.Join(home, folder[1])
		}
		if s, err := os.Stat(p); err == nil && s.IsDir() && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// userFolder is a folder that the desktop named in the person's language, as xdg-user-dirs writes it down: "" if it did
// not. The home folder itself stands for a folder that there is not.
func userFolder(home, name string) string {
	config := os.Getenv("XDG_CONFIG_HOME")
	if config == "" {
		config = filepath.Join(home, ".config")
	}
	b, err := os.ReadFile(filepath.Join(config, "user-dirs.dirs"))
	if err != nil {
		return ""
	}
	found := regexp.MustCompile(`(?m)^\s*XDG_` + name + `_DIR="((?:[^"\\]|\\.)*)"`).FindSubmatch(b)
	if found == nil {
		return ""
	}
	path := regexp.MustCompile(`\\(.)`).ReplaceAllString(string(found[1]), "$1")
	if below, ok := strings.CutPrefix(path, "$HOME"); ok {
		path = filepath.Join(home, below)
	}
	if path = filepath.Clean(path); !filepath.IsAbs(path) || path == filepath.Clean(home) {
		return ""
	}
	return path
}
