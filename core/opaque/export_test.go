package opaque

import "context"

// What the vectors of shared passwords fix, which is random otherwise.

func BlindWith(input []byte, r *Scalar) (*Blinding, []byte, error) { return blindWith(input, r) }

func NewRecordWith(randomized, nonce, clientIdentity, server []byte) (record, exportKey []byte) {
	return newRecord(randomized, nonce, clientIdentity, server)
}

func StartKeyedLoginWith(input []byte, blind *Scalar, nonce, seed []byte) (*KeyedLogin, []byte, error) {
	share, _ := deriveKeyPair(seed)
	return startKeyedLogin(input, blind, nonce, share)
}

func (s Server) GenerateKE2With(ctx context.Context, a Account, request KE1, maskingNonce, nonce []byte, share *Scalar) (*Login, error) {
	fresh := randomness{secret: share}
	copy(fresh.maskingNonce[:], maskingNonce)
	copy(fresh.nonce[:], nonce)
	return s.generateKE2(ctx, a, request, &fresh)
}
