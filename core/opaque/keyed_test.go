package opaque

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/bytemare/ecc"
	"github.com/bytemare/opaque"
)

// The client's OPRF passes RFC 9497's vectors for P256-SHA256 in mode 0 (A.3.1).
func TestOPRFVectors(t *testing.T) {
	key := unhex(t, "159749d750713afe245d2d39ccfaae8381c53ce92d098a9375ee70739c7ac0bf")
	k, err := ParseScalar(key)
	if err != nil {
		t.Fatal(err)
	}
	r, err := ParseScalar(unhex(t, "3338fa65ec36e0290022b48eb562889d89dbfa691d1cde91517fa222ed7ad364"))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []struct{ input, blinded, evaluated, output string }{
		{"00", "03723a1e5c09b8b9c18d1dcbca29e8007e95f14f4732d9346d490ffc195110368d",
			"030de02ffec47a1fd53efcdd1c6faf5bdc270912b8749e783c7ca75bb412958832",
			"a0b34de5fa4c5b6da07e72af73cc507cceeb48981b97b7285fc375345fe495dd"},
		{"5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a", "03cc1df781f1c2240a64d1c297b3f3d16262ef5d4cf102734882675c26231b0838",
			"03a0395fe3828f2476ffcd1f4fe540e5a8489322d398be3c4e5a869db7fcb7c52c",
			"c748ca6dd327f0ce85f4ae3a8cd6d4d5390bbb804c9e12dcf94f853fece3dcce"},
	} {
		one := *r
		b, blinded, err := blindWith(unhex(t, v.input), &one)
		if err != nil || hex.EncodeToString(blinded) != v.blinded {
			t.Fatalf("blinded %x %v", blinded, err)
		}
		p, err := ParsePoint(blinded)
		if err != nil {
			t.Fatal(err)
		}
		evaluated := k.Multiply(p).Bytes()
		if hex.EncodeToString(evaluated) != v.evaluated {
			t.Errorf("evaluated %x", evaluated)
		}
		if out, err := b.Finalize(evaluated); err != nil || hex.EncodeToString(out) != v.output {
			t.Errorf("output %x %v", out, err)
		}
		b.Clear()
		if _, err := b.Finalize(evaluated); !errors.Is(err, ErrUsed) {
			t.Errorf("after Clear: %v", err)
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Given the randomized password that bytemare's client derives, the keyed half makes the same record, the same KE1 and the same KE3.
func TestKeyedIsTheSameProtocol(t *testing.T) {
	scalar := func(name string) *Scalar {
		s, err := ParseScalar(fixedBytes(name, 32))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	blind := func() *ecc.Scalar {
		s := ecc.P256Sha256.NewScalar()
		if err := s.Decode(fixedBytes("blind", 32)); err != nil {
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
	password, account := []byte("correct horse"), fixedBytes("account", 32)
	keys := memoryKeys{scalar("k_oprf"), scalar("k_ake")}
	server, public := Server{Keys: keys}, scalar("k_ake").MultiplyBase().Bytes()

	theirs, request, err := startRegistration(password, suite, opaque.ClientOptions{OPRFBlind: blind()})
	must(err)
	response, err := server.RegistrationResponse(t.Context(), scalar("s"), request)
	must(err)
	nonce := fixedBytes("envelope_nonce", 32)
	record, exportKey, err := theirs.finish(response, account, public, opaque.ClientOptions{RegistrationEnvelopeNonce: nonce})
	must(err)
	randomized := randomizedPassword(t, password, scalar("blind"), response[:PointBytes])
	ours, oursExport := newRecord(randomized, nonce, account, public)
	if !bytes.Equal(ours, record) || !bytes.Equal(oursExport, exportKey) {
		t.Fatal("another record")
	}

	seed := fixedBytes("client_keyshare_seed", 32)
	_, ke1, err := startLogin(password, suite, opaque.ClientOptions{OPRFBlind: blind(),
		AKE: &opaque.AKEOptions{SecretKeyShareSeed: seed, Nonce: fixedBytes("client_nonce", 32)}})
	must(err)
	share, _ := deriveKeyPair(seed)
	run, oursKE1, err := startKeyedLogin(password, scalar("blind"), fixedBytes("client_nonce", 32), share)
	must(err)
	defer run.Clear()
	if !bytes.Equal(oursKE1, ke1) {
		t.Fatal("another KE1")
	}
	parsed, err := ParseKE1(ke1)
	must(err)
	answer, err := server.GenerateKE2(t.Context(), Account{scalar("s"), record, account}, parsed)
	must(err)
	ke3, session, export, err := run.Finish(randomized, answer.KE2, account, public)
	if err != nil || !VerifyKE3(answer.ExpectedKE3, ke3) || !bytes.Equal(session, answer.SessionKey) || !bytes.Equal(export, exportKey) {
		t.Fatalf("the login: %v", err)
	}
	refused(t, run, randomized, answer.KE2, account, public)
}

// refused holds what a keyed login says of an altered answer, byte by byte.
func refused(t *testing.T, run *KeyedLogin, randomized, ke2, account, public []byte) {
	t.Helper()
	for i := range ke2 {
		bad := bytes.Clone(ke2)
		bad[i] ^= 1
		_, _, _, err := run.Finish(randomized, bad, account, public)
		want := []error{ErrServer, ErrMessage}
		if i >= PointBytes && i < credentialResponseBytes {
			want = []error{ErrPassword}
		}
		if !errors.Is(err, want[0]) && !errors.Is(err, want[len(want)-1]) {
			t.Errorf("byte %d: %v", i, err)
		}
	}
	other := append([]byte{}, randomized...)
	other[0] ^= 1
	if _, _, _, err := run.Finish(other, ke2, account, public); !errors.Is(err, ErrPassword) {
		t.Errorf("another randomized password: %v", err)
	}
	for _, n := range []int{0, KE2Bytes - 1, KE2Bytes + 1} {
		if _, _, _, err := run.Finish(randomized, make([]byte, n), account, public); !errors.Is(err, ErrMessage) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	run.Clear()
	if _, _, _, err := run.Finish(randomized, ke2, account, public); !errors.Is(err, ErrUsed) {
		t.Errorf("after Clear: %v", err)
	}
}
