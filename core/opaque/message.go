package opaque

import (
	"bytes"
	"crypto/subtle"
	"fmt"
)

// registrationRecord is RegistrationRecord of RFC 9807, section 5.1.
type registrationRecord struct {
	clientPublicKey Point
	maskingKey      []byte
	envelope        []byte
}

// KE1 is a decoded KE1 of RFC 9807, section 6.1.
type KE1 struct {
	raw            []byte
	blindedMessage Point
	clientKeyShare Point
}

func length(what string, b []byte, want int) error {
	if len(b) != want {
		return fmt.Errorf("%w: %s has %d bytes, not %d", ErrMessage, what, want, len(b))
	}
	return nil
}

func nonZero(what string, b []byte) error {
	if subtle.ConstantTimeCompare(b, make([]byte, len(b))) == 1 {
		return fmt.Errorf("%w: %s is all zeros", ErrMessage, what)
	}
	return nil
}

func parseRegistrationRequest(b []byte) (Point, error) {
	if err := length("a registration request", b, RegistrationRequestBytes); err != nil {
		return Point{}, err
	}
	return ParsePoint(b)
}

func parseRecord(b []byte) (registrationRecord, error) {
	if err := length("a registration record", b, RecordBytes); err != nil {
		return registrationRecord{}, err
	}
	p, err := ParsePoint(b[:PointBytes])
	if err != nil {
		return registrationRecord{}, err
	}
	r := registrationRecord{p, b[PointBytes : PointBytes+hashBytes], b[PointBytes+hashBytes:]}
	// The envelope may be zeros: the RFC's fake record has such a one (section 10.9).
	return r, nonZero("the masking key", r.maskingKey)
}

// CheckRegistrationRequest reports with ErrMessage whether b is no registration request.
func CheckRegistrationRequest(b []byte) error { _, err := parseRegistrationRequest(b); return err }

// CheckRecord reports with ErrMessage whether b is no registration record.
func CheckRecord(b []byte) error { _, err := parseRecord(b); return err }

// CheckKE3 reports with ErrMessage whether b is no KE3.
func CheckKE3(b []byte) error {
	if err := length("KE3", b, KE3Bytes); err != nil {
		return err
	}
	return nonZero("the client's MAC", b)
}

// ParseKE1 decodes KE1, 98 bytes. ErrMessage for anything else.
func ParseKE1(b []byte) (KE1, error) {
	if err := length("KE1", b, KE1Bytes); err != nil {
		return KE1{}, err
	}
	blinded, err := ParsePoint(b[:PointBytes])
	if err != nil {
		return KE1{}, err
	}
	if err := nonZero("the client's nonce", b[PointBytes:PointBytes+nonceBytes]); err != nil {
		return KE1{}, err
	}
	if bytes.Equal(b[PointBytes+nonceBytes:], minusG) {
		return KE1{}, fmt.Errorf("%w: the client's key share is -G", ErrMessage) // see FromXOnly
	}
	share, err := ParsePoint(b[PointBytes+nonceBytes:])
	if err != nil {
		return KE1{}, err
	}
	return KE1{bytes.Clone(b), blinded, share}, nil
}
