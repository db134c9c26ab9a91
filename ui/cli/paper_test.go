package cli_test

import (
	"bytes"
	"os"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/holdfast-backup/holdfast/ui/kit"
)

// paper TEXT PICTURE prints the digits in a file on a page of the recovery kit, and photographs it: PICTURE.png.
func paper(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: paper TEXT PICTURE")
	}
	font := func(s fyne.TextStyle) []byte { return theme.DefaultTheme().Font(s).Content() }
	digits := bytes.Join(bytes.Fields([]byte(ts.ReadFile(args[0]))), nil)
	var groups [][]byte
	for len(digits) > 0 {
		groups, digits = append(groups, digits[:4]), digits[4:]
	}
	var b bytes.Buffer
	ts.Check(kit.Page{
		Fonts: kit.Fonts{Regular: font(fyne.TextStyle{}), Bold: font(fyne.TextStyle{Bold: true}), Mono: font(fyne.TextStyle{Monospace: true})},
		Title: "Recovery kit", Groups: groups,
	}.Write(&b))
	pdf := ts.MkAbs(args[1] + ".pdf")
	ts.Check(os.WriteFile(pdf, b.Bytes(), 0o600))
	ts.Check(ts.Exec("pdftoppm", "-r", "100", "-png", "-singlefile", pdf, ts.MkAbs(args[1])))
}
