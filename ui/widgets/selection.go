package widgets

import (
	"maps"
	"slices"
	"strings"
)

// Selection is what is checked in a tree of slash-separated paths, "" being
// its root. What is not said of a path itself is said of its nearest parent.
type Selection struct {
	said     map[string]bool
	children func(path string) []string // as far as they are known
}

// NewSelection returns a selection of everything, or of nothing.
func NewSelection(all bool, children func(path string) []string) *Selection {
	return &Selection{said: map[string]bool{"": all}, children: children}
}

func parentOf(path string) string {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i]
	}
	return ""
}

// inherited is what holds for a path without regard to what is below it.
func (s *Selection) inherited(path string) bool {
	for {
		if on, ok := s.said[path]; ok {
			return on
		}
		path = parentOf(path)
	}
}

func below(dir, path string) bool {
	return path != dir && (dir == "" || strings.HasPrefix(path, dir+"/"))
}

// State tells what a path shows.
func (s *Selection) State(path string) CheckState {
	on := s.inherited(path)
	for p, v := range s.said {
		if v != on && below(path, p) {
			return Mixed
		}
	}
	if on {
		return On
	}
	return Off
}

// Set checks a path with all that is below it, or unchecks it.
func (s *Selection) Set(path string, on bool) {
	maps.DeleteFunc(s.said, func(p string, _ bool) bool { return below(path, p) })
	s.said[path] = on
	for path != "" {
		parent := parentOf(path)
		known := s.children(parent)
		same := len(known) > 0 && !slices.ContainsFunc(known, func(c string) bool {
			return s.State(c) == Mixed || s.inherited(c) != on
		})
		if !same {
			return
		}
		// All there is in the folder is alike: say it once, of the folder.
		maps.DeleteFunc(s.said, func(p string, _ bool) bool { return below(parent, p) })
		s.said[parent] = on
		path = parent
	}
}

// Paths returns the least list of paths that are wanted whole: nil for
// everything, an empty list for nothing.
func (s *Selection) Paths() []string {
	switch s.State("") {
	case On:
		return nil
	case Off:
		return []string{}
	}
	out := []string{}
	s.collect("", &out)
	return out
}

// collect goes down only where something differs, and there the children are
// known: nobody can have checked what was never shown.
func (s *Selection) collect(dir string, out *[]string) {
	for _, c := range s.children(dir) {
		switch s.State(c) {
		case On:
			*out = append(*out, c)
		case Mixed:
			s.collect(c, out)
		}
	}
}
