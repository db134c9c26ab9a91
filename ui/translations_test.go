package ui

import (
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/ui/words"
)

var updateEnglish = flag.Bool("update-english", false, "write assets/translations/en.json from the source")

const translationsDir = "../assets/translations"

// said collects every text of the window from the source: the literals that
// lang.L, Say and count are called with, and the tables of ui/words.
func said(t *testing.T) map[string]bool {
	t.Helper()
	out := make(map[string]bool)
	for _, text := range words.Templates() {
		out[text] = true
	}
	delete(out, "")
	for _, name := range programFiles(t, "cli", "kit", "theme", "uitest", "widgets") {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			s, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"L", "Say", "count"}, s.Sel.Name) {
				return true
			}
			for _, arg := range call.Args {
				lit, ok := arg.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					continue
				}
				text, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				out[text] = true
			}
			return true
		})
	}
	return out
}

func readTranslation(t *testing.T, file string) map[string]string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]string
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return out
}

var blank = regexp.MustCompile(`\{\{\.\w+\}\}`)

func blanks(s string) []string {
	all := blank.FindAllString(s, -1)
	slices.Sort(all)
	return slices.Compact(all)
}

func TestEveryTextIsInEveryLanguage(t *testing.T) {
	want := said(t)
	english := filepath.Join(translationsDir, "en.json")
	if *updateEnglish {
		identity := make(map[string]string)
		for text := range want {
			identity[text] = text
		}
		b, err := json.MarshalIndent(identity, "", "  ") // sorted by key
		if err != nil {
			t.Fatal(err)
		}
		b = []byte(strings.NewReplacer(`\u0026`, "&", `\u003c`, "<", `\u003e`, ">").Replace(string(b)))
		if err := os.WriteFile(english, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(translationsDir, "*.json"))
	if err != nil || !slices.Contains(files, english) {
		t.Fatal("no English", err)
	}
	for _, file := range files {
		got := readTranslation(t, file)
		for _, text := range slices.Sorted(maps.Keys(want)) {
			translated, ok := got[text]
			switch {
			case !ok:
				t.Errorf("%s lacks %q", filepath.Base(file), text)
			case translated == "":
				t.Errorf("%s translates %q with nothing", filepath.Base(file), text)
			case !slices.Equal(blanks(text), blanks(translated)):
				t.Errorf("%s: the values of %q are not those of %q", filepath.Base(file), translated, text)
			}
		}
		for text := range got {
			if !want[text] {
				t.Errorf("%s has %q, which nothing says", filepath.Base(file), text)
			}
		}
	}
}

// One thing has one name in German: a key has 64 "Zeichen", since a to f are no figures. An ellipsis follows its word without a space.
func TestGermanHasOneNameForAThing(t *testing.T) {
	odd := regexp.MustCompile(`stellig|Stellen\b|Ziffer|\s…`)
	for text, german := range readTranslation(t, filepath.Join(translationsDir, "de.json")) {
		if found := odd.FindString(german); found != "" {
			t.Errorf("%q says %q: %s", text, found, german)
		}
	}
}
