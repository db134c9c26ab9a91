package card

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"filippo.io/nistec"
)

// What is wrong with a card.
var (
	ErrCard  = errors.New("not a vault card")
	ErrNewer = errors.New("the vault card was made by a newer version")
)

const (
	// MaxBytes is more than a card with a certificate needs.
	MaxBytes = 16 << 10
	// version is that of a vault's own card, and of an account whose password counts as it was typed.
	version = 1
	// versionNFC is that of an account whose password counts in NFC, which Password then says.
	versionNFC = 2
	// PasswordNFC says that the account's password is in Unicode's normalization form C, without a byte order mark.
	PasswordNFC = "nfc"
	// suite is opaque.Suite, the only one so far.
	suite = 1
	// AccountBytes is the length of an account's id.
	AccountBytes = 32
	// publicKeyBytes is the length of a compressed point of P-256.
	publicKeyBytes = 33
)

// Card is what a client must know of a vault, as small public JSON.
type Card struct {
	Version   int    `json:"version"`
	Name      string `json:"name"`
	URL       URL    `json:"url"`
	Suite     int    `json:"suite"`
	PublicKey []byte `json:"public_key"` // 33 bytes
	// Account is the account's id, 32 bytes; empty before registration.
	Account []byte `json:"account,omitempty"`
	// Password is PasswordNFC, or "" for an account of before, whose password counts as it was typed.
	Password string `json:"password,omitempty"`
	// Certificate, in DER, is the only one then accepted of the vault's server.
	Certificate []byte `json:"certificate,omitempty"`
}

// New makes the card of a vault.
func New(name string, url URL, publicKey []byte) Card {
	return Card{Version: version, Name: name, URL: url, Suite: suite, PublicKey: publicKey}
}

// Encode returns the card as indented JSON with a last line end.
func (c Card) Encode() []byte {
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		panic("card: " + err.Error()) // our own type
	}
	return append(b, '\n')
}

// Parse reads a card. ErrNewer for a version that this code does not know,
// ErrCard for anything else that is no card.
func Parse(text []byte) (Card, error) {
	c, err := decode(text, &Card{})
	if err != nil {
		return Card{}, err
	}
	return *c, c.check()
}

// ParseLanded reads the card in a backup's header. Versions before this one wrote
// slot, module and PIN file of a computer into the URL; these are dropped, unread,
// and changed says so. Errors: as Parse.
func ParseLanded(text []byte) (c Card, changed bool, err error) {
	p, err := decode(text, &Card{})
	if err != nil {
		return Card{}, false, err
	}
	if plain := p.URL.withoutPlaces(); plain != p.URL {
		p.URL, changed = plain, true
	}
	return *p, changed, p.check()
}

// decode reads JSON into a card, or into what embeds one. Each field may come
// once, under its own name: two readers of a card must not see two cards.
func decode[T any](text []byte, into *T) (*T, error) {
	fail := func(reason string) (*T, error) { return nil, fmt.Errorf("%w: %s", ErrCard, reason) }
	if len(text) > MaxBytes {
		return fail(fmt.Sprintf("it has more than %d bytes", MaxBytes))
	}
	if !utf8.Valid(text) {
		return fail("it is not UTF-8")
	}
	var v struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return fail("it is not JSON")
	}
	if v.Version > versionNFC {
		return nil, fmt.Errorf("%w: card version %d", ErrNewer, v.Version)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		if v.Version == versionNFC { // a later program may put several vaults into it
			return nil, fmt.Errorf("%w: a card of version %d with more than this one knows", ErrNewer, v.Version)
		}
		return fail("a field is unknown or of another type")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fail("something follows it")
	}
	return into, onceEach(text)
}

// fields are the names that a card's JSON may have.
var fields = []string{"version", "name", "url", "suite", "public_key", "account", "password", "certificate", "enrolment"}

