package source

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// What is proposed for a backup are the folders of this desktop, whatever it calls them.
func TestTheUsualFoldersHaveTheNamesOfTheDesktop(t *testing.T) {
	at, config, apart := t.TempDir(), t.TempDir(), t.TempDir()
	t.Setenv("HOME", at)
	t.Setenv("XDG_CONFIG_HOME", "")
	for _, name := range []string{"Documents", "Pictures", "Dokumente", "Bilder", `Meine "Bilder"`, ".config"} {
		if err := os.Mkdir(filepath.Join(at, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	in := func(name string) string { return filepath.Join(at, name) }
	for _, c := range []struct {
		name, config, dirs string
		want               []string
	}{
		{"nothing is written", "", "", []string{in("Documents"), in("Pictures")}},
		{"German", "", "# by xdg-user-dirs\nXDG_DOCUMENTS_DIR=\"$HOME/Dokumente\"\nXDG_PICTURES_DIR=\"$HOME/Bilder\"\n",
			[]string{in("Dokumente"), in("Bilder")}},
		{"elsewhere, and quoted", config, "XDG_DOCUMENTS_DIR=\"" + apart + "\"\nXDG_PICTURES_DIR=\"$HOME/Meine \\\"Bilder\\\"\"\n",
			[]string{apart, in(`Meine "Bilder"`)}},
		{"none", "", "#XDG_DOCUMENTS_DIR=\"$HOME/Dokumente\"\nXDG_DOCUMENTS_DIR=\"$HOME/\"\nXDG_PICTURES_DIR=\"$HOME/gone\"\n",
			[]string{in("Documents")}},
	} {
		t.Setenv("XDG_CONFIG_HOME", c.config)
		file := filepath.Join(at, ".config", "user-dirs.dirs")
		if c.config != "" {
			file = filepath.Join(c.config, "user-dirs.dirs")
		}
		if c.dirs != "" {
			if err := os.WriteFile(file, []byte(c.dirs), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := Usual(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
