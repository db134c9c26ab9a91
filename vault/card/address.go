package card

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// ErrAddress: not an RFC 7512 URI that a vault has a use for.
var ErrAddress = errors.New("not a PKCS#11 URI of a token")

// Address names a token as RFC 7512 has it. Empty fields fit anything.
type Address struct {
	Token, Serial, Manufacturer, Model string
	SlotID                             *uint
	// Object is the prefix of the names of the vault's keys on the token;
	// "holdfast" when empty.
	Object string
	// ModulePath is the module's file; ModuleName a part of it ("softhsm2").
	// Both empty: the modules that p11-kit knows, and the well-known ones.
	ModulePath, ModuleName string
	// PINSource is a file with the PIN; its last line end is not part of it.
	PINSource string
	pinValue  []byte
}

// ParseAddress reads a URI like
//
//	pkcs11:token=vault;serial=9c1e?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/holdfast/pin
//
// Attributes that RFC 7512 knows and a vault has no use for are refused, as are unknown
// and doubled ones, rather than let a token be used that was not meant.
// pin-source is a path or a file: URI; commands ("|cmd") are refused. Errors are ErrAddress and never show a PIN.
func ParseAddress(text string) (*Address, error) {
	rest, ok := strings.CutPrefix(text, "pkcs11:")
	if !ok {
		return nil, fmt.Errorf("%w: it does not begin with \"pkcs11:\"", ErrAddress)
	}
	u, seen := &Address{}, map[string]bool{}
	path, query, _ := strings.Cut(rest, "?")
	for _, part := range []struct{ text, sep string }{{path, ";"}, {query, "&"}} {
		if part.text == "" {
			continue
		}
		for attribute := range strings.SplitSeq(part.text, part.sep) {
			name, escaped, ok := strings.Cut(attribute, "=")
			value, err := url.PathUnescape(escaped)
			if !ok || err != nil {
				return nil, fmt.Errorf("%w: %q is not name=value", ErrAddress, name)
			}
			if seen[name] {
				return nil, fmt.Errorf("%w: %s is given twice", ErrAddress, name)
			}
			seen[name] = true
			if err := u.set(name, value, part.sep == "&"); err != nil {
				return nil, err
			}
		}
	}
	if u.PINSource != "" && u.pinValue != nil {
		return nil, fmt.Errorf("%w: both pin-source and pin-value", ErrAddress)
	}
	return u, nil
}

func (u *Address) set(name, value string, query bool) error {
	fields := map[string]*string{"token": &u.Token, "serial": &u.Serial, "manufacturer": &u.Manufacturer, "model": &u.Model,
		"object": &u.Object}
	if query {
		fields = map[string]*string{"module-path": &u.ModulePath, "module-name": &u.ModuleName, "pin-source": &u.PINSource}
	}
	switch field := fields[name]; {
	case field != nil && value == "":
		return fmt.Errorf("%w: %s is empty", ErrAddress, name)
	case name == "pin-source":
		path, err := filePath(value)
		u.PINSource = path
		return err
	case field != nil:
		*field = value
	case name == "slot-id" && !query:
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			return fmt.Errorf("%w: slot-id is not a number", ErrAddress)
		}
		slot := uint(n)
		u.SlotID = &slot
	case name == "pin-value" && query:
		u.pinValue = []byte(value)
	default:
		return fmt.Errorf("%w: %s is not used here", ErrAddress, name)
	}
	return nil
}

func filePath(value string) (string, error) {
	path, isURI := strings.CutPrefix(value, "file:")
	if isURI && strings.HasPrefix(path, "//") {
		host, local, ok := strings.Cut(path[2:], "/")
		if !ok || host != "" && host != "localhost" {
			return "", fmt.Errorf("%w: pin-source names another computer", ErrAddress)
		}
		path = "/" + local
	}
	if path == "" || strings.HasPrefix(path, "|") {
		return "", fmt.Errorf("%w: pin-source is not a file", ErrAddress)
	}
	return path, nil
}

// String returns the URI without anything about the PIN, fit for cards and logs.
func (u Address) String() string {
	var path, query []string
	for _, a := range []struct {
		name, value string
		to          *[]string
	}{{"token", u.Token, &path}, {"serial", u.Serial, &path}, {"manufacturer", u.Manufacturer, &path}, {"model", u.Model, &path},
		{"object", u.Object, &path},
		{"module-path", u.ModulePath, &query}, {"module-name", u.ModuleName, &query}} {
		if a.value != "" {
			*a.to = append(*a.to, a.name+"="+escape(a.value))
		}
	}
	if u.SlotID != nil {
		path = append(path, fmt.Sprintf("slot-id=%d", *u.SlotID))
	}
	text := "pkcs11:" + strings.Join(path, ";")
	if len(query) > 0 {
		text += "?" + strings.Join(query, "&")
	}
	return text
}

// escape keeps what RFC 7512 allows in both parts, and the slash for paths.
func escape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~/:", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// GoString is String, so that no verb of fmt shows a PIN.
func (u Address) GoString() string { return u.String() }

// HasPIN reports whether the URI says where the PIN is.
func (u Address) HasPIN() bool { return u.PINSource != "" || u.pinValue != nil }

// PINValue returns a copy of the PIN that stands in the URI itself, nil if
// there is none. The caller clears it.
func (u Address) PINValue() []byte { return bytes.Clone(u.pinValue) }

// Identity is the part that says which token it is, and nothing of this
// computer: no slot, no module, no PIN.
func (u Address) Identity() Address {
	return Address{Token: u.Token, Serial: u.Serial, Manufacturer: u.Manufacturer, Model: u.Model, Object: u.Object}
}

// URL is the identity as a card has it.
func (u Address) URL() URL {
	a := u.Identity()
	return URL(a.String())
}

// Fits reports whether u may be meant by other: no attribute that both have differs.
func (u Address) Fits(other Address) bool {
	for _, pair := range [][2]string{{u.Token, other.Token}, {u.Serial, other.Serial}, {u.Manufacturer, other.Manufacturer},
		{u.Model, other.Model}, {u.Object, other.Object}} {
		if pair[0] != "" && pair[1] != "" && pair[0] != pair[1] {
			return false
		}
	}
	return true
}

// Remembered is the URI with the file of the PIN, for this computer's own
// settings. A PIN that stands in the URI is left out.
func (u Address) Remembered() string {
	text := u.String()
	if u.PINSource == "" {
		return text
	}
	sep := "?"
	if strings.Contains(text, "?") {
		sep = "&"
	}
	return text + sep + "pin-source=file:" + escape(u.PINSource)
}