func onceEach(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	var seen []string
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return fmt.Errorf("%w: it is no JSON object", ErrCard)
	}
	for d.More() {
		name, err := d.Token()
		var value json.RawMessage
		if err == nil {
			err = d.Decode(&value)
		}
		text, ok := name.(string)
		if err != nil || !ok || !slices.Contains(fields, text) || slices.Contains(seen, text) {
			return fmt.Errorf("%w: a field is unknown or comes twice", ErrCard)
		}
		seen = append(seen, text)
	}
	return nil
}

func (c *Card) check() error {
	fail := func(reason string) error { return fmt.Errorf("%w: %s", ErrCard, reason) }
	switch {
	case c.Version != version && c.Version != versionNFC:
		return fail("it has no version")
	case c.Version == version && c.Password != "", c.Version == versionNFC && (c.Password != PasswordNFC || len(c.Account) == 0):
		return fail("it says of the password what its version does not have")
	case c.Suite < 1:
		return fail("it names no suite")
	case c.Suite != suite:
		return fmt.Errorf("%w: suite %d", ErrNewer, c.Suite)
	case len(c.Account) != 0 && len(c.Account) != AccountBytes:
		return fail("the account id has not 32 bytes")
	case len(c.PublicKey) != publicKeyBytes:
		return fail("the public key is no compressed point")
	}
	if _, err := nistec.NewP256Point().SetBytes(c.PublicKey); err != nil {
		return fail("the public key is no compressed point")
	}
	if len(c.Certificate) > 0 {
		if _, err := x509.ParseCertificate(c.Certificate); err != nil {
			return fail("the certificate cannot be read")
		}
		if c.URL.IsToken() {
			return fail("a token has no certificate")
		}
	}
	if err := checkName(c.Name); err != nil {
		return err
	}
	return c.URL.check()
}

// Same reports whether two cards name one vault in the same words: an agreement
// to the one is an agreement to the other. The accounts may differ.
func (c Card) Same(other Card) bool {
	return c.Name == other.Name && c.URL == other.URL && c.Suite == other.Suite &&
		bytes.Equal(c.PublicKey, other.PublicKey) && bytes.Equal(c.Certificate, other.Certificate)
}

// Equal reports whether two cards are the same, with their accounts.
func (c Card) Equal(other Card) bool { return c.Same(other) && bytes.Equal(c.Account, other.Account) }

// SameAccount reports whether two cards are of one account, however they name its vault.
func (c Card) SameAccount(other Card) bool {
	return bytes.Equal(c.PublicKey, other.PublicKey) && bytes.Equal(c.Account, other.Account)
}

// Anonymous is the card without its account.
func (c Card) Anonymous() Card {
	c.Account, c.Password, c.Version = nil, "", version
	return c
}

// WithAccount is the card with the account of another, and what that says of its password.
func (c Card) WithAccount(of Card) Card {
	c.Account, c.Password, c.Version = of.Account, of.Password, of.Version
	return c
}

// InNFC is the card of an account whose password was registered in NFC.
func (c Card) InNFC() Card {
	c.Password, c.Version = PasswordNFC, versionNFC
	return c
}

// Fingerprint of the vault's public key, "SHA256:…" as ssh-keygen prints one.
func (c Card) Fingerprint() string { return fingerprint(c.PublicKey) }

// CertificateFingerprint is that of the pinned certificate (its DER), "" without one.
func (c Card) CertificateFingerprint() string {
	if len(c.Certificate) == 0 {
		return ""
	}
	return fingerprint(c.Certificate)
}

func fingerprint(b []byte) string {
	sum := sha256.Sum256(b)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// checkName refuses names that could show as something else, or hide what
// stands beside them.
func checkName(name string) error {
	fail := func(reason string) error { return fmt.Errorf("%w: the name %s", ErrCard, reason) }
	switch {
	case len(name) > 200 || utf8.RuneCountInString(name) > 80:
		return fail("has more than 80 characters")
	case strings.TrimSpace(name) != name || strings.Contains(name, "  "):
		return fail("has spaces that nobody sees")
	}
	marks := 0
	for _, r := range name {
		if !showable(r) {
			return fail("has a character that is not shown as itself")
		}
		if marks++; !isMark(r) {
			marks = 0
		}
		if marks > maxMarks {
			return fail("piles marks on a letter")
		}
	}
	return nil
}
