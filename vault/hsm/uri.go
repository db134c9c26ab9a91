package hsm

import (
	"bytes"
	"fmt"
	"os"

	"github.com/holdfast-backup/holdfast/vault/card"
)

// URI names a token as RFC 7512 has it; package card reads it.
type URI = card.Address

// ErrURI: not a PKCS#11 URI of a token.
var ErrURI = card.ErrAddress

// ParseURI reads a URI that a person or an operator gave. Errors are ErrURI and never show a PIN.
func ParseURI(text string) (*URI, error) { return card.ParseAddress(text) }

// maxPINBytes is more than any token takes.
const maxPINBytes = 256

// pinOf returns a copy of the PIN that a URI names, nil if it names none. The caller clears it.
func pinOf(u *URI) ([]byte, error) {
	if u.PINSource == "" {
		return u.PINValue(), nil
	}
	text, err := os.ReadFile(u.PINSource)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoPIN, err)
	}
	if len(text) > maxPINBytes {
		clear(text)
		return nil, fmt.Errorf("%w: %s is no PIN", ErrNoPIN, u.PINSource)
	}
	return bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r")), nil
}
