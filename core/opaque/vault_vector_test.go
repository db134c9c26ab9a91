package opaque

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"math/big"
	"os"
	"testing"

	"github.com/bytemare/ecc"
	"github.com/bytemare/opaque"
	"golang.org/x/crypto/argon2"
)

// vaultVector is docs/vault-vector.json: one registration and one recovery at a vault, with all that is random in it, key
// stretching included. docs/rescue/vault_client.py recomputes it too.
const vaultVectorPath = "../../docs/vault-vector.json"

var writeVaultVector = flag.Bool("opaque.vector", false, "write docs/vault-vector.json")

type vaultVectorFile struct {
	Note            string
	Inputs, Outputs map[string]string
}

func fixedBytes(label string, n int) []byte {
	sum := sha256.Sum256([]byte("holdfast vault vector " + label))
	return sum[:n]
}

func vaultDerive(ikm, salt []byte, info string) []byte {
	key, err := hkdf.Key(sha256.New, ikm, salt, info, 32)
	if err != nil {
		panic(err)
	}
	return key
}

func vaultSeal(key, nonce, plain, aad []byte) []byte {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return gcm.Seal(bytes.Clone(nonce), nonce, plain, aad)
}

// randomizedPassword is the client's finalize of RFC 9497, section 3.3.1, stretched (RFC 9807, section 6.3.2.3).
func randomizedPassword(t *testing.T, password []byte, r *Scalar, evaluated []byte) []byte {
	t.Helper()
	inverse := new(Scalar)
	new(big.Int).ModInverse(new(big.Int).SetBytes(r[:]), new(big.Int).SetBytes(order[:])).FillBytes(inverse[:])
	p, err := ParsePoint(evaluated)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	h.Write(vector(2, password))
	h.Write(vector(2, inverse.Multiply(p).Bytes()))
	h.Write([]byte("Finalize"))
	output := h.Sum(nil)
	rp, err := hkdf.Extract(sha256.New, append(output, argon2.IDKey(output, make([]byte, 16), 3, 64*1024, 4, 32)...), nil)
	if err != nil {
		t.Fatal(err)
	}
	return rp
}

