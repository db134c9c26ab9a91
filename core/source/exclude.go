package source

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Exclude decides what is not backed up, by patterns as in .gitignore files (gitignore(5)), each relative to the source's
// folder. Patterns and names are bytes.
//
//	*.tmp          any name that ends so, in any folder
//	build/         any folder of that name
//	/Videos        only at the top of a source
//	docs/**/old    any "old" somewhere below "docs"
//	!keep.tmp      takes back what an earlier pattern excluded
//	# a comment
//
// The last pattern that fits decides. What lies in an excluded folder cannot be taken back.
// A pattern that begins with a source's own path means the rest, anchored.
type Exclude struct {
	rules  []rule
	tagged bool // leave out what is in folders with a CACHEDIR.TAG
}

type rule struct {
	text     string
	glob     glob
	take     bool // "!": not excluded
	dirOnly  bool
	anchored bool // matched against the path in the source, not the name alone
}

// PatternError names a pattern that cannot be used.
type PatternError struct{ Pattern string }

func (e *PatternError) Error() string {
	return fmt.Sprintf("the exclude pattern %q cannot be read", e.Pattern)
}

// NewExclude reads patterns and presets. Errors: *PatternError.
func NewExclude(patterns []string, presets ...Preset) (*Exclude, error) {
	x := &Exclude{}
	for _, p := range presets {
		x.tagged = x.tagged || p.Tagged
		for _, text := range p.Patterns {
			if err := x.add(text); err != nil {
				return nil, err
			}
		}
	}
	for _, text := range patterns {
		if err := x.add(text); err != nil {
			return nil, err
		}
	}
	return x, nil
}

func (x *Exclude) add(text string) error {
	line := trimSpaces(strings.TrimRight(text, "\r\n"))
	if line == "" || line[0] == '#' {
		return nil
	}
	var r rule
	if line[0] == '!' {
		r.take, line = true, line[1:]
	}
	if strings.HasSuffix(line, "/") {
		r.dirOnly, line = true, line[:len(line)-1]
	}
	r.anchored = strings.Contains(line, "/")
	r.text = strings.TrimPrefix(line, "/")
	var ok bool
	if r.glob, ok = parseGlob(r.text, !r.anchored); r.text == "" || !ok {
		return &PatternError{text}
	}
	x.rules = append(x.rules, r)
	return nil
}

// trimSpaces takes spaces from the end of a line, but one that a backslash stands before.
func trimSpaces(line string) string {
	end := 0 // behind the last character that is kept
	for i := 0; i < len(line); i++ {
		if line[i] == '\\' {
			i++
		} else if line[i] == ' ' {
			continue
		}
		end = min(i+1, len(line))
	}
	return line[:end]
}

// Root returns the level of a source's own folder, at this path. A nil
// Exclude excludes nothing.
func (x *Exclude) Root(path string) Level {
	if x == nil {
		return Level{}
	}
	own := strings.Trim(path, "/") + "/"
	local := *x
	local.rules = make([]rule, len(x.rules))
	for i, r := range x.rules {
		if rest, ok := strings.CutPrefix(r.text, own); ok && r.anchored {
			if g, ok := parseGlob(rest, false); ok {
				r.text, r.glob = rest, g
			}
		}
		local.rules[i] = r
	}
	return Level{x: &local}
}

// Level is one folder below a source.
type Level struct {
	x    *Exclude
	path string // from the source, with a slash at the end; "" at the top
}

// Enter returns the level of a folder in this one.
func (l Level) Enter(name string) Level {
	if l.x != nil {
		l.path += name + "/"
	}
	return l
}

// Match reports whether a name in this folder is excluded.
func (l Level) Match(name string, dir bool) bool {
	if l.x == nil {
		return false
	}
	for i := len(l.x.rules) - 1; i >= 0; i-- {
		r := &l.x.rules[i]
		if r.dirOnly && !dir {
			continue
		}
		subject := name
		if r.anchored {
			subject = l.path + name
		}
		if r.glob.match(subject) {
			return !r.take
		}
	}
	return false
}

