package source

import (
	"errors"
	"strings"
	"testing"
)

// FuzzExclude: every text is a pattern or refused by name, and no pattern
// panics or hangs on any name.
func FuzzExclude(f *testing.F) {
	f.Add("*.tmp", "a.tmp", true)
	f.Add("!docs/**/[a-z]{x,y}\\ ", "docs/a/b", false)
	f.Add("/home/u/*", "home", false)
	f.Fuzz(func(t *testing.T, pattern, name string, dir bool) {
		if len(pattern) > 200 || len(name) > 255 {
			return // as long as people and file systems make them
		}
		x, err := NewExclude([]string{pattern})
		if err != nil {
			var p *PatternError
			if !errors.As(err, &p) || p.Pattern != pattern {
				t.Fatalf("unnamed: %v", err)
			}
			return
		}
		level := x.Root("/home/u").Enter("docs")
		level.Match(name, dir)
		if strings.HasPrefix(pattern, "!") && level.Match(name, dir) {
			t.Fatal("a pattern that takes back excludes")
		}
	})
}
