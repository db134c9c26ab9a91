package printer_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/holdfast-backup/holdfast/plug/printer"
)

func TestPrint(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no lp on Windows, and so no printing")
	}
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	if printer.Print() != nil {
		t.Fatal("it prints with nothing to print with")
	}
	out := filepath.Join(dir, "paper")
	lp := "#!/bin/sh\n[ \"$2\" = none ] && { echo 'lp: no destination'; exit 1; }\nwhile IFS= read -r l; do printf '%s|%s' \"$2\" \"$l\"; done >" + out + "\n"
	if err := os.WriteFile(filepath.Join(dir, "lp"), []byte(lp), 0o755); err != nil {
		t.Fatal(err)
	}
	p := printer.Print()
	if err := p(context.Background(), "a title", []byte("a page\n")); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(out); err != nil || !bytes.Equal(b, []byte("a title|a page")) {
		t.Errorf("printed %q: %v", b, err)
	}
	if err := p(context.Background(), "none", []byte("a page\n")); err == nil {
		t.Error("a printer that is not there printed")
	}
}