func makeVaultVector(t *testing.T) vaultVectorFile {
	t.Helper()
	in := map[string][]byte{"password": []byte("Gr\u00fc\u00dfe aus K\u00f6ln"), "version": binary.BigEndian.AppendUint64(nil, 1234567890123)}
	for _, name := range []string{"k_oprf", "k_ake", "s", "account", "backup_key", "blind_registration", "envelope_nonce", "blind_recovery",
		"client_nonce",
		"client_keyshare_seed", "masking_nonce", "server_nonce", "server_keyshare"} {
		in[name] = fixedBytes(name, 32)
	}
	in["sealed_key_nonce"], in["release_nonce"] = fixedBytes("sealed_key_nonce", 12), fixedBytes("release_nonce", 12)
	in["ticket"] = append(append(fixedBytes("ticket 1", 32), fixedBytes("ticket 2", 32)...), fixedBytes("ticket 3", 12)...)
	scalar := func(name string) *Scalar {
		s, err := ParseScalar(in[name])
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	blind := func(name string) *ecc.Scalar {
		s := ecc.P256Sha256.NewScalar()
		if err := s.Decode(in[name]); err != nil {
			t.Fatal(err)
		}
		return s
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	account, public := in["account"], scalar("k_ake").MultiplyBase().Bytes()
	server := Server{Keys: memoryKeys{scalar("k_oprf"), scalar("k_ake")}}
	out := map[string][]byte{"public_key": public}

	registration, request, err := startRegistration(in["password"], suite, opaque.ClientOptions{OPRFBlind: blind("blind_registration")})
	must(err)
	response, err := server.RegistrationResponse(t.Context(), scalar("s"), request)
	must(err)
	record, exportKey, err := registration.finish(response, account, public,
		opaque.ClientOptions{RegistrationEnvelopeNonce: in["envelope_nonce"]})
	must(err)
	out["registration_request"], out["registration_response"], out["record"], out["export_key"] = request, response, record, exportKey

	out["randomized_password"] = randomizedPassword(t, in["password"], scalar("blind_registration"), response[:PointBytes])
	if !bytes.Equal(expand(out["randomized_password"], "MaskingKey", 32), record[PointBytes:PointBytes+32]) {
		t.Fatal("the record was not made from the randomized password")
	}
	aad := append(append([]byte("holdfast vault sealed-key v1"), account...), public...)
	out["sealed_key"] = vaultSeal(vaultDerive(exportKey, nil, "holdfast vault sealed-key v1"), in["sealed_key_nonce"], in["backup_key"], aad)
	out["management_seed"] = vaultDerive(in["backup_key"], append(bytes.Clone(public), account...), "holdfast backupkey vault-account v1")
	out["management_seed_of_the_first_version"] = vaultDerive(in["backup_key"], nil, "holdfast backupkey vault-management v1")
	management := ed25519.NewKeyFromSeed(out["management_seed"])
	out["management_key"] = management.Public().(ed25519.PublicKey)
	ticket, sealed := sha256.Sum256(in["ticket"]), sha256.Sum256(out["sealed_key"])
	message := append(append(append([]byte("holdfast vault registration v1"), public...), account...), ticket[:]...)
	message = append(append(append(message, record...), sealed[:]...), out["management_key"]...)
	out["registration_signature"] = ed25519.Sign(management, message)
	out["deletion_signature"] = ed25519.Sign(management,
		append(append(append([]byte("holdfast vault deletion v1"), public...), account...), in["version"]...))

	login, ke1, err := startLogin(in["password"], suite, opaque.ClientOptions{OPRFBlind: blind("blind_recovery"),
		AKE: &opaque.AKEOptions{SecretKeyShareSeed: in["client_keyshare_seed"], Nonce: in["client_nonce"]}})
	must(err)
	fresh := randomness{secret: scalar("server_keyshare")}
	copy(fresh.maskingNonce[:], in["masking_nonce"])
	copy(fresh.nonce[:], in["server_nonce"])
	parsed, err := ParseKE1(ke1)
	must(err)
	answer, err := server.generateKE2(t.Context(), Account{scalar("s"), record, account}, parsed, &fresh)
	must(err)
	ke3, session, again, err := login.Finish(answer.KE2, account, public)
	must(err)
	if !bytes.Equal(ke3, answer.ExpectedKE3) || !bytes.Equal(session, answer.SessionKey) || !bytes.Equal(again, exportKey) {
		t.Fatal("client and server do not agree")
	}
	start := sha256.Sum256(ke1)
	out["ke1"], out["start"], out["ke2"], out["ke3"], out["session_key"] = ke1, start[:], answer.KE2, ke3, session
	out["released"] = vaultSeal(vaultDerive(session, nil, "holdfast vault release v1"), in["release_nonce"], out["sealed_key"], account)

	v := vaultVectorFile{Note: "One registration and one recovery; see docs/vault-protocol.md, chapter 9. All values are hexadecimal, numbers big endian.",
		Inputs: map[string]string{}, Outputs: map[string]string{}}
	for name, b := range in {
		v.Inputs[name] = hex.EncodeToString(b)
	}
	for name, b := range out {
		v.Outputs[name] = hex.EncodeToString(b)
	}
	return v
}

func TestVaultVector(t *testing.T) {
	got := makeVaultVector(t)
	if *writeVaultVector {
		text, err := json.MarshalIndent(map[string]any{"note": got.Note, "inputs": got.Inputs, "outputs": got.Outputs}, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(vaultVectorPath, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(vaultVectorPath)
	if err != nil {
		t.Fatal(err)
	}
	var file vaultVectorFile
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for what, pair := range map[string][2]map[string]string{"input": {file.Inputs, got.Inputs}, "output": {file.Outputs, got.Outputs}} {
		for name, value := range pair[1] {
			if pair[0][name] != value {
				t.Errorf("%s %s is %s, and it must be %s", what, name, pair[0][name], value)
			}
		}
	}
}
