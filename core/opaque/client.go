package opaque

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"strings"

	"github.com/bytemare/ksf"
	"github.com/bytemare/opaque"
)

// variant is what a client half can differ in: only vectors use another than
// the suite's.
type variant struct {
	context    string
	stretch    ksf.Identifier
	parameters []uint64
}

var suite = variant{Context, ksf.Argon2id, []uint64{argonTime, argonMemoryKiB, argonLanes}}

func (v variant) configuration() *opaque.Configuration {
	return &opaque.Configuration{
		Context: []byte(v.context),
		KDF:     crypto.SHA256,
		MAC:     crypto.SHA256,
		Hash:    crypto.SHA256,
		KSF:     v.stretch,
		OPRF:    opaque.P256Sha256,
		AKE:     opaque.P256Sha256,
	}
}

// stretched adds to options how the password is stretched.
func (v variant) stretched(options opaque.ClientOptions) *opaque.ClientOptions {
	if v.stretch != 0 {
		options.KSFSalt = make([]byte, argonSaltBytes)
		options.KSFParameters = v.parameters
		options.KSFLength = hashBytes
	}
	return &options
}

// half is what both runs of the client have in common.
type half struct {
	client  *opaque.Client
	variant variant
}

func newHalf(v variant) half {
	client, err := v.configuration().Client()
	if err != nil {
		panic("opaque: " + err.Error()) // a constant configuration
	}
	return half{client, v}
}

// Clear forgets the password and all secrets of the run, best effort. It may
// be called more than once.
func (h *half) Clear() {
	if h.client != nil {
		h.client.ClearState()
		h.client = nil
	}
}

// Registration is the client's side of one registration.
type Registration struct{ half }

// StartRegistration blinds the password (RFC 9807, section 5.2.1,
// CreateRegistrationRequest). It returns the run, to be cleared after use, and
// the request of 33 bytes. The password is copied; the caller clears its own.
// An empty one gives ErrNoPassword.
func StartRegistration(password []byte) (*Registration, []byte, error) {
	return startRegistration(password, suite, opaque.ClientOptions{})
}

func startRegistration(password []byte, v variant, fixed opaque.ClientOptions) (*Registration, []byte, error) {
	if len(password) == 0 {
		return nil, nil, ErrNoPassword
	}
	r := &Registration{newHalf(v)}
	request, err := r.client.RegistrationInit(password, &fixed)
	if err != nil {
		return nil, nil, fmt.Errorf("blind the password: %w", err)
	}
	return r, request.Serialize(), nil
}

// Finish turns the server's response of 66 bytes into the record to upload,
// 129 bytes, and the export key, 32 bytes (section 5.2.3,
// FinalizeRegistrationRequest). It takes the time of one key stretching, about
// 0.2 s. server is the server's public key as the client knows it, 33 bytes: a
// response that names another gives ErrServer. ErrMessage for a bad response.
// The run is over afterwards.
func (r *Registration) Finish(response, clientIdentity, server []byte) (record, exportKey []byte, err error) {
	return r.finish(response, clientIdentity, server, opaque.ClientOptions{})
}

func (r *Registration) finish(response, clientIdentity, server []byte, fixed opaque.ClientOptions) (record, exportKey []byte, err error) {
	if r.client == nil {
		return nil, nil, ErrUsed
	}
	defer r.Clear()
	message, err := r.client.Deserialize.RegistrationResponse(response)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	if len(server) == PointBytes && !bytes.Equal(message.ServerPublicKey, server) {
		return nil, nil, fmt.Errorf("%w: it answers with another public key", ErrServer)
	}
	upload, exportKey, err := r.client.RegistrationFinalize(message, clientIdentity, server, r.variant.stretched(fixed))
	if err != nil {
		return nil, nil, fmt.Errorf("finish the registration: %w", err)
	}
	return upload.Serialize(), exportKey, nil
}

// LoginRun is the client's side of one login.
type LoginRun struct{ half }

// StartLogin blinds the password (RFC 9807, section 6.2.1, GenerateKE1). It returns
// the run, to be cleared after use, and KE1, 98 bytes. The password is copied; the caller clears its own.
// An empty one gives ErrNoPassword.
func StartLogin(password []byte) (*LoginRun, []byte, error) {
	return startLogin(password, suite, opaque.ClientOptions{})
}

func startLogin(password []byte, v variant, fixed opaque.ClientOptions) (*LoginRun, []byte, error) {
	if len(password) == 0 {
		return nil, nil, ErrNoPassword
	}
	l := &LoginRun{newHalf(v)}
	message, err := l.client.GenerateKE1(password, &fixed)
	if err != nil {
		return nil, nil, fmt.Errorf("blind the password: %w", err)
	}
	return l, message.Serialize(), nil
}

// Finish turns KE2, 259 bytes, into KE3, 32 bytes, the session key and the
// export key, 32 bytes each (section 6.2.3, GenerateKE3). It takes the time of one key stretching.
// ErrPassword: the record does not open; ErrServer: it does, but the server
// does not prove itself; ErrMessage: a bad KE2. After an error the run is over, so that
// a server can test one password with it and not two. After success it may finish
// another KE2, of a server that was restarted and answered KE1 again.
func (l *LoginRun) Finish(ke2, clientIdentity, server []byte) (ke3, sessionKey, exportKey []byte, err error) {
	if l.client == nil {
		return nil, nil, nil, ErrUsed
	}
	defer func() {
		if err != nil {
			l.Clear()
		}
	}()
	message, err := l.client.Deserialize.KE2(ke2)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	answer, sessionKey, exportKey, err := l.client.GenerateKE3(message, clientIdentity, server, l.variant.stretched(opaque.ClientOptions{}))
	switch {
	case err != nil && strings.Contains(err.Error(), serverMACText):
		return nil, nil, nil, ErrServer
	case errors.Is(err, opaque.ErrAuthentication):
		return nil, nil, nil, ErrPassword
	case err != nil:
		return nil, nil, nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	return answer.Serialize(), sessionKey, exportKey, nil
}

// serverMACText is how bytemare/opaque v0.18.0 says that the envelope opened
// and the server's MAC did not fit. It has no exported sentinel for that; a test holds the text.
const serverMACText = "invalid server mac"
