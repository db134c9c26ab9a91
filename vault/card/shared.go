package card

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"
)

// versionShared is that of a password shared over several vaults.
const versionShared = 3

// Labels of docs/shared-vaults.md, chapters 1 and 2.
const (
	labelAccount    = "holdfast shared vault account v1"
	labelSharedCard = "holdfast shared vault card v1"
)

// Lengths in bytes, and the most vaults of a set.
const (
	NonceBytes = 16
	shareBytes = 32 // of salts, commitments, masks, bridges and fingerprints
	maxVaults  = 8
)

// Shared is the card of a password shared over several vaults (docs/shared-vaults.md, chapter 2).
type Shared struct {
	Version  int    `json:"version"`
	Password string `json:"password"`
	// Key is the Ed25519 key that signs the card and names the accounts, 32 bytes.
	Key []byte `json:"card_key"`
	// Set is the set that counts, Pending one that is being made; one of them is there.
	Set       *Set   `json:"set,omitempty"`
	Pending   *Set   `json:"pending,omitempty"`
	Signature []byte `json:"signature"`
}

// Set is a password shared over vaults.
type Set struct {
	Threshold  int      `json:"threshold"`
	Salt       []byte   `json:"salt"`
	Commitment []byte   `json:"commitment"`
	Vaults     []Member `json:"vaults"`
}

// Member is one vault of a set.
type Member struct {
	Name      string `json:"name"`
	URL       URL    `json:"url"`
	Suite     int    `json:"suite"`
	PublicKey []byte `json:"public_key"` // 33 bytes
	// SPKI is the SHA-256 of the public key that the server's certificate must have; nil: one that an authority vouches for.
	SPKI  []byte `json:"spki,omitempty"`
	Nonce []byte `json:"nonce"` // 16 bytes
	Mask  []byte `json:"mask"`  // 32 bytes
	// Bridge, 32 bytes, is the share masked for the record of before; only in Pending, and nil where there is none.
	Bridge []byte `json:"bridge,omitempty"`
	// Registered is when the vault says that it was registered, Unix milliseconds; only in Set.
	Registered int64 `json:"registered,omitempty"`
}

// IsShared reports whether a text is the card of a shared password rather than of one vault. It may be a bad one.
func IsShared(text []byte) bool {
	var v struct {
		Version int `json:"version"`
	}
	return json.Unmarshal(text, &v) == nil && v.Version == versionShared
}

// MemberOf is the vault of a card as a new member of a set, with a nonce of its own.
func MemberOf(c Card, nonce []byte) (Member, error) {
	m := Member{Name: c.Name, URL: c.URL, Suite: c.Suite, PublicKey: c.PublicKey, Nonce: nonce}
	if len(c.Certificate) > 0 {
		certificate, err := x509.ParseCertificate(c.Certificate)
		if err != nil {
			return Member{}, fmt.Errorf("%w: the certificate cannot be read", ErrCard)
		}
		sum := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
		m.SPKI = sum[:]
	}
	return m, nil
}

// Account is the id of a member's account, 32 bytes, under the card's key.
func (m Member) Account(key []byte) []byte {
	h := sha256.New()
	h.Write([]byte(labelAccount))
	h.Write(key)
	h.Write(m.PublicKey)
	h.Write(m.Nonce)
	return h.Sum(nil)
}

// Card is the member's vault alone, with the account under the card's key; nil: without.
func (m Member) Card(key []byte) Card {
	c := New(m.Name, m.URL, m.PublicKey)
	if c.Suite = m.Suite; key != nil {
		c.Account = m.Account(key)
	}
	return c
}

// Same reports whether two members are one vault in the same words. Their accounts may differ.
func (m Member) Same(other Member) bool {
	return m.Name == other.Name && m.URL == other.URL && m.Suite == other.Suite && bytes.Equal(m.PublicKey, other.PublicKey) &&
		bytes.Equal(m.SPKI, other.SPKI)
}

