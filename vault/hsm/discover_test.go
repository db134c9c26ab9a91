//go:build unix

package hsm

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/holdfast-backup/holdfast/vault/hsm/owner"
)

// Modules that are found without being named are those that only an
// administrator can have put there, whoever's configuration names them.
func TestModulesAreTheComputersOwn(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("CI must run this as root: it configures PKCS#11 modules")
		}
		t.Skip("only root may configure a PKCS#11 module; CI runs as root")
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	own, err := os.MkdirTemp("/opt", "holdfast-test-")
	must(err)
	t.Cleanup(func() { _ = os.RemoveAll(own) })
	must(os.Chmod(own, 0o755))
	person := t.TempDir() // below a folder where everybody makes files
	system, personal := "/etc/pkcs11/modules", filepath.Join(home, ".config/pkcs11/modules")
	must(os.MkdirAll(system, 0o755))
	must(os.MkdirAll(personal, 0o700))
	name := func(folder, module string) string {
		t.Helper()
		must(os.WriteFile(module, []byte("never loaded"), 0o644))
		file := filepath.Join(folder, "holdfast-test-"+filepath.Base(module)+".module")
		must(os.WriteFile(file, []byte("module: "+module+"\n"), 0o644))
		t.Cleanup(func() { _ = os.Remove(file) })
		return file
	}
	good, goodByPerson := filepath.Join(own, "good.so"), filepath.Join(own, "good-by-person.so")
	name(system, good)
	file := name(personal, goodByPerson)
	name(system, filepath.Join(person, "by-system.so"))
	name(personal, filepath.Join(person, "by-person.so"))
	writable := filepath.Join(own, "writable.so")
	name(system, writable)
	must(os.Chmod(writable, 0o666))
	link := filepath.Join(own, "link.so")
	must(os.Symlink(filepath.Join(person, "by-system.so"), link))
	must(os.WriteFile(filepath.Join(system, "holdfast-test-link.module"), []byte("module: "+link+"\n"), 0o644))
	t.Cleanup(func() { _ = os.Remove(filepath.Join(system, "holdfast-test-link.module")) })
	ours := func() (found []string) {
		for _, m := range Modules() {
			if filepath.Dir(m) == own || filepath.Dir(m) == person {
				found = append(found, m)
			}
		}
		slices.Sort(found)
		return found
	}
	if got := ours(); !slices.Equal(got, []string{goodByPerson, good}) {
		t.Errorf("found %q", got)
	}
	must(os.Chmod(file, 0o666)) // a configuration that anybody may write
	if got := ours(); !slices.Equal(got, []string{good}) {
		t.Errorf("found %q", got)
	}

	// What a person types may be the person's own, and nobody else's.
	typed := filepath.Join(person, "by-person.so")
	if got, err := candidates(&URI{ModulePath: typed}); err != nil || !slices.Equal(got, []string{typed}) {
		t.Errorf("%q %v", got, err)
	}
	must(os.Chmod(person, 0o777))
	for _, path := range []string{typed, "relative.so", filepath.Join(own, "absent.so"), own} {
		if got, err := candidates(&URI{ModulePath: path}); !errors.Is(err, ErrModule) {
			t.Errorf("%s: %q %v", path, got, err)
		}
	}
	if _, err := candidates(&URI{ModulePath: typed}); !errors.Is(err, owner.ErrOthers) {
		t.Error(err)
	}
}
