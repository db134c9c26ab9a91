package card

import (
	"bytes"
	"fmt"
	"strings"
)

// Typed is a vault that a person named on this computer: a token's URI or a
// card's file. The zero value names none.
type Typed struct {
	token     *Address
	card      *Card
	enrolment []byte
}

// operatorCard is a card's file as an operator hands it out.
type operatorCard struct {
	Card
	// Enrolment is the token that the vault wants for new accounts. It is never
	// written anywhere else.
	Enrolment string `json:"enrolment,omitempty"`
}

// maxEnrolmentBytes is more than any enrolment token has.
const maxEnrolmentBytes = 1024

// ParseTyped reads what a person gave: the RFC 7512 URI of a token, or the text
// of a card's file. "" names no vault. Errors: ErrAddress, ErrCard, ErrNewer.
func ParseTyped(text string) (Typed, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return Typed{}, nil
	case strings.HasPrefix(text, scheme):
		a, err := ParseAddress(text)
		if err != nil {
			return Typed{}, err
		}
		return Typed{token: a}, nil
	}
	c, err := decode([]byte(text), &operatorCard{})
	if err != nil {
		return Typed{}, err
	}
	if err := c.check(); err != nil {
		return Typed{}, err
	}
	if err := CheckEnrolment([]byte(c.Enrolment)); err != nil {
		return Typed{}, fmt.Errorf("%w: %w", ErrCard, err)
	}
	t := Typed{card: &c.Card}
	if c.Enrolment != "" {
		t.enrolment = []byte(c.Enrolment)
	}
	return t, nil
}

// TypedCard is a card that a person agreed to after they named the vault's address.
func TypedCard(c Card) Typed { return Typed{card: &c} }

// CheckEnrolment refuses what cannot be an enrolment token: it goes into a header
// of HTTP. An empty one is no token and fits.
func CheckEnrolment(token []byte) error {
	if len(token) > maxEnrolmentBytes {
		return fmt.Errorf("an enrolment token has at most %d bytes", maxEnrolmentBytes)
	}
	for _, b := range token {
		if b <= ' ' || b > '~' {
			return fmt.Errorf("an enrolment token has only visible ASCII characters")
		}
	}
	return nil
}

// IsZero reports whether no vault is named.
func (t Typed) IsZero() bool { return t.token == nil && t.card == nil }

// Token is the token that was typed.
func (t Typed) Token() (Address, bool) {
	if t.token == nil {
		return Address{}, false
	}
	return *t.token, true
}

// Card is the card whose file was given.
func (t Typed) Card() (Card, bool) {
	if t.card == nil {
		return Card{}, false
	}
	return *t.card, true
}

// Enrolment is a copy of the enrolment token in the card's file, nil without one.
func (t Typed) Enrolment() []byte { return bytes.Clone(t.enrolment) }

// Remembered is what this computer keeps of it, for ParseTyped later: a token's
// URI without a PIN. Of a card's file nothing need be kept.
func (t Typed) Remembered() string {
	if t.token == nil {
		return ""
	}
	return t.token.Remembered()
}

// String names it without secrets.
func (t Typed) String() string {
	switch {
	case t.token != nil:
		return t.token.String()
	case t.card != nil:
		return string(t.card.URL)
	}
	return ""
}

// GoString is String, so that no verb of fmt shows a secret.
func (t Typed) GoString() string { return t.String() }
