// Package structure holds the size of the house: of packages, files, functions and types.
package structure

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The limits. Lines of code are those that are neither empty nor a comment alone; tests are not counted.
const (
	mostFiles    = 25   // of a package
	mostLines    = 3500 // of code of a package
	mostFile     = 450  // lines of a file
	mostFunction = 80   // lines of a function
	mostMethods  = 40   // of a type
	mostVerbs    = 25   // exported methods of core.App
)

func TestTheHouseKeepsItsSize(t *testing.T) {
	h := &house{t: t, set: token.NewFileSet()}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		switch name := d.Name(); {
		case path != root && strings.HasPrefix(name, "."), name == "build", name == "third_party", name == "testdata":
			return fs.SkipDir
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		return h.folder(path, filepath.ToSlash(rel))
	})
	if err != nil {
		t.Fatal(err)
	}
}

type house struct {
	t   *testing.T
	set *token.FileSet
}

// hold compares a size with its limit.
func (h *house) hold(what string, size, limit int) {
	if size > limit {
		h.t.Errorf("%s: %d, and the limit is %d", what, size, limit)
	}
}

func (h *house) folder(path, name string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	files, lines, methods := 0, 0, make(map[string]int)
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(path, e.Name()))
		if err != nil {
			return err
		}
		files++
		file := name + "/" + e.Name()
		h.hold("file "+file, strings.Count(string(text), "\n"), mostFile)
		for line := range strings.Lines(string(text)) {
			if s := strings.TrimSpace(line); s != "" && !strings.HasPrefix(s, "//") {
				lines++
			}
		}
		if err := h.functions(name, file, text, methods); err != nil {
			return err
		}
	}
	h.hold("files of "+name, files, mostFiles)
	h.hold("lines of "+name, lines, mostLines)
	for of, n := range methods {
		if strings.HasPrefix(of, "verbs ") {
			h.hold(of, n, mostVerbs)
		} else {
			h.hold("methods of "+of, n, mostMethods)
		}
	}
	return nil
}

func (h *house) functions(folder, file string, text []byte, methods map[string]int) error {
	parsed, err := parser.ParseFile(h.set, file, text, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, d := range parsed.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		first, last := h.set.Position(f.Pos()).Line, h.set.Position(f.End()).Line
		h.hold("function "+file+" "+f.Name.Name, last-first+1, mostFunction)
		if f.Recv == nil {
			continue
		}
		of := f.Recv.List[0].Type
		if star, ok := of.(*ast.StarExpr); ok {
			of = star.X
		}
		if name, ok := of.(*ast.Ident); ok {
			methods[folder+"."+name.Name]++
			if folder == "core" && name.Name == "App" && f.Name.IsExported() {
				methods["verbs of core.App"]++
			}
		}
	}
	return nil
}
