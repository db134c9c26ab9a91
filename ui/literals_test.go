package ui

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sentence is what looks like a text for people: two words, or one that begins
// with a capital.
var sentence = regexp.MustCompile(`[\p{L}]{2,}[,.:]? [\p{L}]{2,}|^\p{Lu}\p{Ll}+`)

// untranslated are names that are the same in every language.
var untranslated = map[string]bool{
	"WebP":     true,
	"Holdfast": true, "English": true, "Deutsch": true,
	"Documents": true, "Pictures": true, // folders as they are named on the disk
	"*.iso\nbuild/\n/Videos": true, // patterns
	"Holdfast · %s\n":        true, // for the clipboard
	"Mg":                     true, // measures a line's height
}

// programFiles are the files of the window's program, but for those of some packages.
func programFiles(t *testing.T, but ...string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(".", func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (e.Name() == "testdata" || slices.Contains(but, path)):
			return fs.SkipDir
		case strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go"):
			out = append(out, path)
		}
		return nil
	})
	if err != nil || len(out) == 0 {
		t.Fatal("no sources", err)
	}
	return out
}

// Every text goes through the translations: literals that look like one are
// found wherever they stand, but for those of calls that translate, and of
// errors and panics, which no person sees.
func TestNoTextIsWrittenIntoTheScreens(t *testing.T) {
	silent := map[string]bool{
		"L": true, "Say": true, "count": true, // translate
		"panic": true, "New": true, "Errorf": true,
	}
	for _, name := range programFiles(t, "cli", "theme", "uitest", "words") {
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		keys := map[ast.Node]bool{} // the names of values, which nobody sees
		ast.Inspect(f, func(n ast.Node) bool {
			switch x := n.(type) {
			case *ast.KeyValueExpr:
				keys[x.Key] = true
			case *ast.ImportSpec, *ast.StructType:
				return false
			case *ast.CallExpr:
				called := ""
				switch fn := x.Fun.(type) {
				case *ast.SelectorExpr:
					called = fn.Sel.Name
					if p, ok := fn.X.(*ast.Ident); ok && p.Name == "fpdf" {
						return false // units and sizes of paper
					}
				case *ast.Ident:
					called = fn.Name
				}
				if silent[called] {
					return false
				}
			case *ast.BasicLit:
				if x.Kind != token.STRING {
					return true
				}
				text, err := strconv.Unquote(x.Value)
				if err != nil {
					t.Fatal(err)
				}
				if sentence.MatchString(text) && !untranslated[text] && !keys[x] {
					t.Errorf("%s says %q without a translation", set.Position(x.Pos()), text)
				}
			}
			return true
		})
	}
}
