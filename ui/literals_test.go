package ui

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// sentence is what looks like a text for people: two words, or one that begins
// with a capital.
var sentence = regexp.MustCompile(`[\p{L}]{2,}[,.:]? [\p{L}]{2,}|^\p{Lu}\p{Ll}+`)

// untranslated are names that are the same in every language.
var untranslated = map[string]bool{
	"Holdfast": true, "English": true, "Deutsch": true,
	"Documents": true, "Pictures": true, // folders as they are named on the disk
	"*.iso\nbuild/\n/Videos": true, // patterns
	"Holdfast · %s\n":        true, // for the clipboard
	"Mg":                     true, // measures a line's height
}

// Every text goes through the translations: literals that look like one are
// found wherever they stand, but for those of calls that translate, and of
// errors and panics, which no person sees.
func TestNoTextIsWrittenIntoTheScreens(t *testing.T) {
	silent := map[string]bool{
		"L": true, "Say": true, "count": true, // translate
		"panic": true, "New": true, "Errorf": true,
	}
	for _, pattern := range []string{"*.go", "widgets/*.go", "kit/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
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
}
