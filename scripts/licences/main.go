// Command licences collects the licences of what programs are built from, as their authors wrote them:
//
//	go run ./scripts/licences > assets/licences.txt         of the app
//	go run ./scripts/licences ./remote ./vault/vaultd       of other programs
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

// copies are modules whose changed copies are in third_party: their READMEs say what differs.
var copies = map[string]string{
	"third_party/smb2":   "github.com/cloudsoda/go-smb2 v0.0.0-20260918-0c5d69b69701",
	"third_party/zxcvbn": "github.com/trustelem/zxcvbn v1.0.1",
}

func main() {
	programs := os.Args[1:]
	if len(programs) == 0 {
		programs = []string{"."}
	}
	out := bufio.NewWriter(os.Stdout)
	for _, m := range modules(programs) {
		if err := m.write(out); err != nil {
			log.Fatal(err)
		}
	}
	if err := out.Flush(); err != nil {
		log.Fatal(err)
	}
}

// module is what has a licence of its own.
type module struct{ name, folder string }

// modules are what programs are built from, by name.
func modules(programs []string) []module {
	found := map[module]bool{{"go.dev/std " + run("env", "GOVERSION"), run("env", "GOROOT")}: true}
	const format = "{{with .Module}}{{if .Main}}{{else}}{{.Path}} {{.Version}}\t{{.Dir}}{{end}}{{end}}\t{{.ImportPath}}"
	list := append([]string{"list", "-deps", "-tags", "migrated_fynedo", "-f", format}, programs...)
	for line := range strings.SplitSeq(run(list...), "\n") {
		switch f := strings.Split(line, "\t"); {
		case len(f) == 3:
			found[module{f[0], f[1]}] = true
		default:
			for folder, name := range copies {
				if strings.Contains(line+"/", "/"+folder+"/") {
					found[module{name, folder}] = true
				}
			}
		}
	}
	var all []module
	for m := range found {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b module) int { return strings.Compare(a.name, b.name) })
	return all
}

func (m module) write(out *bufio.Writer) error {
	if _, err := fmt.Fprintf(out, "== %s\n", m.name); err != nil {
		return err
	}
	texts := 0
	for _, pattern := range []string{"LICEN[CS]E*", "[Ll]icen[cs]e*", "COPYING*", "NOTICE*", "PATENTS*"} {
		files, err := filepath.Glob(filepath.Join(m.folder, pattern))
		if err != nil {
			return err
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				continue // a folder of that name
			}
			texts++
			if _, err := fmt.Fprintf(out, "%s\n\n", bytes.TrimSpace(bytes.ReplaceAll(text, []byte("\r"), nil))); err != nil {
				return err
			}
		}
	}
	if texts == 0 {
		return fmt.Errorf("%s has no licence", m.name)
	}
	return nil
}

// run returns what a command of go prints.
func run(args ...string) string {
	list := exec.Command("go", args...)
	list.Stderr = os.Stderr
	b, err := list.Output()
	if err != nil {
		log.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}
