// Command licences collects the licences of the modules that the program is
// built from, as their authors wrote them, for assets/licences.txt:
//
//	go run ./scripts/licences > assets/licences.txt
//
// Each begins with a line "== module version".
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	list := exec.Command("go", "list", "-deps", "-tags", "migrated_fynedo", "-f",
		"{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}", ".")
	list.Stderr = os.Stderr
	b, err := list.Output()
	if err != nil {
		log.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	lines = append(lines, "github.com/trustelem/zxcvbn v1.0.1 third_party/zxcvbn") // changed: its README
	slices.Sort(lines)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush() //nolint:errcheck // standard output: the shell sees it
	for _, line := range slices.Compact(lines) {
		f := strings.Fields(line)
		if len(f) < 3 {
			continue
		}
		_, _ = fmt.Fprintf(out, "== %s %s\n", f[0], f[1])
		texts := 0
		for _, pattern := range []string{"LICEN[CS]E*", "COPYING*", "NOTICE*", "PATENTS*"} {
			files, err := filepath.Glob(filepath.Join(f[2], pattern))
			if err != nil {
				log.Fatal(err)
			}
			for _, name := range files {
				text, err := os.ReadFile(name)
				if err != nil {
					continue // a folder of that name
				}
				texts++
				_, _ = fmt.Fprintf(out, "%s\n\n", bytes.TrimSpace(bytes.ReplaceAll(text, []byte("\r"), nil)))
			}
		}
		if texts == 0 {
			log.Fatalf("%s has no licence", f[0])
		}
	}
}
