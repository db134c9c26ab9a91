package opaquetest

import (
	"crypto"

	"github.com/bytemare/opaque"

	holdfast "github.com/holdfast-backup/holdfast/core/opaque"
)

// Configuration is the suite without key stretching.
func Configuration() *opaque.Configuration {
	return &opaque.Configuration{
		Context: []byte(holdfast.Context),
		KDF:     crypto.SHA256,
		MAC:     crypto.SHA256,
		Hash:    crypto.SHA256,
		OPRF:    opaque.P256Sha256,
		AKE:     opaque.P256Sha256,
	}
}

// Client is one run of a client that does not stretch.
type Client struct{ *opaque.Client }

// New begins a run.
func New() Client {
	c, err := Configuration().Client()
	if err != nil {
		panic(err)
	}
	return Client{c}
}

// Request begins a registration.
func (c Client) Request(password []byte) []byte {
	m, err := c.RegistrationInit(password)
	if err != nil {
		panic(err)
	}
	return m.Serialize()
}

// Record ends a registration.
func (c Client) Record(response, clientIdentity, server []byte) (record, exportKey []byte, err error) {
	m, err := c.Deserialize.RegistrationResponse(response)
	if err != nil {
		return nil, nil, err
	}
	r, exportKey, err := c.RegistrationFinalize(m, clientIdentity, server)
	if err != nil {
		return nil, nil, err
	}
	return r.Serialize(), exportKey, nil
}

// KE1 begins a login.
func (c Client) KE1(password []byte) []byte {
	m, err := c.GenerateKE1(password)
	if err != nil {
		panic(err)
	}
	return m.Serialize()
}

// KE3 ends a login.
func (c Client) KE3(ke2, clientIdentity, server []byte) (ke3, sessionKey, exportKey []byte, err error) {
	m, err := c.Deserialize.KE2(ke2)
	if err != nil {
		return nil, nil, nil, err
	}
	answer, sessionKey, exportKey, err := c.GenerateKE3(m, clientIdentity, server)
	if err != nil {
		return nil, nil, nil, err
	}
	return answer.Serialize(), sessionKey, exportKey, nil
}
