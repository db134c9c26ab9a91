package profile

import (
	"encoding/json"
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
	if utf8.ValidString(string(b)) && !strings.HasPrefix(string(b), escapedBytes) {
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

// settingsJSON are the settings with their paths and patterns as JSON can hold them.
type settingsJSON struct {
	*plainSettings
	Destination Bytes   `json:"destination,omitempty"`
	Sources     []Bytes `json:"sources,omitempty"`
	Excludes    []Bytes `json:"excludes,omitempty"`
}

type plainSettings Settings

// MarshalJSON writes the settings; paths and patterns may be any bytes.
func (s Settings) MarshalJSON() ([]byte, error) {
	plain := plainSettings(s)
	return json.Marshal(settingsJSON{&plain, Bytes(s.Destination), toBytes(s.Sources), toBytes(s.Excludes)})
}

// UnmarshalJSON reads what MarshalJSON has written, and what versions before wrote.
func (s *Settings) UnmarshalJSON(b []byte) error {
	out := settingsJSON{plainSettings: (*plainSettings)(s)}
	if err := json.Unmarshal(b, &out); err != nil {
		return err
	}
	s.Destination, s.Sources, s.Excludes = string(out.Destination), fromBytes(out.Sources), fromBytes(out.Excludes)
	return nil
}

func toBytes(list []string) (out []Bytes) {
	for _, s := range list {
		out = append(out, Bytes(s))
	}
	return out
}

func fromBytes(list []Bytes) (out []string) {
	for _, b := range list {
		out = append(out, string(b))
	}
	return out
}
