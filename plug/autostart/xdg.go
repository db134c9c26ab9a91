//go:build !windows && !darwin

package autostart

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The Desktop Application Autostart Specification names the folder, the
// Desktop Entry Specification the form.

const suffix = ".desktop"

func folder() (string, error) {
	dir, err := os.UserConfigDir() // $XDG_CONFIG_HOME
	return filepath.Join(dir, "autostart"), err
}

// Enabled reports whether the program is started at login. The person, or their
// desktop, may have turned the entry off without deleting it.
func (e Entry) Enabled() (bool, error) {
	path, err := e.path()
	if err != nil {
		return false, err
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	lines := strings.Split(string(b), "\n")
	return !slices.Contains(lines, "Hidden=true") && !slices.Contains(lines, "X-GNOME-Autostart-enabled=false"), nil
}

// iconPath is where the Icon Theme Specification finds the entry's icon by its
// name, for this person alone.
func (e Entry) iconPath() (string, error) {
	if e.Icon == nil {
		return "", nil
	}
	data := os.Getenv("XDG_DATA_HOME")
	if !filepath.IsAbs(data) { // as the Base Directory Specification wants it
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		data = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(data, "icons", "hicolor", "512x512", "apps", e.ID+".png"), nil
}

func (e Entry) content(command []string) []byte {
	var quoted []string
	for _, arg := range command {
		quoted = append(quoted, quote(arg))
	}
	return []byte(strings.Join([]string{
		"[Desktop Entry]", "Type=Application", "Version=1.0",
		"Name=" + e.Name, "Comment=" + e.Comment, "Icon=" + e.ID,
		"Exec=" + strings.Join(quoted, " "), "Terminal=false", "X-GNOME-Autostart-enabled=true", "",
	}, "\n"))
}

// quote writes an argument as the Exec key wants it: quoted, with its own
// escapes, above those that all values have.
func quote(arg string) string {
	arg = strings.NewReplacer(`"`, `\"`, "`", "\\`", "$", `\$`, `\`, `\\`).Replace(arg)
	arg = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(arg)
	return `"` + strings.ReplaceAll(arg, "%", "%%") + `"`
}