// SPKIFingerprint is that of the pinned key of the server, "" without one.
func (m Member) SPKIFingerprint() string {
	if len(m.SPKI) == 0 {
		return ""
	}
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(m.SPKI)
}

// Current is the set that counts or, before the first one is complete, the one that is being made.
func (s *Shared) Current() *Set {
	if s.Set == nil {
		return s.Pending
	}
	return s.Set
}

// Members are the vaults of both sets, each once. nil of a nil Shared.
func (s *Shared) Members() []Member {
	var all []Member
	for _, set := range []*Set{s.Set, s.Pending} {
		if set == nil {
			continue
		}
		for _, m := range set.Vaults {
			if !slices.ContainsFunc(all, m.SameAccount) {
				all = append(all, m)
			}
		}
	}
	return all
}

// SameAccount reports whether two members are one account at one vault.
func (m Member) SameAccount(other Member) bool {
	return bytes.Equal(m.PublicKey, other.PublicKey) && bytes.Equal(m.Nonce, other.Nonce)
}

// Find returns the member of the same account as m; nil: there is none, or no set.
func (s *Set) Find(m Member) *Member {
	if s == nil {
		return nil
	}
	for i := range s.Vaults {
		if s.Vaults[i].SameAccount(m) {
			return &s.Vaults[i]
		}
	}
	return nil
}

// Sign completes the card under a private key.
func (s *Shared) Sign(key ed25519.PrivateKey) {
	s.Version, s.Password, s.Key = versionShared, PasswordNFC, key.Public().(ed25519.PublicKey)
	s.Signature = ed25519.Sign(key, s.signed())
}

// Signs reports whether a public key is the card's.
func (s *Shared) Signs(key []byte) bool { return bytes.Equal(s.Key, key) }

// signed is what the signature is over.
func (s *Shared) signed() []byte {
	b := []byte(labelSharedCard)
	str := func(v []byte) { b = append(binary.BigEndian.AppendUint16(b, uint16(len(v))), v...) }
	for _, set := range []*Set{s.Set, s.Pending} {
		if set == nil {
			b = append(b, 0)
			continue
		}
		b = append(b, byte(set.Threshold), byte(len(set.Vaults)))
		b = append(append(b, set.Salt...), set.Commitment...)
		for _, m := range set.Vaults {
			str([]byte(m.Name))
			str([]byte(m.URL))
			b = append(append(b, byte(m.Suite)), m.PublicKey...)
			str(m.SPKI)
			b = append(append(b, m.Nonce...), m.Mask...)
			if m.Bridge == nil {
				b = append(append(b, 0), make([]byte, shareBytes)...)
			} else {
				b = append(append(b, 1), m.Bridge...)
			}
			b = binary.BigEndian.AppendUint64(b, uint64(m.Registered))
		}
	}
	return b
}

// Encode returns the card as JSON with a last line end.
func (s *Shared) Encode() []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic("card: " + err.Error()) // our own type
	}
	return append(b, '\n')
}

// ParseShared reads the card of a shared password and checks its signature. ErrNewer, ErrCard.
func ParseShared(text []byte) (*Shared, error) {
	fail := func(reason string) (*Shared, error) { return nil, fmt.Errorf("%w: %s", ErrCard, reason) }
	switch {
	case len(text) > MaxBytes:
		return fail(fmt.Sprintf("it has more than %d bytes", MaxBytes))
	case !utf8.Valid(text):
		return fail("it is not UTF-8")
	}
	var v struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return fail("it is not JSON")
	}
	if v.Version > versionShared {
		return nil, fmt.Errorf("%w: card version %d", ErrNewer, v.Version)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	s := &Shared{}
	if err := d.Decode(s); err != nil {
		return fail("a field is unknown or of another type")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fail("something follows it")
	}
	if err := namesOnce(json.NewDecoder(bytes.NewReader(text))); err != nil {
		return nil, err
	}
	return s, s.check()
}

