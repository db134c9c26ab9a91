package shell

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"github.com/holdfast-backup/holdfast/ui/uitest"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// codes reads the codes of all errors out of the sources: a new one must not wait for somebody to meet it.
func codes(t *testing.T) []string {
	t.Helper()
	out := []string{"", words.CodeMalformedKey, words.CodeMalformedSheets, words.CodeSheetsApart}
	f, err := parser.ParseFile(token.NewFileSet(), "../../core/errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || spec.Names[0].Name != "codes" {
			return true
		}
		for _, e := range spec.Values[0].(*ast.CompositeLit).Elts {
			code, err := strconv.Unquote(e.(*ast.CompositeLit).Elts[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, code)
		}
		return false
	})
	return out
}

// Each kind of trouble says what can be done about it with one press, if only that there is nothing.
func TestAllTroubleHasItsWays(t *testing.T) {
	known := map[string]bool{words.For(context.DeadlineExceeded).Code: true}
	for _, code := range codes(t) {
		known[code] = true
	}
	for code := range known {
		if _, ok := ways[code]; !ok {
			t.Errorf("nothing is said of what can be done about %q", code)
		}
	}
	names := map[string]Way{}
	for code, list := range ways {
		if !known[code] {
			t.Errorf("%q is no kind of trouble", code)
		}
		for _, w := range list {
			if before, ok := names[wayName(w)]; ok && before != w {
				t.Errorf("two ways are called %q", wayName(w))
			}
			names[wayName(w)] = w
		}
	}
}

// The errors of a page that finds them itself carry no button that makes no sense.
func TestTroubleOfThePageItselfHasNoButtons(t *testing.T) {
	d := sit(t, t.TempDir(), Desk{})
	p := d.w.NewPage(PageParams{})
	p.Again = func() {}
	p.Fail(Reasoned{What: "It does not fit.", Do: "Mend it."})
	d.w.Flow(p.Root)
	if n := len(uitest.Find(d.Desk, func(b *widgets.Button) bool { return b.Text == "Try again" })); n != 0 {
		t.Error("it can be tried again")
	}
	p.Fail(errors.New("a fault that nobody knows"))
	if n := len(uitest.Find(d.Desk, func(b *widgets.Button) bool { return b.Text == "Try again" })); n != 1 {
		t.Error("what nobody knows cannot be tried again")
	}
}
