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

func (e Entry) path() (string, error) {
	dir, err := os.UserConfigDir() // $XDG_CONFIG_HOME
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "autostart", e.ID+".desktop"), nil
}

// Enabled tells whether the program is started at login. The person, or their
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

// Set starts the program at login from now on, or not.
func (e Entry) Set(on bool) error {
	path, err := e.path()
	if err != nil {
		return err
	}
	if !on {
		return remove(path)
	}
	command, err := e.command()
	if err != nil {
		return err
	}
	var quoted []string
	for _, arg := range command {
		quoted = append(quoted, quote(arg))
	}
	return replace(path, []byte(strings.Join([]string{
		"[Desktop Entry]", "Type=Application", "Version=1.5",
		"Name=" + e.Name, "Comment=" + e.Comment, "Icon=" + e.ID,
		"Exec=" + strings.Join(quoted, " "), "Terminal=false", "X-GNOME-Autostart-enabled=true", "",
	}, "\n")))
}

// quote writes an argument as the Exec key wants it: quoted, with its own
// escapes, above those that all values have.
func quote(arg string) string {
	arg = strings.NewReplacer(`"`, `\"`, "`", "\\`", "$", `\$`, `\`, `\\`).Replace(arg)
	arg = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(arg)
	return `"` + strings.ReplaceAll(arg, "%", "%%") + `"`
}
