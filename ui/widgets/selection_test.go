package widgets

import (
	"slices"
	"testing"
)

func testTree() func(string) []string {
	tree := map[string][]string{
		"":          {"docs", "pics"},
		"docs":      {"docs/a", "docs/b", "docs/deep"},
		"docs/deep": {"docs/deep/x", "docs/deep/y"},
	}
	return func(p string) []string { return tree[p] }
}

func TestSelectionOfEverything(t *testing.T) {
	s := NewSelection(true, testTree())
	if s.State("docs/deep/x") != On || s.State("") != On || s.Paths() != nil {
		t.Error("everything is not everything")
	}
	s.Set("docs/deep/x", false)
	for path, want := range map[string]CheckState{"": Mixed, "docs": Mixed, "docs/deep": Mixed, "docs/deep/x": Off, "docs/deep/y": On,
		"pics": On} {
		if got := s.State(path); got != want {
			t.Errorf("%q is %v, want %v", path, got, want)
		}
	}
	if got := s.Paths(); !slices.Equal(got, []string{"docs/a", "docs/b", "docs/deep/y", "pics"}) {
		t.Error(got)
	}
	s.Set("docs/deep/y", false) // the folder is empty now
	if s.State("docs/deep") != Off {
		t.Error("a folder with nothing checked is not off")
	}
	s.Set("docs/deep", true)
	if s.State("") != On || s.Paths() != nil {
		t.Error("checked again, it is not everything")
	}
}

func TestSelectionFromNothing(t *testing.T) {
	s := NewSelection(false, testTree())
	if got := s.Paths(); got == nil || len(got) != 0 {
		t.Error("nothing is", got)
	}
	s.Set("docs/a", true)
	if got := s.Paths(); !slices.Equal(got, []string{"docs/a"}) {
		t.Error(got)
	}
	s.Set("docs", true)
	s.Set("pics", true)
	if s.Paths() != nil {
		t.Error(s.Paths())
	}
}
