package source

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Patterns exclude what git ignores, byte for byte.
func TestPatternsAreGits(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Fatalf("git is needed to hold the patterns against: %v", err)
	}
	repository := t.TempDir()
	if out, err := exec.Command("git", "init", "-q", repository).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	letter := rapid.SampledFrom([]string{"a", "b", "c", "keep", ".", "-", " ", "{", "}", ",", "\xe8", "\xe9", "é", "]", "!", "#"})
	name := rapid.Map(rapid.SliceOfN(letter, 1, 3), func(l []string) string { return strings.Join(l, "") })
	mark := rapid.SampledFrom([]string{"*", "**", "***", "?", "[ab]", "[!ab]", "[^a]", "[a-c]", "[]a]", "[a-]", "[[:alpha:]]",
		"[[:alpha:][:digit:]-]", "[\xe8-\xe9]", "[!\xe8]", `\*`, `\a`, `\ `, "{a,b}"})
	part := rapid.Map(rapid.SliceOfN(rapid.OneOf(letter, letter, mark), 1, 3), func(l []string) string { return strings.Join(l, "") })
	segment := rapid.OneOf(part, rapid.SampledFrom([]string{"**", "*", "a", "b"}))
	pattern := rapid.Custom(func(t *rapid.T) string {
		return rapid.SampledFrom([]string{"", "", "", "!", "/", "!/"}).Draw(t, "before") +
			strings.Join(rapid.SliceOfN(segment, 1, 3).Draw(t, "segments"), "/") + rapid.SampledFrom([]string{"", "", "/", " "}).Draw(t, "behind")
	})
	rapid.Check(t, func(t *rapid.T) {
		var patterns []string
		for _, p := range rapid.SliceOfN(pattern, 1, 4).Draw(t, "patterns") {
			if _, err := NewExclude([]string{p}); err == nil {
				patterns = append(patterns, p)
			}
		}
		x, err := NewExclude(patterns)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(repository, ".git", "info", "exclude"), []byte(strings.Join(patterns, "\n")+"\n"),
			0o600); err != nil {
			t.Fatal(err)
		}
		paths := map[string]bool{}
		for _, segments := range rapid.SliceOfN(rapid.SliceOfN(rapid.OneOf(name, rapid.SampledFrom([]string{"a", "b", "ab"})), 1, 4), 20,
			20).Draw(t, "paths") {
			if joined := strings.Join(segments, "/"); usable(segments) {
				paths[joined] = true
			}
		}
		for path, ignored := range gitIgnores(t, repository, paths) {
			if got := excluded(x, path); got != ignored {
				t.Fatalf("%q excludes %q: %v; git ignores it: %v", patterns, path, got, ignored)
			}
		}
	})
}

func usable(segments []string) bool {
	for _, s := range segments {
		if s == "." || s == ".." || strings.EqualFold(s, ".git") {
			return false
		}
	}
	return true
}

// excluded reports whether a file is excluded, or a folder above it.
func excluded(x *Exclude, path string) bool {
	level := x.Root("/somewhere/else")
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if level.Match(s, i < len(segments)-1) {
			return true
		}
		level = level.Enter(s)
	}
	return false
}

// gitIgnores asks git which of some paths it ignores. None of them is there, so each is a file.
func gitIgnores(t *rapid.T, repository string, paths map[string]bool) map[string]bool {
	var in bytes.Buffer
	out := make(map[string]bool)
	for p := range paths {
		in.WriteString(p + "\x00")
		out[p] = false
	}
	if len(paths) == 0 {
		return out
	}
	cmd := exec.Command("git", "-c", "core.excludesFile=", "check-ignore", "--no-index", "-z", "--stdin")
	cmd.Dir, cmd.Stdin = repository, &in
	answer, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() != 1 {
		t.Fatalf("git: %v: %s", err, exit.Stderr)
	}
	for _, p := range strings.Split(strings.TrimSuffix(string(answer), "\x00"), "\x00") {
		if p != "" {
			out[p] = true
		}
	}
	return out
}

// What was wrong once.
func TestPatternsThatWereNotGits(t *testing.T) {
	for _, c := range []struct {
		patterns []string
		path     string
		want     bool
	}{
		{[]string{"docs/**", "!docs/keep.txt"}, "docs/keep.txt", false},
		{[]string{"docs/**", "!docs/keep.txt"}, "docs/other.txt", true},
		{[]string{"*.{jpg,png}"}, "a.jpg", false},
		{[]string{"*.{jpg,png}"}, "a.{jpg,png}", true},
		{[]string{"caf\xe8*"}, "caf\xe9", false},
		{[]string{"caf\xe8*"}, "caf\xe8.txt", true},
		{[]string{"caf?"}, "caf\xe9", true},
		{[]string{`a\ `}, "a ", true},
		{[]string{"a/**/b"}, "a/b", true},
		{[]string{"a/**/b"}, "a/x/y/b", true},
	} {
		x, err := NewExclude(c.patterns)
		if err != nil {
			t.Fatal(err)
		}
		if got := excluded(x, c.path); got != c.want {
			t.Errorf("%q excludes %q: %v", c.patterns, c.path, got)
		}
	}
}
