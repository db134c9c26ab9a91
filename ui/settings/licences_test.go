package settings

import (
	"os/exec"
	"strings"
	"testing"
)

// What is compiled in must be in the list, in its version, with its licence.
func TestEveryModuleHasItsLicence(t *testing.T) {
	have := map[string]bool{}
	for _, l := range allLicences() {
		have[l.module+" "+l.version] = len(l.text) > 100
	}
	const format = "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}\n{{end}}{{end}}"
	list := exec.Command("go", "list", "-deps", "-tags", "migrated_fynedo", "-f", format, "../..")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for module := range strings.SplitSeq(strings.TrimSpace(string(out)), "\n") {
		if module != "" && !have[module] {
			t.Errorf("%s has no licence in assets/licences.txt: run \"go run ./scripts/licences > assets/licences.txt\"", module)
			have[module] = true
		}
	}
}
