package card

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// URL is where a card says that a vault is: https://… or pkcs11:…. It is not
// a string, so that it is not taken for something that a person typed.
type URL string

// scheme of tokens.
const scheme = "pkcs11:"

// maxURLBytes is more than any vault's address needs.
const maxURLBytes = 500

// IsToken reports whether it names a token of this computer.
func (u URL) IsToken() bool { return strings.HasPrefix(string(u), scheme) }

// Host is the host with its port, "" for a token.
func (u URL) Host() string {
	rest, ok := strings.CutPrefix(string(u), "https://")
	if !ok {
		return ""
	}
	host, _, _ := strings.Cut(rest, "/")
	return host
}

// Address is the token that the URL identifies. It has no module and no PIN.
// Errors: ErrAddress.
func (u URL) Address() (Address, error) {
	if len(u) > maxURLBytes {
		return Address{}, fmt.Errorf("%w: it is too long", ErrAddress)
	}
	a, err := ParseAddress(string(u))
	if err != nil {
		return Address{}, err
	}
	if a.URL() != u {
		return Address{}, fmt.Errorf("%w: it does more than identify a token", ErrAddress)
	}
	return *a, nil
}

// Check reports with ErrCard what is no address of a vault.
func (u URL) Check() error { return u.check() }

func (u URL) check() error {
	if u.IsToken() {
		a, err := u.Address()
		if err != nil {
			return fmt.Errorf("%w: the address: %w", ErrCard, err)
		}
		for _, text := range []string{a.Token, a.Serial, a.Manufacturer, a.Model, a.Object} {
			if err := checkName(text); err != nil {
				return err
			}
		}
		return nil
	}
	if len(u) > maxURLBytes || !plainHTTPS(string(u)) {
		return fmt.Errorf("%w: the address is neither a plain https: nor a pkcs11: one", ErrCard)
	}
	return nil
}

// withoutPlaces drops slot and query, which are about one computer, from a
// token's URL that identifies something besides.
func (u URL) withoutPlaces() URL {
	if !u.IsToken() {
		return u
	}
	path, _, _ := strings.Cut(string(u)[len(scheme):], "?")
	var kept []string
	for attribute := range strings.SplitSeq(path, ";") {
		if attribute != "" && !strings.HasPrefix(attribute, "slot-id=") {
			kept = append(kept, attribute)
		}
	}
	return URL(scheme + strings.Join(kept, ";"))
}

var (
	label   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)
	segment = regexp.MustCompile(`^[A-Za-z0-9._~-]+$`)
)

// plainHTTPS reports whether text is https://host[:port][/path] with nothing
// that is escaped, hidden or read in two ways.
func plainHTTPS(text string) bool {
	rest, ok := strings.CutPrefix(text, "https://")
	if !ok {
		return false
	}
	host, path, hasPath := strings.Cut(rest, "/")
	if hasPath && path != "" {
		for s := range strings.SplitSeq(strings.TrimSuffix(path, "/"), "/") {
			if !segment.MatchString(s) || strings.Trim(s, ".") == "" {
				return false
			}
		}
	}
	if bracketed, ok := strings.CutPrefix(host, "["); ok {
		in, after, closed := strings.Cut(bracketed, "]")
		a, err := netip.ParseAddr(in)
		if !closed || err != nil || !a.Is6() || a.Zone() != "" {
			return false
		}
		port, hasPort := strings.CutPrefix(after, ":")
		return after == "" || hasPort && plainPort(port)
	}
	name, port, hasPort := strings.Cut(host, ":")
	return plainHost(name) && (!hasPort || plainPort(port))
}

func plainPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0 && strconv.FormatUint(n, 10) == port
}

func plainHost(name string) bool {
	if len(name) == 0 || len(name) > 253 {
		return false
	}
	for l := range strings.SplitSeq(name, ".") {
		if !label.MatchString(l) {
			return false
		}
	}
	return true
}

// maxMarks is how many combining marks may stand on one letter.
const maxMarks = 4

func isMark(r rune) bool { return unicode.Is(unicode.M, r) }

// showable reports whether a character shows as itself: letters, marks, numbers,
// punctuation, symbols and the space, but none that shows as nothing.
func showable(r rune) bool {
	switch {
	case r == ' ':
		return true
	case !unicode.IsGraphic(r), unicode.Is(unicode.Zs, r), unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r),
		unicode.Is(unicode.Variation_Selector, r), r == '\u2800', r == unicode.ReplacementChar:
		return false
	}
	return true
}
