// Tamper tests: what an attacker on the way, or a server that lies, can change.
//
// Covered here, each byte of each message:
//   - registration response changed: the registration ends with an error, or in a
//     record that does not open with the true server (never in a wrong key taken for right)
//   - record changed at rest: KE2 does not open, or is refused
//   - KE1 changed on the way: no session key is shared, no KE3 fits
//   - KE2 changed on the way: ErrPassword, ErrServer or ErrMessage, never a key
//   - KE3 changed: VerifyKE3 says no
//   - wrong password, wrong client identity, wrong server identity, another server, another s
//   - points: off the curve, identity, wrong form, x not below p; scalars 0, n, above
//   - lengths: each message one byte short, one byte long, empty
//
// Elsewhere: guesses, replays and stores (vault), faulty HSMs (vault/hsm).
package opaque

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/bytemare/opaque"
)

func (w *world) login(t *testing.T, password, clientIdentity, server []byte, change func(ke1, ke2 []byte)) (*Login, []byte, []byte, error) {
	t.Helper()
	l, ke1, err := startLogin(password, plain, opaque.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Clear()
	change(ke1, nil)
	login, err := ke2For(t, w.server, w.account, ke1)
	if err != nil {
		return nil, nil, nil, err
	}
	change(nil, login.KE2)
	ke3, session, exportKey, err := l.Finish(login.KE2, clientIdentity, server)
	if err == nil && !VerifyKE3(login.ExpectedKE3, ke3) {
		err = errNoProof
	}
	if err == nil && !bytes.Equal(exportKey, w.exportKey) {
		t.Fatal("another export key was taken for right")
	}
	return login, ke3, session, err
}

var errNoProof = errors.New("KE3 is not the expected one")

func nothing(_, _ []byte) {}

func TestTamperedKE1AndKE2(t *testing.T) {
	w := newWorld(t, plain)
	if _, _, _, err := w.login(t, password, identity, w.public, nothing); err != nil {
		t.Fatal(err)
	}
	for i := range KE1Bytes {
		_, _, _, err := w.login(t, password, identity, w.public, func(ke1, _ []byte) {
			if ke1 != nil {
				ke1[i] ^= 1
			}
		})
		if err == nil {
			t.Errorf("KE1 byte %d was changed and the login went on", i)
		}
	}
	for i := range KE2Bytes {
		_, _, _, err := w.login(t, password, identity, w.public, func(_, ke2 []byte) {
			if ke2 != nil {
				ke2[i] ^= 1
			}
		})
		if !errors.Is(err, ErrPassword) && !errors.Is(err, ErrServer) && !errors.Is(err, ErrMessage) {
			t.Errorf("KE2 byte %d: %v", i, err)
		}
		if i >= KE2Bytes-hashBytes && !errors.Is(err, ErrServer) {
			t.Errorf("the server's MAC, byte %d: %v", i, err)
		}
	}
}

func TestTamperedKE3(t *testing.T) {
	w := newWorld(t, plain)
	login, ke3, _, err := w.login(t, password, identity, w.public, nothing)
	if err != nil {
		t.Fatal(err)
	}
	for i := range ke3 {
		bad := bytes.Clone(ke3)
		bad[i] ^= 0x80
		if VerifyKE3(login.ExpectedKE3, bad) {
			t.Errorf("byte %d", i)
		}
	}
	if VerifyKE3(nil, nil) || VerifyKE3(login.ExpectedKE3, nil) || VerifyKE3(nil, ke3) || VerifyKE3([]byte{}, []byte{}) {
		t.Error("an empty MAC fits")
	}
}

func TestTamperedRecord(t *testing.T) {
	w := newWorld(t, plain)
	record := w.account.Record
	for i := range record {
		w.account.Record = bytes.Clone(record)
		w.account.Record[i] ^= 1
		if _, _, _, err := w.login(t, password, identity, w.public, nothing); err == nil {
			t.Errorf("byte %d of the record was changed and the login went on", i)
		}
	}
}

func TestTamperedRegistrationResponse(t *testing.T) {
	w := newWorld(t, plain)
	for i := range RegistrationResponseBytes {
		r, request, err := startRegistration(password, plain, opaque.ClientOptions{})
		if err != nil {
			t.Fatal(err)
		}
		response, err := w.server.RegistrationResponse(t.Context(), w.account.Scalar, request)
		if err != nil {
			t.Fatal(err)
		}
		response[i] ^= 1
		record, _, err := r.Finish(response, identity, w.public)
		if err != nil {
			continue
		}
		w.account.Record = record
		if _, _, _, err := w.login(t, password, identity, w.public, nothing); !errors.Is(err, ErrPassword) {
			t.Errorf("byte %d: %v", i, err)
		}
	}
}

func TestWrongInputs(t *testing.T) {
	w, other := newWorld(t, plain), newWorld(t, plain)
	fails := func(what string, err error, kind error) {
		t.Helper()
		if !errors.Is(err, kind) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, _, _, err := w.login(t, []byte("correct horsf"), identity, w.public, nothing)
	fails("wrong password", err, ErrPassword)
	_, _, err = StartLogin(nil)
	fails("no password", err, ErrNoPassword)
	_, _, err = StartRegistration([]byte{})
	fails("no password", err, ErrNoPassword)
	_, _, _, err = w.login(t, password, bytes.Repeat([]byte{8}, 32), w.public, nothing)
	fails("another account", err, ErrPassword)
	_, _, _, err = w.login(t, password, identity, other.public, nothing)
	fails("another server's identity", err, ErrPassword)
	w.account.Scalar = NewScalar()
	_, _, _, err = w.login(t, password, identity, w.public, nothing)
	fails("another s", err, ErrPassword)

	r, request, err := startRegistration(password, plain, opaque.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	response, err := other.server.RegistrationResponse(t.Context(), NewScalar(), request)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = r.Finish(response, identity, w.public)
	fails("registration with a swapped server", err, ErrServer)
}

func TestPointsAndScalars(t *testing.T) {
	g := Generator()
	negative := bytes.Clone(g.Bytes())
	negative[0] ^= 1
	minusG, err := ParsePoint(negative)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Add(minusG); !errors.Is(err, ErrMessage) {
		t.Errorf("G-G: %v", err)
	}
	p256 := "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"
	for _, bad := range []string{"", "00", "02", "02" + p256, "03" + p256, "02" + "00", "05" + hex.EncodeToString(g.X()),
		"02" + hex.EncodeToString(bytes.Repeat([]byte{0xff}, 32)),
		"020000000000000000000000000000000000000000000000000000000000000001", // x=1 has no y
		hex.EncodeToString(make([]byte, 33)), hex.EncodeToString(make([]byte, 65)),
		"04" + hex.EncodeToString(g.X()) + hex.EncodeToString(g.X()), hex.EncodeToString(g.Bytes()) + "00"} {
		b, err := hex.DecodeString(bad)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParsePoint(b); !errors.Is(err, ErrMessage) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if p, err := ParsePoint(g.Uncompressed()); err != nil || !p.Equal(g) {
		t.Errorf("uncompressed: %v", err)
	}
	above := order
	above[31]++
	for _, bad := range [][]byte{nil, make([]byte, 31), make([]byte, 32), order[:], above[:], bytes.Repeat([]byte{0xff}, 32),
		make([]byte, 33)} {
		if _, err := ParseScalar(bad); !errors.Is(err, ErrScalar) {
			t.Errorf("scalar %x: %v", bad, err)
		}
	}
	below := order
	below[31]--
	one := make([]byte, 32)
	one[31] = 1
	for _, good := range [][]byte{below[:], one} {
		if _, err := ParseScalar(good); err != nil {
			t.Errorf("scalar %x: %v", good, err)
		}
	}
	if s, _ := ParseScalar(below[:]); !s.MultiplyBase().Equal(minusG) {
		t.Error("(n-1)·G is not -G")
	}
}

func TestLengths(t *testing.T) {
	w := newWorld(t, plain)
	l, ke1, err := startLogin(password, plain, opaque.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	login, err := ke2For(t, w.server, w.account, ke1)
	if err != nil {
		t.Fatal(err)
	}
	r, request, err := startRegistration(password, plain, opaque.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	response, err := w.server.RegistrationResponse(t.Context(), w.account.Scalar, request)
	if err != nil {
		t.Fatal(err)
	}
	for what, m := range map[string]struct {
		good  []byte
		check func([]byte) error
	}{
		"registration request": {request, CheckRegistrationRequest},
		"record":               {w.account.Record, CheckRecord},
		"KE1":                  {ke1, func(b []byte) error { _, err := ParseKE1(b); return err }},
		"KE3":                  {login.ExpectedKE3, CheckKE3},
		"KE2":                  {login.KE2, func(b []byte) error { _, err := l.client.Deserialize.KE2(b); return messageError(err) }},
		"registration response": {response, func(b []byte) error {
			_, err := r.client.Deserialize.RegistrationResponse(b)
			return messageError(err)
		}},
	} {
		if err := m.check(m.good); err != nil {
			t.Errorf("a good %s: %v", what, err)
		}
		for _, bad := range [][]byte{nil, m.good[1:], m.good[:len(m.good)-1], append(bytes.Clone(m.good), 0), make([]byte, len(m.good))} {
			if err := m.check(bad); !errors.Is(err, ErrMessage) {
				t.Errorf("a %s of %d bytes: %v", what, len(bad), err)
			}
		}
	}
}

func messageError(err error) error {
	if err != nil {
		return errors.Join(ErrMessage, err)
	}
	return nil
}
