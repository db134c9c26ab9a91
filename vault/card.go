package vault

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/holdfast-backup/holdfast/core/opaque"
)

// What is wrong with a card.
var (
	ErrCard      = errors.New("not a vault card")
	ErrCardNewer = errors.New("the vault card was made by a newer version")
)

// maxCardBytes is more than a card with a certificate needs.
const maxCardBytes = 16 << 10

// cardVersion is the only one so far. Cards that name several vaults will have another.
const cardVersion = 1

// Card is what a client must know of a vault, as small public JSON.
type Card struct {
	Version   int    `json:"version"`
	Name      string `json:"name"`
	URL       string `json:"url"` // https://… or pkcs11:…, without a PIN
	Suite     int    `json:"suite"`
	PublicKey []byte `json:"public_key"` // 33 bytes
	// Account is the account's id, 32 bytes; empty before registration.
	Account []byte `json:"account,omitempty"`
	// Certificate, in DER, is the only one then accepted of the vault's server.
	Certificate []byte `json:"certificate,omitempty"`
}

// NewCard makes the card of a vault at url.
func NewCard(p Public, url string) Card {
	return Card{Version: cardVersion, Name: p.Name, URL: url, Suite: p.Suite, PublicKey: p.PublicKey}
}

// Encode returns the card as indented JSON with a last line end.
func (c Card) Encode() []byte {
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		panic("vault: " + err.Error()) // our own type
	}
	return append(b, '\n')
}

// ParseCard reads a card. ErrCardNewer for a version that this code does not
// know, ErrCard for anything else that is no card.
func ParseCard(text []byte) (Card, error) {
	fail := func(format string, args ...any) (Card, error) {
		return Card{}, fmt.Errorf("%w: %w", ErrCard, fmt.Errorf(format, args...))
	}
	if len(text) > maxCardBytes {
		return fail("it has more than %d bytes", maxCardBytes)
	}
	var version struct{ Version int }
	if err := json.Unmarshal(text, &version); err != nil {
		return fail("it is not JSON")
	}
	if version.Version > cardVersion {
		return Card{}, fmt.Errorf("%w: card version %d", ErrCardNewer, version.Version)
	}
	var c Card
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return fail("a field is unknown or of another type")
	}
	switch {
	case c.Version != cardVersion:
		return fail("it has no version")
	case c.Suite < 1:
		return fail("it names no suite")
	case c.Suite != opaque.Suite:
		return Card{}, fmt.Errorf("%w: suite %d", ErrCardNewer, c.Suite)
	case len(c.Account) != 0 && len(c.Account) != len(AccountID{}):
		return fail("the account id has not 32 bytes")
	}
	if p, err := opaque.ParsePoint(c.PublicKey); err != nil || !bytes.Equal(p.Bytes(), c.PublicKey) {
		return fail("the public key is no compressed point")
	}
	if len(c.Certificate) > 0 {
		if _, err := x509.ParseCertificate(c.Certificate); err != nil {
			return fail("the certificate cannot be read")
		}
	}
	if strings.HasPrefix(c.URL, "pkcs11:") {
		return c, nil
	}
	if u, err := url.Parse(c.URL); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fail("the address is neither https: nor pkcs11:")
	}
	return c, nil
}
