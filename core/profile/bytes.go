package profile

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Bytes is a path or a pattern as the system has it: any bytes. JSON holds only text, so what is no UTF-8 is written
// with a prefix that begins with a zero byte, which no path has, and with %XX for each byte that is not plain.
type Bytes string

const escapedBytes = "\x00bytes:"

// MarshalText writes text as it is, and other bytes escaped.
func (b Bytes) MarshalText() ([]byte, error) {
	if utf8.ValidString(string(b)) {
		return []byte(b), nil
	}
	return []byte(escapedBytes + url.PathEscape(string(b))), nil
}

// UnmarshalText reads what MarshalText has written, and what versions before wrote.
func (b *Bytes) UnmarshalText(text []byte) error {
	rest, escaped := strings.CutPrefix(string(text), escapedBytes)
	if !escaped {
		*b = Bytes(text)
		return nil
	}
	raw, err := url.PathUnescape(rest)
	if err != nil {
		return fmt.Errorf("a path in the settings: %w", err)
	}
	*b = Bytes(raw)
	return nil
}
