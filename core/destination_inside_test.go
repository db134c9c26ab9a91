package core_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/filetest"
)

// A destination that lies in a source by a link is refused where it is set up.
func TestADestinationInASourceByALink(t *testing.T) {
	c := newComputer(t)
	link := filepath.Join(filepath.Dir(c.src), "link")
	filetest.Write(t, filepath.Join(c.src, "doc"), []byte("a document"))
	if err := os.Symlink(c.src, link); err != nil {
		t.Fatal(err)
	}
	for _, place := range []string{filepath.Join(link, "backup"), filepath.Join(link, "deep", "backup"), filepath.Join(c.src, "backup"),
		link} {
		err := c.do(func(a *core.App) error {
			return a.Setup(context.Background(), core.SetupRequest{Destination: place, Sources: []string{c.src}})
		})
		if !errors.Is(err, core.ErrInvalid) {
			t.Errorf("%s: %v", place, err)
		}
	}
	err := c.do(func(a *core.App) error {
		return a.Setup(context.Background(), core.SetupRequest{Destination: filepath.Join(c.src, "backup"), Sources: []string{link}})
	})
	if !errors.Is(err, core.ErrInvalid) {
		t.Errorf("the source is the link: %v", err)
	}
}

// A destination that came into a source later is left out and told, and the backup does not grow by itself.
func TestADestinationThatCameIntoASource(t *testing.T) {
	c := newComputer(t)
	filetest.Write(t, filepath.Join(c.src, "doc"), []byte("a document"))
	c.setup(nil)
	inside := filepath.Join(c.src, "deep", "backup")
	if err := os.MkdirAll(filepath.Dir(inside), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(c.dest, inside); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(inside, c.dest); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r := c.backup()
		if r.Files != 1 || r.Errors != 1 || r.Problems[0].Path != inside || !strings.Contains(r.Problems[0].Reason, "place of the backup") {
			t.Errorf("%+v", r)
		}
	}
}