// Leads reports whether something below a folder in this one may match. It
// may say so of too many folders, never of too few.
func (l Level) Leads(name string) bool {
	if l.x == nil {
		return false
	}
	folder := l.path + name + "/"
	return slices.ContainsFunc(l.x.rules, func(r rule) bool {
		if r.take {
			return false
		}
		fixed := r.text + "/"
		if meta := strings.IndexAny(r.text, globMarks); meta >= 0 {
			fixed = r.text[:strings.LastIndexByte(r.text[:meta], '/')+1]
		}
		return !r.anchored || strings.HasPrefix(folder, fixed) || strings.HasPrefix(fixed, folder)
	})
}

const cacheTagName = "CACHEDIR.TAG"

const cacheTag = "Signature: 8a477f597d28d172789f06886806bc55"

// Tagged reports whether a folder says of itself that it is a cache
// (CACHEDIR.TAG, https://bford.info/cachedir/) and such are excluded.
func (l Level) Tagged(d *Dir) bool {
	if l.x == nil || !l.x.tagged {
		return false
	}
	if d.ahead != nil && d.ahead.err == nil {
		if _, there := slices.BinarySearch(d.ahead.names, cacheTagName); !there {
			return false
		}
	}
	e, err := d.Lstat(cacheTagName)
	if err != nil || e.Kind != File {
		return false
	}
	f, _, err := d.OpenFile(e)
	if err != nil {
		return false
	}
	defer f.Close() //nolint:errcheck // only read from
	b := make([]byte, len(cacheTag))
	_, err = io.ReadFull(f, b)
	return err == nil && string(b) == cacheTag
}

// Preset is a group of exclusions that a person turns on as one.
type Preset struct {
	ID       string // as in the profile
	Title    string // for people
	Patterns []string
	Tagged   bool
}

// Presets returns the groups on offer, all of them on by default.
func Presets() []Preset {
	return []Preset{
		{
			ID: "caches", Title: "Caches that programs make again", Tagged: true,
			Patterns: []string{".cache/", "Cache/", "Caches/", "CachedData/", "Code Cache/", "GPUCache/", "ShaderCache/", ".thumbnails/",
				"__pycache__/", ".gradle/caches/", "node_modules/.cache/", "Thumbs.db", ".DS_Store"},
		},
		{
			ID: "temporary", Title: "Temporary and half-downloaded files",
			Patterns: []string{"*.tmp", "*.temp", "*~", ".~lock.*#", "~$*", ".*.swp", ".*.swo", "*.part", "*.crdownload", ".nfs[0-9a-f]*"},
		},
		{
			ID: "trash", Title: "The trash",
			Patterns: []string{".Trash/", ".Trash-*/", ".Trashes/", "**/.local/share/Trash", "$RECYCLE.BIN/"},
		},
	}
}

// presetPrefix marks a preset among patterns.
const presetPrefix = "preset:"

// ReadExclude reads patterns among which presets are named, as in "preset:caches". Errors: *PatternError.
func ReadExclude(patterns []string) (*Exclude, error) {
	var ids, own []string
	for _, p := range patterns {
		if id, ok := strings.CutPrefix(p, presetPrefix); ok {
			ids = append(ids, id)
		} else {
			own = append(own, p)
		}
	}
	presets, err := PresetsByID(ids)
	if err != nil {
		return nil, err
	}
	return NewExclude(own, presets...)
}

// PresetsByID returns presets by their ids. Errors: *PatternError for an unknown one.
func PresetsByID(ids []string) ([]Preset, error) {
	var out []Preset
next:
	for _, id := range ids {
		for _, p := range Presets() {
			if p.ID == id {
				out = append(out, p)
				continue next
			}
		}
		return nil, &PatternError{id}
	}
	return out, nil
}
