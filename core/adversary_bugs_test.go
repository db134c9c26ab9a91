package core_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var bugHistories = flag.Int("adversary.bug-histories", 1000, "within how many histories a planted bug must be found")

// plantedBug is a fault that this program had once. It is put back into a copy of one file.
type plantedBug struct {
	name string
	file string // below core
	from []string
	to   []string
}

var plantedBugs = []plantedBug{
	{
		"a computer that joins believes a header without encryption", "setup.go",
		[]string{"	r, err := repo.Open(ctx, s, repo.By(key))\n	switch {\n	case err != nil:"},
		[]string{"	r, err := repo.Open(ctx, s, repo.By(key))\n	if errors.Is(err, repo.ErrUnprotected) {\n		key = nil\n		r, err = repo.Open(ctx, s, repo.Unencrypted())\n	}\n	switch {\n	case err != nil:"},
	},
	{
		"a restore with the key believes a header without encryption", "elsewhere.go",
		[]string{"	r, err := repo.Open(ctx, s, repo.By(key))\n"},
		[]string{"	r, err := repo.Open(ctx, s, repo.By(key))\n	if errors.Is(err, repo.ErrUnprotected) {\n		r, err = repo.Open(ctx, s, repo.Unencrypted())\n	}\n"},
	},
	{
		"an epoch that was public counts", "repo/internal/sealed/closing.go",
		[]string{"	case e.State == format.EpochPublic:\n		return false\n"}, []string{"	case e.State == format.EpochPublic:\n		return true\n"},
	},
	{
		"a closed epoch counts without a list", "repo/internal/sealed/closing.go",
		[]string{"	_, ok := o.Trust.Closed[format.Reference{Kind: kind, Name: n}]\n	return ok\n",
			"if e == o.Writes || e.State != format.EpochClosed ||"},
		[]string{"	return true\n", "if true || e == o.Writes || e.State != format.EpochClosed ||"},
	},
	{
		"a closing list names names alone", "repo/internal/sealed/closing.go",
		[]string{"if e == o.Writes || e.State != format.EpochClosed ||"},
		[]string{"if true || e == o.Writes || e.State != format.EpochClosed ||"},
	},
	{
		"prune counts chunks by any index", "repo/internal/sealed/closing.go",
		[]string{"	_, ok := o.Trust.Closed[format.Reference{Kind: kind, Name: n}]\n	return ok\n",
			"if e == o.Writes || e.State != format.EpochClosed ||"},
		[]string{"	_, ok := o.Trust.Closed[format.Reference{Kind: kind, Name: n}]\n	return ok || kind == format.KindIndex\n",
			"if kind == format.KindIndex || e == o.Writes || e.State != format.EpochClosed ||"},
	},
	{
		"a chunk is not held against its id", "repo/internal/format/record.go",
		[]string{"	if err == nil && !c.epoch.wrote(id, body) {"}, []string{"	if false && !c.epoch.wrote(id, body) {"},
	},
	{
		"the number of a keyring follows whatever is planted", "repo/internal/sealed/keyring.go",
		[]string{"	for n := above + 1; n <= format.MaxKeyring && n-above <= keyringTries; n++ {"},
		[]string{"	if err := s.List(ctx, \"keyring-\", func(o store.Object) error {\n		var n uint32\n		if _, err := fmt.Sscanf(o.Name, \"keyring-%d\", &n); err == nil && n > above {\n			above = n\n		}\n		return nil\n	}); err != nil {\n		return storedKeyring{}, err\n	}\n	for n := above + 1; ; n++ {"},
	},
}

// The adversary is worth something: each fault that this program had is found when it is put back.
func TestTheAdversaryFindsPlantedBugs(t *testing.T) {
	if testing.Short() {
		t.Skip("each bug is a build of its own; the run without -short has them")
	}
	for _, bug := range plantedBugs {
		t.Run(bug.name, func(t *testing.T) {
			file, err := filepath.Abs(bug.file)
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text := string(b)
			for i, from := range bug.from {
				if strings.Count(text, from) != 1 {
					t.Fatalf("%s does not hold, once: %s", bug.file, from)
				}
				text = strings.Replace(text, from, bug.to[i], 1)
			}
			dir := t.TempDir()
			mutated, overlay := filepath.Join(dir, "mutated.go"), filepath.Join(dir, "overlay.json")
			replace, err := json.Marshal(map[string]any{"Replace": map[string]string{file: mutated}})
			if err != nil {
				t.Fatal(err)
			}
			for path, b := range map[string][]byte{mutated: []byte(text), overlay: replace} {
				if err := os.WriteFile(path, b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			run := exec.Command("go", "test", "-overlay", overlay, "-vet=off", "-timeout", "0", "-run", "^TestTheCloudAsAdversary$", ".",
				"-adversary.histories", fmt.Sprint(*bugHistories), "-adversary.seed", fmt.Sprint(*adversarySeed))
			out, err := run.CombinedOutput()
			if err == nil {
				t.Fatalf("not found within %d histories", *bugHistories)
			}
			if !strings.Contains(string(out), "--- FAIL: TestTheCloudAsAdversary") {
				t.Fatalf("it does not build: %s", out)
			}
			for line := range strings.Lines(string(out)) {
				if strings.Contains(line, "_test.go:") {
					t.Log(strings.TrimSpace(line))
				}
			}
		})
	}
}