// sharedFields are the names that the JSON of a shared card may have, at any depth.
var sharedFields = []string{"version", "password", "card_key", "set", "pending", "signature", "threshold", "salt", "commitment", "vaults",
	"name", "url", "suite", "public_key", "spki", "nonce", "mask", "bridge", "registered"}

// namesOnce refuses a value with a field that comes twice in one object, or under another spelling.
func namesOnce(d *json.Decoder) error {
	open, err := d.Token()
	if err != nil {
		return fmt.Errorf("%w: it is not JSON", ErrCard)
	}
	if open != json.Delim('{') && open != json.Delim('[') {
		return nil
	}
	var seen []string
	for d.More() {
		if open == json.Delim('{') {
			name, err := d.Token()
			text, ok := name.(string)
			if err != nil || !ok || !slices.Contains(sharedFields, text) || slices.Contains(seen, text) {
				return fmt.Errorf("%w: a field is unknown or comes twice", ErrCard)
			}
			seen = append(seen, text)
		}
		if err := namesOnce(d); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

func (s *Shared) check() error {
	fail := func(reason string) error { return fmt.Errorf("%w: %s", ErrCard, reason) }
	switch {
	case s.Version != versionShared:
		return fail("it is no card of a shared password")
	case s.Password != PasswordNFC:
		return fail("it does not say which form the password has")
	case len(s.Key) != ed25519.PublicKeySize:
		return fail("its key has not 32 bytes")
	case s.Set == nil && s.Pending == nil:
		return fail("it names no vaults")
	}
	for _, set := range []*Set{s.Set, s.Pending} {
		if set == nil {
			continue
		}
		if err := set.check(s.Key); err != nil {
			return err
		}
	}
	if s.Set != nil && slices.ContainsFunc(s.Set.Vaults, func(m Member) bool { return m.Bridge != nil }) {
		return fail("the set that counts has a bridge")
	}
	if s.Set != nil && slices.ContainsFunc(s.Set.Vaults, func(m Member) bool { return m.Registered == 0 }) {
		return fail("the set that counts does not say when it was registered")
	}
	if s.Pending != nil && slices.ContainsFunc(s.Pending.Vaults, func(m Member) bool { return m.Registered != 0 }) {
		return fail("the set that is being made is registered")
	}
	if !ed25519.Verify(s.Key, s.signed(), s.Signature) {
		return fail("its signature does not hold")
	}
	return nil
}

func (s *Set) check(key []byte) error {
	fail := func(reason string) error { return fmt.Errorf("%w: %s", ErrCard, reason) }
	n := len(s.Vaults)
	switch {
	case n < 1 || n > maxVaults:
		return fail(fmt.Sprintf("it names %d vaults", n))
	case s.Threshold <= n/2 || s.Threshold > n:
		return fail(fmt.Sprintf("%d of %d vaults are no majority", s.Threshold, n))
	case len(s.Salt) != shareBytes, len(s.Commitment) != shareBytes:
		return fail("its salt or commitment has not 32 bytes")
	}
	for i, m := range s.Vaults {
		one := m.Card(key)
		if err := one.check(); err != nil {
			return err
		}
		switch {
		case len(m.Nonce) != NonceBytes, len(m.Mask) != shareBytes, m.Bridge != nil && len(m.Bridge) != shareBytes:
			return fail("a value has another length")
		case m.SPKI != nil && (len(m.SPKI) != shareBytes || m.URL.IsToken()):
			return fail("the fingerprint of a server's key is none")
		case m.Registered < 0:
			return fail("a time is none")
		}
		for _, other := range s.Vaults[:i] {
			if bytes.Equal(other.PublicKey, m.PublicKey) || other.URL == m.URL {
				return fail("it names a vault twice")
			}
		}
	}
	return nil
}
