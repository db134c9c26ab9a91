package source

import "strings"

// glob is one pattern of .gitignore, without its marks for taking back, for folders and for the top (gitignore(5)). It matches bytes: a
// name need not be UTF-8, and each byte that is no mark stands for itself.
type glob struct {
	literal string // what the pattern begins with, and what is compared first
	suffix  string // of "*suffix"
	kind    globKind
	parts   []globPart // after literal
}

type globKind byte

const (
	globLiteral globKind = iota // literal alone
	globSuffix                  // anything that ends with suffix
	globParts
)

// globPart matches some bytes.
type globPart struct {
	kind partKind
	one  byte
	set  *[256]bool
}

type partKind byte

const (
	partByte    partKind = iota // one
	partAny                     // any byte but a slash
	partSet                     // one of set
	partStar                    // any bytes but slashes
	partStars                   // any bytes
	partFolders                 // nothing, or any bytes and a slash
)

const globMarks = `*?[\`

// parseGlob reads a pattern. name says that it is for a single name, in which "**" is "*". It returns false for a
// pattern that matches nothing: an open bracket, an unknown class, a backslash at the end.
func parseGlob(text string, name bool) (g glob, ok bool) {
	g.kind = globParts
	meta := strings.IndexAny(text, globMarks)
	if meta < 0 {
		return glob{literal: text}, true
	}
	if name && meta == 0 && text[0] == '*' && !strings.ContainsAny(text[1:], globMarks) {
		return glob{kind: globSuffix, suffix: text[1:]}, true
	}
	if !name { // git compares this much by itself, so that "**" behind it stands at a beginning
		g.literal, text = text[:meta], text[meta:]
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '\\':
			i++
			if i == len(text) {
				return g, false
			}
			g.parts = append(g.parts, globPart{one: text[i]})
		case '?':
			g.parts = append(g.parts, globPart{kind: partAny})
		case '[':
			set, end, ok := parseSet(text[i+1:])
			if !ok {
				return g, false
			}
			g.parts = append(g.parts, globPart{kind: partSet, set: set})
			i += end
		case '*':
			from := i
			for i+1 < len(text) && text[i+1] == '*' {
				i++
			}
			rest := text[i+1:]
			alone := !name && i > from && (from == 0 || text[from-1] == '/')
			switch {
			case alone && strings.HasPrefix(rest, "/"):
				g.parts = append(g.parts, globPart{kind: partFolders})
				i++
			case alone && (rest == "" || strings.HasPrefix(rest, `\/`)):
				g.parts = append(g.parts, globPart{kind: partStars})
			default:
				g.parts = append(g.parts, globPart{kind: partStar})
			}
		default:
			g.parts = append(g.parts, globPart{one: c})
		}
	}
	return g, true
}

var globClasses = map[string]func(c byte) bool{
	"alnum": func(c byte) bool { return isAlpha(c) || isDigit(c) }, "alpha": isAlpha, "digit": isDigit,
	"blank": func(c byte) bool { return c == ' ' || c == '\t' }, "cntrl": func(c byte) bool { return c < 32 || c == 127 },
	"graph": func(c byte) bool { return c > 32 && c < 127 }, "print": func(c byte) bool { return c >= 32 && c < 127 },
	"lower": func(c byte) bool { return c >= 'a' && c <= 'z' }, "upper": func(c byte) bool { return c >= 'A' && c <= 'Z' },
	"punct": func(c byte) bool { return c > 32 && c < 127 && !isAlpha(c) && !isDigit(c) },
	"space": func(c byte) bool { return c == ' ' || c >= 9 && c <= 13 },
	"xdigit": func(c byte) bool {
		return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
	},
}

func isAlpha(c byte) bool { return c|32 >= 'a' && c|32 <= 'z' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// parseSet reads a set behind its opening bracket, and returns where it ends.
func parseSet(text string) (set *[256]bool, end int, ok bool) {
	set = new([256]bool)
	i, not := 0, false
	if i < len(text) && (text[i] == '!' || text[i] == '^') {
		not = true
		i++
	}
	low, ranged := byte(0), false // what a range may begin with
	for first := true; ; first = false {
		if i >= len(text) {
			return nil, 0, false
		}
		c := text[i]
		switch {
		case c == ']' && !first:
			if not {
				for b := range set {
					set[b] = !set[b]
				}
			}
			set['/'] = false
			return set, i + 1, true
		case c == '[' && strings.HasPrefix(text[i:], "[:"):
			close := strings.IndexByte(text[i+2:], ']')
			if close < 0 {
				return nil, 0, false
			}
			if name, isClass := strings.CutSuffix(text[i+2:i+2+close], ":"); isClass {
				in := globClasses[name]
				if in == nil {
					return nil, 0, false
				}
				for b := range set {
					set[b] = set[b] || in(byte(b))
				}
				i, ranged = i+2+close+1, false
				continue
			}
		case c == '-' && ranged && i+1 < len(text) && text[i+1] != ']':
			i++
			if text[i] == '\\' {
				if i++; i == len(text) {
					return nil, 0, false
				}
			}
			for b := int(low); b <= int(text[i]); b++ {
				set[b] = true
			}
			i, ranged = i+1, false
			continue
		case c == '\\':
			if i++; i == len(text) {
				return nil, 0, false
			}
			c = text[i]
		}
		set[c] = true
		low, ranged = c, c != 0
		i++
	}
}

// match reports whether the glob matches all of s.
func (g *glob) match(s string) bool {
	switch g.kind {
	case globLiteral:
		return s == g.literal
	case globSuffix:
		return strings.HasSuffix(s, g.suffix)
	}
	s, ok := strings.CutPrefix(s, g.literal)
	if !ok {
		return false
	}
	// at[i] says that the parts so far match s[:i]. So no pattern takes longer than its length times that of s.
	var room [512]bool
	var at []bool
	if len(s) < len(room) {
		at = room[:len(s)+1]
	} else {
		at = make([]bool, len(s)+1)
	}
	at[0] = true
	for i := range g.parts {
		g.parts[i].step(at, s)
	}
	return at[len(s)]
}

// step moves on over one part.
func (p *globPart) step(at []bool, s string) {
	switch p.kind {
	case partStar, partStars:
		for i := range len(s) {
			at[i+1] = at[i+1] || at[i] && (s[i] != '/' || p.kind == partStars)
		}
	case partFolders:
		inside := false
		for i := range len(s) {
			inside = inside || at[i]
			at[i+1] = at[i+1] || inside && s[i] == '/'
		}
	default:
		for i := len(s); i > 0; i-- {
			at[i] = at[i-1] && p.is(s[i-1])
		}
		at[0] = false
	}
}

func (p *globPart) is(c byte) bool {
	switch p.kind {
	case partAny:
		return c != '/'
	case partSet:
		return p.set[c]
	default:
		return c == p.one
	}
}
