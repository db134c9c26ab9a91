package kit_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/ui/kit"
)

func page(t *testing.T, key *backupkey.Key) kit.Page {
	t.Helper()
	font := func(s fyne.TextStyle) []byte { return theme.DefaultTheme().Font(s).Content() }
	return kit.Page{
		Fonts: kit.Fonts{Regular: font(fyne.TextStyle{}), Bold: font(fyne.TextStyle{Bold: true}), Mono: font(fyne.TextStyle{Monospace: true})},
		Title: "Recovery kit", Subtitle: "of “Grüße”", Groups: key.Groups(), CodeNote: "the same digits", Warning: "Keep it safe.",
		Sections: []kit.Section{{Heading: "To restore", Lines: []string{"1. Open Holdfast.", "2. /media/Übung/Holdfast"}}}, Footer: "Key 1234",
	}
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatalf("%s (scripts/install test installs it): %v", name, err)
	}
	return string(out)
}

// A page with the most vaults that a password can have is still one page, and nothing lies on its last line.
func TestManyVaultsFit(t *testing.T) {
	key, err := backupkey.New()
	if err != nil {
		t.Fatal(err)
	}
	p := page(t, key)
	p.Groups = append(p.Groups, key.Groups()[:8]...) // as many as a sheet has
	vaults := kit.Section{Heading: "The vaults that check the password", Fine: true}
	for range 8 {
		vaults.Lines = append(vaults.Lines,
			"The vault of the family Müller · vault.example.org:8443 · SHA256:0123456789012345678901234567890123456789012")
	}
	p.Sections = append(p.Sections, vaults, kit.Section{Heading: "More", Lines: []string{"a line", "another one"}})
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	pdf := filepath.Join(t.TempDir(), "kit.pdf")
	if err := os.WriteFile(pdf, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if pages := run(t, "pdfinfo", pdf); !strings.Contains(pages, "Pages:           1") {
		t.Errorf("it is not one page:\n%s", pages)
	}
	text := run(t, "pdftotext", "-layout", pdf, "-")
	if strings.Count(text, "SHA256:0123456789012345678901234567890123456789012") != 8 || !strings.Contains(text, "Key 1234") {
		t.Errorf("not all is on the page:\n%s", text)
	}
}

// What is on the paper opens the backup: the digits as text, and the code.
func TestThePageGivesTheKeyBack(t *testing.T) {
	key, err := backupkey.New()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := page(t, key).Write(&b); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	pdf := filepath.Join(dir, "kit.pdf")
	if err := os.WriteFile(pdf, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	text := run(t, "pdftotext", "-layout", pdf, "-")
	for _, g := range key.Groups() {
		if !strings.Contains(text, string(g)) {
			t.Errorf("group %s is not on the page", g)
		}
	}
	for _, want := range []string{"Recovery kit", "of “Grüße”", "Keep it safe.", "/media/Übung/Holdfast", "Key 1234"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not on the page:\n%s", want, text)
		}
	}
	if pages := run(t, "pdfinfo", pdf); !strings.Contains(pages, "Pages:           1") {
		t.Errorf("it is not one page:\n%s", pages)
	}
	run(t, "pdftoppm", "-r", "150", "-png", "-singlefile", pdf, filepath.Join(dir, "kit"))
	read := run(t, "zbarimg", "--raw", "-q", filepath.Join(dir, "kit.png"))
	got, err := backupkey.Parse([]byte(strings.TrimSpace(read)))
	if err != nil || got.ID() != key.ID() {
		t.Errorf("the code says %q: %v", read, err)
	}
}
