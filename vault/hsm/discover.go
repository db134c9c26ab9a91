package hsm

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/holdfast-backup/holdfast/vault/hsm/owner"
)

// wellKnown are places of modules that their makers do not announce to p11-kit.
var wellKnown = map[string][]string{
	"linux": {
		"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/*/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so",
		"/usr/lib64/softhsm/libsofthsm2.so",
		"/usr/lib/*/opensc-pkcs11.so", "/usr/lib64/opensc-pkcs11.so", "/usr/lib/opensc-pkcs11.so",
		"/usr/lib/*/pkcs11/yubihsm_pkcs11.so", "/usr/lib64/pkcs11/yubihsm_pkcs11.so", "/usr/lib/*/libykcs11.so",
	},
	"darwin": {
		"/opt/homebrew/lib/softhsm/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so",
		"/Library/OpenSC/lib/opensc-pkcs11.so", "/usr/local/lib/pkcs11/yubihsm_pkcs11.dylib", "/usr/local/lib/libykcs11.dylib",
	},
	"windows": {
		// Not C:\SoftHSM2, where SoftHSM's installer puts it: anybody may make a folder at the drive's root.
		`C:\Program Files\OpenSC Project\OpenSC\pkcs11\opensc-pkcs11.dll`,
		`C:\Program Files\Yubico\YubiHSM Shell\bin\pkcs11\yubihsm_pkcs11.dll`, `C:\Program Files\Yubico\Yubico PIV Tool\bin\libykcs11.dll`,
	},
}

// p11kitModules is where p11-kit keeps modules that its configuration names
// without a folder.
var p11kitModules = []string{"/usr/lib/*/pkcs11", "/usr/lib64/pkcs11", "/usr/lib/pkcs11", "/opt/homebrew/lib/pkcs11",
	"/usr/local/lib/pkcs11"}

// Modules returns the PKCS#11 modules of this computer, absolute paths without
// doubles: first those that p11-kit is configured with (pkcs11.conf(5)), then those at
// well-known places. It loads none of them. Those that anybody but an administrator
// may change are left out: what is found without being named must be the computer's own.
func Modules() []string {
	var found []string
	add := func(path string) {
		real, err := filepath.EvalSymlinks(path)
		if err == nil && !slices.Contains(found, real) && owner.Administrators(real) == nil {
			found = append(found, real)
		}
	}
	for _, folder := range configurationFolders() {
		files, _ := filepath.Glob(filepath.Join(folder, "*.module")) // the pattern is a constant
		for _, file := range files {
			if owner.Persons(file) != nil {
				continue
			}
			name := moduleLine(file)
			switch {
			case name == "" || strings.Contains(name, "p11-kit"):
			case filepath.IsAbs(name):
				add(name)
			default:
				for _, pattern := range p11kitModules {
					paths, _ := filepath.Glob(filepath.Join(pattern, name))
					for _, path := range paths {
						add(path)
					}
				}
			}
		}
	}
	for _, pattern := range wellKnown[runtime.GOOS] {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			add(path)
		}
	}
	return found
}

// configurationFolders are p11-kit's, of the system and of the person. The
// person's own says which of the computer's modules to use. A module that lies in the
// person's own folders must be named in a URI: a restore, or another program, may
// have put a file there that the person never saw.
func configurationFolders() []string {
	folders := []string{"/etc/pkcs11/modules", "/usr/share/p11-kit/modules", "/opt/homebrew/share/p11-kit/modules",
		"/usr/local/share/p11-kit/modules"}
	if home, err := os.UserHomeDir(); err == nil {
		folders = append([]string{filepath.Join(home, ".config/pkcs11/modules")}, folders...)
	}
	return folders
}

// moduleLine returns what a p11-kit module file names, "" if nothing or if the
// module needs p11-kit to pass it something.
func moduleLine(file string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close() //nolint:errcheck // only read from
	name := ""
	for lines := bufio.NewScanner(f); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), ":")
		switch strings.TrimSpace(key) {
		case "module":
			name = strings.TrimSpace(value)
		case "x-init-reserved":
			return ""
		}
	}
	return name
}

// candidates are the modules that may have the token.
func candidates(u *URI) ([]string, error) {
	if u.ModulePath != "" {
		if !filepath.IsAbs(u.ModulePath) {
			return nil, fmt.Errorf("%w: %s is not an absolute path", ErrModule, u.ModulePath)
		}
		real, err := filepath.EvalSymlinks(u.ModulePath) // the file that is looked at is the one that is loaded
		if err == nil {
			err = owner.Persons(real)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrModule, err)
		}
		return []string{real}, nil
	}
	all := Modules()
	if u.ModuleName != "" {
		all = slices.DeleteFunc(all, func(path string) bool {
			base := strings.TrimPrefix(filepath.Base(path), "lib")
			return !strings.HasPrefix(base, strings.TrimPrefix(u.ModuleName, "lib"))
		})
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: no PKCS#11 module is installed that fits %s", ErrModule, u)
	}
	return all, nil
}
