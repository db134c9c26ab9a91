package ui

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/ui/uitest"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// texts reads a PDF as a person does.
func textOf(t *testing.T, pdf string) string {
	t.Helper()
	out, err := exec.Command("pdftotext", "-layout", pdf, "-").Output()
	if err != nil {
		t.Fatalf("pdftotext (scripts/install test installs it): %v", err)
	}
	return string(out)
}

func TestTheRecoveryKit(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp) // nothing is to be left in it
	dir, destination := treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast")
	var printed []byte
	var trouble error
	profile := t.TempDir()
	d := sitWhere(t, core.Params{Profile: profile, Keyring: keyring.File{Path: filepath.Join(profile, "device.key")}}, nil, func(p *Params) {
		p.Print = func(_ context.Context, _ string, pdf []byte) error {
			printed = append([]byte{}, pdf...)
			return trouble
		}
	})
	d.choosePlaces(dir, destination)
	d.Sees("Who may open it?")
	d.press("Continue")
	d.Sees("This is your key")
	key := d.key()
	d.files.saveAnswer = filepath.Join(t.TempDir(), "kit.pdf")
	d.press("Save recovery kit…")
	d.Sees("Saved. Print it, or keep the file apart")
	text := textOf(t, d.files.saveAnswer)
	for _, want := range append([]string{"Holdfast recovery kit", destination, "holdfast.json"}, key...) {
		if !strings.Contains(text, want) {
			t.Errorf("the kit does not say %q:\n%s", want, text)
		}
	}
	if s, err := os.Stat(d.files.saveAnswer); err != nil || s.Mode().Perm() != 0o600 {
		t.Error("others can read the file", err)
	}

	d.press("Print…")
	d.Sees("This computer's print queue may keep the page for a day")
	d.press("Print")
	d.Sees("on its way to the printer")
	paper := filepath.Join(t.TempDir(), "paper.pdf")
	if err := os.WriteFile(paper, printed, 0o600); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(textOf(t, paper), key[15]) {
		t.Error("what was printed is not the kit")
	}
	trouble = errors.New("lp: exit status 1: no destination")
	d.press("Print…")
	d.press("Print")
	d.Sees("The page could not be printed.")

	d.press("Hide")
	if got := uitest.Find(d.Desk, func(t *widgets.Text) bool { return t.Text == key[0] }); len(got) > 0 {
		t.Error("the key is not hidden")
	}
	err := filepath.WalkDir(temp, func(p string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.HasSuffix(p, ".pdf") && p != d.files.saveAnswer && p != paper {
			t.Errorf("%s is left behind", p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
