package opaque

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
)

// Server is the server half of the protocol over Keys. It may be used by
// several goroutines at once.
type Server struct {
	// Keys multiplies points with the scalars. Required.
	Keys Keys
	// Context is the application's; the constant of that name when empty.
	Context string
	// Identity is the server's; its AKE public key when nil.
	Identity []byte
}

// Account is what the server half needs to know of the account that logs in.
type Account struct {
	// Scalar is s; the account's OPRF key is s·k.
	Scalar *Scalar
	// Record is the registration record, 129 bytes.
	Record []byte
	// Identity is the client's; its public key when nil.
	Identity []byte
}

// Login is the server's side of a run between KE2 and KE3.
type Login struct {
	KE2 []byte // 259 bytes, for the client
	// ExpectedKE3 is what a client with the right password will answer, 32
	// bytes. Compare with VerifyKE3. Secret until then.
	ExpectedKE3 []byte
	// SessionKey is shared with the client, 32 bytes; only to be used after VerifyKE3.
	SessionKey []byte
}

// Clear overwrites the secrets, best effort.
func (l *Login) Clear() {
	clear(l.ExpectedKE3)
	clear(l.SessionKey)
}

// RegistrationResponse answers a registration request of 33 bytes with 66
// bytes (RFC 9807, section 5.2.2, CreateRegistrationResponse), under the OPRF key s·k. s
// must be new for each registration. ErrMessage for a bad request; errors of
// Keys as they are.
func (s Server) RegistrationResponse(ctx context.Context, scalar *Scalar, request []byte) ([]byte, error) {
	blinded, err := parseRegistrationRequest(request)
	if err != nil {
		return nil, err
	}
	evaluated, err := s.evaluate(ctx, scalar, blinded)
	if err != nil {
		return nil, err
	}
	_, public := s.Keys.PublicKeys()
	return append(evaluated.Bytes(), public.Bytes()...), nil
}

// evaluate multiplies by s before the HSM does, so that the HSM never sees a
// point of the client's choice.
func (s Server) evaluate(ctx context.Context, scalar *Scalar, blinded Point) (Point, error) {
	evaluated, err := s.Keys.EvaluateOPRF(ctx, scalar.Multiply(blinded))
	if err != nil {
		return Point{}, fmt.Errorf("evaluate the OPRF: %w", err)
	}
	return evaluated, nil
}

// GenerateKE2 answers KE1 for the account (RFC 9807, section 6.2.2). ErrMessage
// for a bad record; errors of Keys as they are.
// The caller has counted the guess before.
func (s Server) GenerateKE2(ctx context.Context, account Account, request KE1) (*Login, error) {
	fresh := randomness{secret: NewScalar()}
	defer fresh.secret.Clear()
	_, _ = rand.Read(fresh.maskingNonce[:]) // never fails since Go 1.24
	_, _ = rand.Read(fresh.nonce[:])
	return s.generateKE2(ctx, account, request, &fresh)
}

// randomness is all that one KE2 needs.
type randomness struct {
	maskingNonce, nonce [nonceBytes]byte
	secret              *Scalar // of the server's key share
}

func (s Server) generateKE2(ctx context.Context, account Account, request KE1, fresh *randomness) (*Login, error) {
	record, err := parseRecord(account.Record)
	if err != nil {
		return nil, err
	}
	_, public := s.Keys.PublicKeys()

	// CreateCredentialResponse, section 6.3.2.2.
	evaluated, err := s.evaluate(ctx, account.Scalar, request.blindedMessage)
	if err != nil {
		return nil, err
	}
	masked := append(public.Bytes(), record.envelope...)
	pad := expand(record.maskingKey, string(fresh.maskingNonce[:])+labelPad, len(masked))
	subtle.XORBytes(masked, masked, pad)

	ke2 := make([]byte, 0, KE2Bytes)
	ke2 = append(ke2, evaluated.Bytes()...)
	ke2 = append(ke2, fresh.maskingNonce[:]...)
	ke2 = append(ke2, masked...)
	ke2 = append(ke2, fresh.nonce[:]...)
	ke2 = append(ke2, fresh.secret.MultiplyBase().Bytes()...)

	// AuthServerRespond, section 6.4.4, with DH2 done by Keys.
	dh2, err := s.Keys.EvaluateAKE(ctx, request.clientKeyShare)
	if err != nil {
		return nil, fmt.Errorf("evaluate the key exchange: %w", err)
	}
	ikm := fresh.secret.Multiply(request.clientKeyShare).Bytes()
	ikm = append(ikm, dh2.Bytes()...)
	ikm = append(ikm, fresh.secret.Multiply(record.clientPublicKey).Bytes()...)
	defer clear(ikm)

	appContext, client, server := s.Context, account.Identity, s.Identity
	if appContext == "" {
		appContext = Context
	}
	if client == nil {
		client = record.clientPublicKey.Bytes()
	}
	if server == nil {
		server = public.Bytes()
	}
	transcript := sha256.New()
	transcript.Write([]byte(labelVersion))
	transcript.Write(vector(2, []byte(appContext)))
	transcript.Write(vector(2, client))
	transcript.Write(request.raw)
	transcript.Write(vector(2, server))
	transcript.Write(ke2)
	preamble := transcript.Sum(nil)

	keys := deriveKeys(ikm, preamble)
	defer keys.clear()
	serverMAC := mac(keys.serverMAC, preamble)
	transcript.Write(serverMAC)
	return &Login{
		KE2:         append(ke2, serverMAC...),
		ExpectedKE3: mac(keys.clientMAC, transcript.Sum(nil)),
		SessionKey:  keys.session,
	}, nil
}

// VerifyKE3 tells in constant time whether ke3 is the expected one (RFC 9807,
// section 6.2.4, ServerFinish).
func VerifyKE3(expected, ke3 []byte) bool {
	return len(expected) == KE3Bytes && hmac.Equal(expected, ke3)
}

// threeDHKeys are the outputs of DeriveKeys, section 6.4.3.
type threeDHKeys struct{ serverMAC, clientMAC, session []byte }

func (k threeDHKeys) clear() { clear(k.serverMAC); clear(k.clientMAC) }

func deriveKeys(ikm, preamble []byte) threeDHKeys {
	prk, err := hkdf.Extract(sha256.New, ikm, nil)
	if err != nil {
		panic("opaque: " + err.Error())
	}
	defer clear(prk)
	handshake := deriveSecret(prk, labelHandshake, preamble)
	defer clear(handshake)
	return threeDHKeys{
		serverMAC: deriveSecret(handshake, labelServerMAC, nil),
		clientMAC: deriveSecret(handshake, labelClientMAC, nil),
		session:   deriveSecret(prk, labelSessionKey, preamble),
	}
}

// deriveSecret is Derive-Secret of section 6.4.3.
func deriveSecret(secret []byte, label string, transcriptHash []byte) []byte {
	info := []byte{0, hashBytes}
	info = append(info, vector(1, []byte(labelPrefix+label))...)
	info = append(info, vector(1, transcriptHash)...)
	return expand(secret, string(info), hashBytes)
}

func expand(key []byte, info string, n int) []byte {
	out, err := hkdf.Expand(sha256.New, key, info, n)
	if err != nil {
		panic("opaque: " + err.Error()) // lengths are constants
	}
	return out
}

func mac(key, message []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(message)
	return h.Sum(nil)
}

// vector is encode_vector of RFC 9807, section 2: the length in size bytes, then b.
func vector(size int, b []byte) []byte {
	if size == 1 {
		return append([]byte{byte(len(b))}, b...)
	}
	return append([]byte{byte(len(b) >> 8), byte(len(b))}, b...)
}
