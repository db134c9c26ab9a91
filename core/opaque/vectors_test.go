package opaque

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"testing"

	"github.com/bytemare/ecc"
	"github.com/bytemare/opaque"
)

type hexBytes []byte

func (h *hexBytes) UnmarshalText(b []byte) error {
	*h = make([]byte, hex.DecodedLen(len(b)))
	_, err := hex.Decode(*h, b)
	return err
}

type rfcVector struct {
	Section                        string
	Context                        hexBytes
	Inputs, Intermediates, Outputs map[string]hexBytes
}

func rfcVectors(t *testing.T) []rfcVector {
	t.Helper()
	text, err := os.ReadFile("testdata/rfc9807.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []rfcVector }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) != 3 {
		t.Fatalf("%d vectors", len(file.Vectors))
	}
	return file.Vectors
}

// derive is DeriveKeyPair of RFC 9497, section 3.2.1, the first counter.
func derive(seed, info []byte) *Scalar {
	input := append(append(bytes.Clone(seed), vector(2, info)...), 0)
	return (*Scalar)(ecc.P256Sha256.HashToScalar(input, []byte("DeriveKeyPairOPRFV1-\x00-P256-SHA256")).Encode())
}

// oprfKey derives the key of a client as section 5.2.2 of the RFC does.
func oprfKey(in map[string]hexBytes) *Scalar {
	seed := expand(in["oprf_seed"], string(in["credential_identifier"])+"OprfKey", 32)
	return derive(seed, []byte("OPAQUE-DeriveKeyPair"))
}

// split finds k for a random s, so that s·k is the key.
func split(key *Scalar) (s, k *Scalar) {
	n := new(big.Int).SetBytes(order[:])
	s = NewScalar()
	inverse := new(big.Int).ModInverse(new(big.Int).SetBytes(s[:]), n)
	product := inverse.Mul(inverse, new(big.Int).SetBytes(key[:]))
	k = new(Scalar)
	product.Mod(product, n).FillBytes(k[:])
	return s, k
}

func want(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s is %x, the RFC has %x", what, got, want)
	}
}

// The server half answers as the RFC's does, whatever way the OPRF key is
// split between account and HSM.
func TestServerVectors(t *testing.T) {
	for _, v := range rfcVectors(t) {
		t.Run(v.Section, func(t *testing.T) {
			key := oprfKey(v.Inputs)
			if known := v.Intermediates["oprf_key"]; known != nil {
				want(t, "oprf_key", key[:], known)
			}
			private, err := ParseScalar(v.Inputs["server_private_key"])
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				s, k := split(key)
				server := Server{Keys: memoryKeys{k, private}, Context: string(v.Context), Identity: v.Inputs["server_identity"]}
				record := []byte(v.Outputs["registration_upload"])
				ke1 := v.Outputs["KE1"]
				if record == nil { // the fake record, section 10.9
					record = append(append(bytes.Clone(v.Inputs["client_public_key"]), v.Inputs["masking_key"]...), make([]byte, envelopeBytes)...)
					ke1 = v.Inputs["KE1"]
				} else {
					response, err := server.RegistrationResponse(t.Context(), s, v.Outputs["registration_request"])
					if err != nil {
						t.Fatal(err)
					}
					want(t, "registration_response", response, v.Outputs["registration_response"])
				}
				fresh := randomness{secret: derive(v.Inputs["server_keyshare_seed"], []byte(labelDeriveDHKeyPair))}
				copy(fresh.maskingNonce[:], v.Inputs["masking_nonce"])
				copy(fresh.nonce[:], v.Inputs["server_nonce"])
				parsed, err := ParseKE1(ke1)
				if err != nil {
					t.Fatal(err)
				}
				login, err := server.generateKE2(t.Context(), Account{s, record, v.Inputs["client_identity"]}, parsed, &fresh)
				if err != nil {
					t.Fatal(err)
				}
				want(t, "KE2", login.KE2, v.Outputs["KE2"])
				if v.Outputs["KE3"] != nil {
					want(t, "KE3", login.ExpectedKE3, v.Outputs["KE3"])
					want(t, "session_key", login.SessionKey, v.Outputs["session_key"])
				}
			}
		})
	}
}

func TestClientVectors(t *testing.T) {
	for _, v := range rfcVectors(t) {
		if v.Inputs["password"] == nil {
			continue // the fake record has no client
		}
		t.Run(v.Section, func(t *testing.T) {
			blind := func(name string) *ecc.Scalar {
				s := ecc.P256Sha256.NewScalar()
				if err := s.Decode(v.Inputs[name]); err != nil {
					t.Fatal(err)
				}
				return s
			}
			plain := variant{context: string(v.Context)}
			registration, request, err := startRegistration(v.Inputs["password"], plain,
				opaque.ClientOptions{OPRFBlind: blind("blind_registration")})
			if err != nil {
				t.Fatal(err)
			}
			want(t, "registration_request", request, v.Outputs["registration_request"])
			record, exportKey, err := registration.finish(v.Outputs["registration_response"], v.Inputs["client_identity"],
				v.Inputs["server_identity"],
				opaque.ClientOptions{RegistrationEnvelopeNonce: v.Inputs["envelope_nonce"]})
			if err != nil {
				t.Fatal(err)
			}
			want(t, "registration_upload", record, v.Outputs["registration_upload"])
			want(t, "export_key", exportKey, v.Outputs["export_key"])

			login, ke1, err := startLogin(v.Inputs["password"], plain, opaque.ClientOptions{OPRFBlind: blind("blind_login"),
				AKE: &opaque.AKEOptions{SecretKeyShareSeed: v.Inputs["client_keyshare_seed"], Nonce: v.Inputs["client_nonce"]}})
			if err != nil {
				t.Fatal(err)
			}
			want(t, "KE1", ke1, v.Outputs["KE1"])
			ke3, session, exportKey, err := login.Finish(v.Outputs["KE2"], v.Inputs["client_identity"], v.Inputs["server_identity"])
			if err != nil {
				t.Fatal(err)
			}
			want(t, "KE3", ke3, v.Outputs["KE3"])
			want(t, "session_key", session, v.Outputs["session_key"])
			want(t, "export_key", exportKey, v.Outputs["export_key"])
		})
	}
}
