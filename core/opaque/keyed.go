package opaque

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
)

// This is OPAQUE's client half whose randomized password (RFC 9807, section 6.3.2.3) comes
// from elsewhere: for a password shared over several vaults it derives from
// the shared secret (docs/shared-vaults.md, chapter 1). What the vault sees is the same.

// NewRecord makes the record of an account, 129 bytes, and its export key, 32
// bytes, from a randomized password of 32 bytes (RFC 9807, section 4.1.2, Store). server is the
// server's public key, 33 bytes.
func NewRecord(randomized, clientIdentity, server []byte) (record, exportKey []byte) {
	nonce := make([]byte, nonceBytes)
	_, _ = rand.Read(nonce) // never fails since Go 1.24
	return newRecord(randomized, nonce, clientIdentity, server)
}

func newRecord(randomized, nonce, clientIdentity, server []byte) (record, exportKey []byte) {
	e := openEnvelope(randomized, nonce, clientIdentity, server)
	defer e.private.Clear()
	record = append(e.public.Bytes(), expand(randomized, labelMaskingKey, hashBytes)...)
	return append(record, e.bytes...), e.exportKey
}

// envelope is what a randomized password and a nonce give (section 4.1).
type envelope struct {
	private   *Scalar
	public    Point
	exportKey []byte
	bytes     []byte // nonce and tag
}

func openEnvelope(randomized, nonce, clientIdentity, server []byte) envelope {
	n := string(nonce)
	seed, authKey := expand(randomized, n+labelPrivateKey, hashBytes), expand(randomized, n+labelAuthKey, hashBytes)
	defer clear(seed)
	defer clear(authKey)
	e := envelope{exportKey: expand(randomized, n+labelExportKey, hashBytes)}
	e.private, e.public = deriveKeyPair(seed)
	credentials := append(append(append([]byte{}, server...), vector(2, server)...), vector(2, clientIdentity)...)
	e.bytes = append(append([]byte{}, nonce...), mac(authKey, append(append([]byte{}, nonce...), credentials...))...)
	return e
}

// KeyedLogin is the client's side of one login under a randomized password that is known only after KE2.
type KeyedLogin struct {
	blinding *Blinding
	ke1      []byte
	secret   *Scalar // of the key share
}

// StartKeyedLogin blinds the input. It returns the run, to be cleared after use, and KE1, 98 bytes. ErrNoPassword, ErrMessage.
func StartKeyedLogin(input []byte) (*KeyedLogin, []byte, error) {
	nonce := make([]byte, nonceBytes)
	_, _ = rand.Read(nonce) // never fails since Go 1.24
	for {
		share := NewScalar()
		if !bytes.Equal(share.MultiplyBase().Bytes(), minusG) { // no server takes it
			return startKeyedLogin(input, NewScalar(), nonce, share)
		}
	}
}

func startKeyedLogin(input []byte, blind *Scalar, nonce []byte, share *Scalar) (*KeyedLogin, []byte, error) {
	b, blinded, err := blindWith(input, blind)
	if err != nil {
		return nil, nil, err
	}
	ke1 := append(append(blinded, nonce...), share.MultiplyBase().Bytes()...)
	return &KeyedLogin{b, ke1, share}, bytes.Clone(ke1), nil
}

// Evaluated returns the evaluated element in KE2, 33 bytes. ErrMessage.
func Evaluated(ke2 []byte) ([]byte, error) {
	if err := length("KE2", ke2, KE2Bytes); err != nil {
		return nil, err
	}
	return ke2[:PointBytes], nil
}

// Output is the OPRF's output in KE2, 32 bytes. ErrMessage, ErrUsed.
func (l *KeyedLogin) Output(ke2 []byte) ([]byte, error) {
	evaluated, err := Evaluated(ke2)
	if err != nil {
		return nil, err
	}
	return l.blinding.Finalize(evaluated)
}

// Finish turns KE2, 259 bytes, into KE3, 32 bytes, the session key and the
// export key, 32 bytes each (RFC 9807, sections 6.2.3 and 6.4.3). ErrPassword: the record does not open under this
// randomized password; ErrServer: it does, but the server does not prove itself; ErrMessage: a bad KE2. It may be
// called again, with the KE2 of a server that was restarted.
func (l *KeyedLogin) Finish(randomized, ke2, clientIdentity, server []byte) (ke3, sessionKey, exportKey []byte, err error) {
	if l.secret == nil {
		return nil, nil, nil, ErrUsed
	}
	if err := length("KE2", ke2, KE2Bytes); err != nil {
		return nil, nil, nil, err
	}
	response, rest := ke2[:credentialResponseBytes], ke2[credentialResponseBytes:]
	serverShare, err := ParsePoint(rest[nonceBytes : nonceBytes+PointBytes])
	if err != nil {
		return nil, nil, nil, err
	}
	serverKey, err := ParsePoint(server)
	if err != nil {
		return nil, nil, nil, err
	}

	// RecoverCredentials, section 6.3.2.3.
	maskingKey := expand(randomized, labelMaskingKey, hashBytes)
	defer clear(maskingKey)
	maskingNonce, masked := response[PointBytes:PointBytes+nonceBytes], response[PointBytes+nonceBytes:]
	plain := expand(maskingKey, string(maskingNonce)+labelPad, len(masked))
	subtle.XORBytes(plain, plain, masked)
	e := openEnvelope(randomized, plain[PointBytes:PointBytes+nonceBytes], clientIdentity, server)
	defer e.private.Clear()
	if subtle.ConstantTimeCompare(plain, append(bytes.Clone(server), e.bytes...)) != 1 {
		clear(e.exportKey)
		return nil, nil, nil, ErrPassword
	}

	// AuthClientFinalize, section 6.4.3.
	ikm := l.secret.Multiply(serverShare).Bytes()
	ikm = append(ikm, l.secret.Multiply(serverKey).Bytes()...)
	ikm = append(ikm, e.private.Multiply(serverShare).Bytes()...)
	defer clear(ikm)
	transcript := sha256.New()
	transcript.Write([]byte(labelVersion))
	transcript.Write(vector(2, []byte(Context)))
	transcript.Write(vector(2, clientIdentity))
	transcript.Write(l.ke1)
	transcript.Write(vector(2, server))
	transcript.Write(ke2[:KE2Bytes-hashBytes])
	preamble := transcript.Sum(nil)
	keys := deriveKeys(ikm, preamble)
	defer keys.clear()
	serverMAC := ke2[KE2Bytes-hashBytes:]
	if !hmac.Equal(serverMAC, mac(keys.serverMAC, preamble)) {
		clear(keys.session)
		clear(e.exportKey)
		return nil, nil, nil, fmt.Errorf("%w: its MAC does not fit", ErrServer)
	}
	transcript.Write(serverMAC)
	return mac(keys.clientMAC, transcript.Sum(nil)), keys.session, e.exportKey, nil
}

// Clear forgets all secrets of the run, best effort. It may be called more than once.
func (l *KeyedLogin) Clear() {
	l.blinding.Clear()
	l.secret.Clear()
	l.secret = nil
}
