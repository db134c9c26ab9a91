package source

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Leads may say yes too often, and never no where something matches below.
func TestLeadsToWhatMatches(t *testing.T) {
	segment := rapid.SampledFrom([]string{"a", "b", "ab", "*", "**", "a*", "?", "[ab]", "{a,b}", `\a`})
	name := rapid.SampledFrom([]string{"a", "b", "ab", "c"})
	rapid.Check(t, func(t *rapid.T) {
		pattern := strings.Join(rapid.SliceOfN(segment, 1, 4).Draw(t, "pattern"), "/")
		pattern = rapid.SampledFrom([]string{"", "/", "!"}).Draw(t, "before") + pattern + rapid.SampledFrom([]string{"", "/"}).Draw(t, "behind")
		x, err := NewExclude([]string{pattern})
		if err != nil {
			t.Skip()
		}
		path := rapid.SliceOfN(name, 1, 5).Draw(t, "path")
		level, leads := x.Root(""), true
		for i, n := range path {
			if level.Match(n, i < len(path)-1) && !leads {
				t.Fatalf("%q matches at %d of %v, and a folder above does not lead there", pattern, i, path)
			}
			leads = leads && level.Leads(n)
			level = level.Enter(n)
		}
	})
	x, err := NewExclude([]string{"src/docs/*.txt", "!*.md"})
	if err != nil {
		t.Fatal(err)
	}
	top := x.Root("")
	for folder, want := range map[string]bool{"docs": true, "music": false} {
		if got := top.Enter("src").Leads(folder); got != want {
			t.Errorf("src/%s leads to what matches: %v", folder, got)
		}
	}
}
