package backupkey

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const sample = "03f1 9ac4 55b0 12de 8a7c 6e21 f004 9bd3 7755 10aa c3e8 2f96 d41b 08cc e57f 3a60"

func TestTextRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := genKey().Draw(t, "key")
		text := k.Text()
		if len(text) != 79 || !bytes.Equal(text, bytes.ToLower(text)) {
			t.Fatalf("text %q", text)
		}
		if joined := bytes.Join(k.Groups(), []byte(" ")); !bytes.Equal(joined, text) {
			t.Fatalf("groups %q, text %q", joined, text)
		}
		back, err := Parse(text)
		if err != nil || !back.Equal(k) {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

// Whatever separators stand wherever, and in whatever case: the key is the same.
func TestParsePassesOverSeparators(t *testing.T) {
	separators := []string{
		"", " ", "  ", "\t", "\n", "\r\n", "\r", "\v", "\f", "-", "--",
		"\u00a0", "\u2007", "\u202f", "\u2009", "\u3000", "\u2028", "\u2029", "\u0085",
		"\u00ad", "\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2015", "\u2212", "\ufe58", "\ufe63", "\uff0d",
		"\u200b", "\u2060", "\ufeff",
	}
	rapid.Check(t, func(t *rapid.T) {
		k := genKey().Draw(t, "key")
		var text []byte
		for _, c := range k.Text() {
			text = append(text, rapid.SampledFrom(separators).Draw(t, "separator")...)
			if c == ' ' {
				continue
			}
			if rapid.Bool().Draw(t, "upper") {
				c = bytes.ToUpper([]byte{c})[0]
			}
			text = append(text, c)
		}
		text = append(text, rapid.SampledFrom(separators).Draw(t, "end")...)
		back, err := Parse(text)
		if err != nil || !back.Equal(k) {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

func TestParseNamesTheBadCharacter(t *testing.T) {
	for _, c := range []struct {
		text                   string
		char                   rune
		position, group, digit int
		meant                  rune
		hint                   string
	}{
		{strings.Replace(sample, "9bd3", "9bdl", 1), 'l', 39, 8, 4, '1', "did you mean the digit 1?"},
		{strings.Replace(sample, "03f1", "o3f1", 1), 'o', 1, 1, 1, '0', "did you mean the digit 0?"},
		{strings.Replace(sample, "03f1", "O3f1", 1), 'O', 1, 1, 1, '0', "'O'"},
		{strings.Replace(sample, "10aa", "I0aa", 1), 'I', 46, 10, 1, '1', "group 10, digit 1"},
		{"\ufeff\r\n" + sample + "?", '?', 83, 17, 1, 0, "character 83"},
		{"é", 'é', 1, 1, 1, 0, "'é'"},
		{"0\xff", '\ufffd', 2, 1, 2, 0, ""},
		{"0 х", 'х', 3, 1, 2, 0, "'х'"}, // Cyrillic
		{"１", '１', 1, 1, 1, 0, ""},      // full width
		{"0\x00", 0, 2, 1, 2, 0, `'\x00'`},
	} {
		_, err := Parse([]byte(c.text))
		var e *SyntaxError
		if !errors.As(err, &e) || !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if want := (SyntaxError{c.char, c.position, c.group, c.digit, c.meant}); *e != want {
			t.Errorf("%q: %+v, want %+v", c.text, *e, want)
		}
		if !strings.Contains(err.Error(), c.hint) || (c.meant == 0) != !strings.Contains(err.Error(), "did you mean") {
			t.Errorf("%q: %v", c.text, err)
		}
	}
}

func TestParseCountsDigits(t *testing.T) {
	for n := range 200 {
		if n == Digits {
			continue
		}
		_, err := Parse([]byte(strings.Repeat("a", n)))
		var e *CountError
		if !errors.As(err, &e) || !errors.Is(err, ErrMalformed) || e.Digits != n {
			t.Fatalf("%d digits: %v", n, err)
		}
	}
	if _, err := Parse([]byte("12 34")); !strings.Contains(err.Error(), "4 digits") {
		t.Error(err)
	}
}

// FuzzParse: no text panics, an accepted one is a key whose canonical text
// holds the same digits, and a refused one is refused by name.
func FuzzParse(f *testing.F) {
	for _, s := range []string{sample, strings.ToUpper(sample), strings.ReplaceAll(sample, " ", "\u2013"), "", "o", "\xff\xfe", sample + "0",
		sample[1:]} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		given := bytes.Clone(text)
		k, err := Parse(text)
		if !bytes.Equal(given, text) {
			t.Fatal("Parse changed its argument")
		}
		if err != nil {
			var s *SyntaxError
			var c *CountError
			if k != nil || errors.As(err, &s) == errors.As(err, &c) || err.Error() == "" {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		var digits []byte
		for _, c := range bytes.ToLower(text) {
			if '0' <= c && c <= '9' || 'a' <= c && c <= 'f' {
				digits = append(digits, c)
			}
		}
		if !bytes.Equal(digits, bytes.ReplaceAll(k.Text(), []byte(" "), nil)) {
			t.Fatalf("%q gave %q", text, k.Text())
		}
	})
}
