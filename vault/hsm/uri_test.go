package hsm

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestPINFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pin")
	for text, want := range map[string]string{"1234": "1234", "1234\n": "1234", "1234\r\n": "1234", "12 34 \n": "12 34 "} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := pinOf(&URI{PINSource: path}); err != nil || string(got) != want {
			t.Errorf("%q gives %q, %v", text, got, err)
		}
	}
	if _, err := pinOf(&URI{PINSource: path + "x"}); !errors.Is(err, ErrNoPIN) {
		t.Error(err)
	}
}

func TestPKCS11ConfigurationFiles(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ text, want string }{
		"plain": {"# comment\nmodule: /usr/lib/x.so\ncritical: no\n", "/usr/lib/x.so"},
		"needs": {"module: /usr/lib/x.so\nx-init-reserved: configdir='x'\n", ""},
		"none":  {"critical: no\n", ""},
	} {
		file := filepath.Join(dir, name+".module")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := moduleLine(file); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
