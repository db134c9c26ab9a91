package ui

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// codes reads the codes of all errors out of the sources: a new one must not wait for somebody to meet it.
func codes(t *testing.T) []string {
	t.Helper()
	out := []string{"", words.CodeMalformedKey}
	f, err := parser.ParseFile(token.NewFileSet(), "../core/errors.go", nil, 0)
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
	names := map[string]way{}
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

// What did not work is done again with one press, and the place is changed with another. Where nothing is backed up yet, nothing is said to be safe.
func TestTroubleHasButtons(t *testing.T) {
	d := sit(t, t.TempDir(), nil)
	place := filepath.Join(t.TempDir(), "Holdfast")
	d.setUp(treeOf(t, someFiles), place)
	d.press("Later")
	away(t, place)
	d.press("Back up now")
	d.sees("The place of your backup cannot be reached.")
	if says(d, "the backups made so far are complete") {
		t.Error("backups are said to be complete, and there are none")
	}
	d.press("Choose another place")
	d.sees("Change the place")
	d.press("Cancel")
	away(t, place+" away")
	d.press("Try again")
	d.until("the backup", func() bool { return d.ui.job == nil && d.core.Status().LastGood != nil })
	d.sees("Backed up")

	// In Restore, too.
	away(t, place)
	d.nav("Restore")
	d.door("This backup")
	d.sees("The place of your backup cannot be reached.")
	away(t, place+" away")
	d.press("Try again")
	d.sees("From which day?")

	// What is elsewhere has nothing to do with this computer's backup.
	d.nav("Restore")
	d.door("A backup somewhere else")
	d.write(0, t.TempDir())
	d.press("Continue")
	d.sees("There is no Holdfast backup at this place.")
	d.press("Choose another place")
	d.sees("Where is the backup?")
	if says(d, "Thin out older dates") {
		t.Error("another backup is to be thinned out")
	}
	d.nav("Restore") // chosen again, it begins anew
	d.sees("A backup somewhere else")
}

// full is core at a place without room.
type full struct{ *core.App }

func (f *full) Backup(context.Context, func(core.Progress)) (core.BackupReport, error) {
	return core.BackupReport{}, core.ErrNoSpace
}

func (f *full) Status() core.Status {
	st := f.App.Status()
	st.LastBackup = &core.Run{Kind: core.RunBackup, Outcome: core.OutcomeFailed, Code: "no-space", Error: "full", Wanted: 71_000_000}
	return st
}

func TestAFullPlaceTellsHowMuchIsMissing(t *testing.T) {
	d := sit(t, t.TempDir(), func(a *core.App) Core { return with(a, &full{a}) })
	d.ui.free = func(context.Context, string) (int64, bool) { return 31_000_000, true }
	d.setUp(treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast"))
	d.press("Later")
	d.sees("It takes 71 MB, and 31 MB are free there.")
	d.press("Thin out older dates")
	d.sees("How long should they be kept?")
}

// The errors of a page that finds them itself carry no button that makes no sense.
func TestTroubleOfThePageItselfHasNoButtons(t *testing.T) {
	d := sit(t, t.TempDir(), nil)
	p := d.ui.newPage(pageParams{})
	p.again = func() {}
	p.fail(reasonedError{what: "It does not fit.", do: "Mend it."})
	d.ui.flow(p.root)
	if n := len(find(d, func(b *widgets.Button) bool { return b.Text == "Try again" })); n != 0 {
		t.Error("it can be tried again")
	}
	p.fail(errors.New("a fault that nobody knows"))
	if n := len(find(d, func(b *widgets.Button) bool { return b.Text == "Try again" })); n != 1 {
		t.Error("what nobody knows cannot be tried again")
	}
}
