package opaque

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/bytemare/ecc"
	"github.com/bytemare/ksf"
	"github.com/bytemare/opaque"
	"golang.org/x/crypto/argon2"
)

type memoryKeys struct{ oprf, ake *Scalar }

func (k memoryKeys) EvaluateOPRF(_ context.Context, p Point) (Point, error) {
	return k.oprf.Multiply(p), nil
}

func (k memoryKeys) EvaluateAKE(_ context.Context, p Point) (Point, error) {
	return k.ake.Multiply(p), nil
}

func (k memoryKeys) PublicKeys() (oprf, ake Point) {
	return k.oprf.MultiplyBase(), k.ake.MultiplyBase()
}

func ke2For(t *testing.T, s Server, a Account, ke1 []byte) (*Login, error) {
	t.Helper()
	request, err := ParseKE1(ke1)
	if err != nil {
		return nil, err
	}
	return s.GenerateKE2(t.Context(), a, request)
}

var plain = variant{context: Context}

// world is a server with one account, registered by our client.
type world struct {
	server    Server
	account   Account
	public    []byte
	exportKey []byte
}

var password, identity = []byte("correct horse"), bytes.Repeat([]byte{7}, 32)

func newWorld(t *testing.T, v variant) *world {
	t.Helper()
	w := &world{server: Server{Keys: memoryKeys{NewScalar(), NewScalar()}}}
	_, public := w.server.Keys.PublicKeys()
	w.public = public.Bytes()
	w.account = Account{Scalar: NewScalar(), Identity: identity}
	r, request, err := startRegistration(password, v, opaque.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	response, err := w.server.RegistrationResponse(t.Context(), w.account.Scalar, request)
	if err != nil {
		t.Fatal(err)
	}
	if w.account.Record, w.exportKey, err = r.Finish(response, identity, w.public); err != nil {
		t.Fatal(err)
	}
	return w
}

// With the real stretching: both sides agree on a session key, and the export
// key is that of the registration.
func TestLoginWithArgon2id(t *testing.T) {
	w := newWorld(t, suite)
	l, ke1, err := StartLogin(password)
	if err != nil {
		t.Fatal(err)
	}
	login, err := ke2For(t, w.server, w.account, ke1)
	if err != nil {
		t.Fatal(err)
	}
	ke3, session, exportKey, err := l.Finish(login.KE2, identity, w.public)
	if err != nil {
		t.Fatal(err)
	}
	if !VerifyKE3(login.ExpectedKE3, ke3) || !bytes.Equal(session, login.SessionKey) || !bytes.Equal(exportKey, w.exportKey) {
		t.Error("the keys differ")
	}
	// A server that was restarted answers the same KE1 again.
	again, err := ke2For(t, w.server, w.account, ke1)
	if err != nil {
		t.Fatal(err)
	}
	if ke3, _, _, err := l.Finish(again.KE2, identity, w.public); err != nil || !VerifyKE3(again.ExpectedKE3, ke3) {
		t.Errorf("another KE2: %v", err)
	}
	if _, _, _, err := l.Finish(make([]byte, KE2Bytes), identity, w.public); !errors.Is(err, ErrMessage) {
		t.Errorf("a bad KE2: %v", err)
	}
	if _, _, _, err := l.Finish(login.KE2, identity, w.public); !errors.Is(err, ErrUsed) {
		t.Errorf("after a failure: %v", err)
	}
}

// The stretching is Argon2id with the documented cost, by another implementation.
func TestStretching(t *testing.T) {
	got := ksf.Argon2id.UnsafeHarden([]byte("input"), make([]byte, argonSaltBytes), hashBytes, suite.parameters...)
	want := argon2.IDKey([]byte("input"), make([]byte, 16), 3, 64<<10, 4, 32)
	if !bytes.Equal(got, want) {
		t.Errorf("%x, not %x", got, want)
	}
}

// bytemare's client with our server: what a client of another make sees.
func TestTheirClientOurServer(t *testing.T) {
	for range 20 {
		server := Server{Keys: memoryKeys{NewScalar(), NewScalar()}}
		_, public := server.Keys.PublicKeys()
		s := NewScalar()
		theirs, err := plain.configuration().Client()
		if err != nil {
			t.Fatal(err)
		}
		request, err := theirs.RegistrationInit(password)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := server.RegistrationResponse(t.Context(), s, request.Serialize())
		if err != nil {
			t.Fatal(err)
		}
		response, err := theirs.Deserialize.RegistrationResponse(answer)
		if err != nil {
			t.Fatal(err)
		}
		record, registered, err := theirs.RegistrationFinalize(response, identity, public.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		theirs.ClearState()
		ke1, err := theirs.GenerateKE1(password)
		if err != nil {
			t.Fatal(err)
		}
		login, err := ke2For(t, server, Account{s, record.Serialize(), identity}, ke1.Serialize())
		if err != nil {
			t.Fatal(err)
		}
		ke2, err := theirs.Deserialize.KE2(login.KE2)
		if err != nil {
			t.Fatal(err)
		}
		ke3, session, exportKey, err := theirs.GenerateKE3(ke2, identity, public.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if !VerifyKE3(login.ExpectedKE3, ke3.Serialize()) || !bytes.Equal(session, login.SessionKey) || !bytes.Equal(exportKey, registered) {
			t.Fatal("the keys differ")
		}
	}
}

// Our client, in the real suite, with bytemare's server.
func TestOurClientTheirServer(t *testing.T) {
	theirs, err := suite.configuration().Server()
	if err != nil {
		t.Fatal(err)
	}
	private, public := suite.configuration().KeyGen()
	if err := theirs.SetKeyMaterial(&opaque.ServerKeyMaterial{Identity: public.Encode(), PrivateKey: private,
		PublicKeyBytes: public.Encode()}); err != nil {
		t.Fatal(err)
	}
	key := ecc.P256Sha256.NewScalar().Random()
	ours, requestBytes, err := StartRegistration(password)
	if err != nil {
		t.Fatal(err)
	}
	request, err := theirs.Deserialize.RegistrationRequest(requestBytes)
	if err != nil {
		t.Fatal(err)
	}
	response, err := theirs.RegistrationResponse(request, nil, key)
	if err != nil {
		t.Fatal(err)
	}
	upload, registered, err := ours.Finish(response.Serialize(), identity, public.Encode())
	if err != nil {
		t.Fatal(err)
	}
	record, err := theirs.Deserialize.RegistrationRecord(upload)
	if err != nil {
		t.Fatal(err)
	}
	run, ke1Bytes, err := StartLogin(password)
	if err != nil {
		t.Fatal(err)
	}
	ke1, err := theirs.Deserialize.KE1(ke1Bytes)
	if err != nil {
		t.Fatal(err)
	}
	ke2, output, err := theirs.GenerateKE2(ke1, &opaque.ClientRecord{RegistrationRecord: record, ClientIdentity: identity},
		&opaque.ServerOptions{ClientOPRFKey: key})
	if err != nil {
		t.Fatal(err)
	}
	ke3, session, exportKey, err := run.Finish(ke2.Serialize(), identity, public.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if !VerifyKE3(output.ClientMAC, ke3) || !bytes.Equal(session, output.SessionSecret) || !bytes.Equal(exportKey, registered) {
		t.Error("the keys differ")
	}
}
