package opaque

import (
	"bytes"
	"errors"
	"testing"

	"github.com/bytemare/opaque"
)

// fuzzDecoder: whatever the bytes, a decoder gives an ErrMessage or accepts
// exactly its length, and never panics; what it accepts the server can work on.
func fuzzDecoder(f *testing.F, seed []byte, length int, decode func(*testing.T, []byte) error) {
	f.Add(seed)
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0xff}, length))
	f.Add(make([]byte, length))
	f.Fuzz(func(t *testing.T, b []byte) {
		err := decode(t, b)
		if err != nil && !errors.Is(err, ErrMessage) && !errors.Is(err, ErrPassword) && !errors.Is(err, ErrServer) {
			t.Fatal(err)
		}
		if err == nil && len(b) != length {
			t.Fatalf("%d bytes were taken", len(b))
		}
	})
}

func vectorOutput(f *testing.F, name string) []byte {
	f.Helper()
	var t testing.T
	return rfcVectors(&t)[0].Outputs[name]
}

func FuzzRegistrationRequest(f *testing.F) {
	server, s := Server{Keys: memoryKeys{NewScalar(), NewScalar()}}, NewScalar()
	fuzzDecoder(f, vectorOutput(f, "registration_request"), RegistrationRequestBytes, func(t *testing.T, b []byte) error {
		_, err := server.RegistrationResponse(t.Context(), s, b)
		return err
	})
}

func FuzzRecord(f *testing.F) {
	server, s := Server{Keys: memoryKeys{NewScalar(), NewScalar()}}, NewScalar()
	ke1 := vectorOutput(f, "KE1")
	fuzzDecoder(f, vectorOutput(f, "registration_upload"), RecordBytes, func(t *testing.T, b []byte) error {
		_, err := ke2For(t, server, Account{Scalar: s, Record: b}, ke1)
		return err
	})
}

func FuzzKE1(f *testing.F) {
	server, s := Server{Keys: memoryKeys{NewScalar(), NewScalar()}}, NewScalar()
	record := vectorOutput(f, "registration_upload")
	fuzzDecoder(f, vectorOutput(f, "KE1"), KE1Bytes, func(t *testing.T, b []byte) error {
		login, err := ke2For(t, server, Account{Scalar: s, Record: record}, b)
		if err == nil && len(login.KE2) != KE2Bytes {
			return errors.New("KE2 has another length")
		}
		return err
	})
}

func FuzzKE3(f *testing.F) {
	fuzzDecoder(f, vectorOutput(f, "KE3"), KE3Bytes, func(_ *testing.T, b []byte) error { return CheckKE3(b) })
}

func FuzzRegistrationResponse(f *testing.F) {
	fuzzDecoder(f, vectorOutput(f, "registration_response"), RegistrationResponseBytes, func(t *testing.T, b []byte) error {
		r, _, err := startRegistration([]byte("pw"), plain, opaque.ClientOptions{})
		if err != nil {
			return err
		}
		_, _, err = r.Finish(b, identity, nil)
		return err
	})
}

func FuzzKE2(f *testing.F) {
	fuzzDecoder(f, vectorOutput(f, "KE2"), KE2Bytes, func(t *testing.T, b []byte) error {
		l, _, err := startLogin([]byte("pw"), plain, opaque.ClientOptions{})
		if err != nil {
			return err
		}
		_, _, _, err = l.Finish(b, identity, nil)
		if err == nil {
			return errors.New("opened without a registration")
		}
		return err
	})
}
