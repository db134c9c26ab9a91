package simtest

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

var bugs = flag.Bool("sim.bugs", false, "put in faults on purpose, which must be found")

// The test is worth something: it finds faults that were put in on purpose, each in a few schedules.
func TestSchedulesFindPlantedBugs(t *testing.T) {
	for _, bug := range []struct{ name, file, from, to, says string }{
		{
			"retention that knows no sources", "../retention/retention.go",
			"			by.source = src.Path\n", "			by.source = \"all\"\n", "goes, and of",
		},
		{
			"retention by computers and not by profiles", "../retention/retention.go",
			"	by := judged{writer: s.Writer}\n		if s.Sequence == 0 {", "	by := judged{}\n		if true {", "goes, and of",
		},
		{
			"the future takes a place", "../retention/retention.go",
			"			continue\n", "", "goes, and of",
		},
		{
			"what was made last goes by its date alone", "../retention/retention.go",
			"last.Sequence > 0 {", "last.Sequence > 1<<40 {", "what was made last",
		},
		{
			"the latest is of the future", "../repo/repository.go",
			"if !s.Begin.After(now.Add(ClockSlack)) {", "if true {", "for the latest",
		},
		{
			"an empty mount point is a source", "../backup/assemble.go",
			"if files == 0 && a.o.Held[src.Path] > 0 {", "if false {", "the backup holds",
		},
		{
			"a full place cannot be pruned", "../repo/objects.go",
			"if errors.Is(err, store.ErrNoSpace) {\n		// The place", "if false {\n		// The place", "a prune of a full place",
		},
	} {
		t.Run(bug.name, func(t *testing.T) {
			file, err := filepath.Abs(bug.file)
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Count(string(text), bug.from) != 1 {
				t.Fatalf("%s does not hold, once: %s", bug.file, bug.from)
			}
			if !*bugs {
				t.Skip("each bug is a build and a run of its own, for -sim.bugs")
			}
			dir := t.TempDir()
			mutated, overlay := filepath.Join(dir, "mutated.go"), filepath.Join(dir, "overlay.json")
			replace, err := json.Marshal(map[string]any{"Replace": map[string]string{file: mutated}})
			if err != nil {
				t.Fatal(err)
			}
			for path, content := range map[string][]byte{mutated: []byte(strings.Replace(string(text), bug.from, bug.to, 1)), overlay: replace} {
				if err := os.WriteFile(path, content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			out, err := exec.Command("go", "test", "-overlay", overlay, "-vet=off", "-timeout", "0", "-run", "^TestSchedules$", ".",
				"-sim.schedules", fmt.Sprint(bugSchedules), "-sim.piped", "0", "-sim.seed", fmt.Sprint(*seed)).CombinedOutput()
			if err == nil {
				t.Fatalf("not found in %d schedules", bugSchedules)
			}
			if !strings.Contains(string(out), bug.says) {
				t.Fatalf("it failed otherwise: %s", out)
			}
		})
	}
}

// bugSchedules are enough for each of them.
const bugSchedules = 200
