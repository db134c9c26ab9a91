package hsm_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/holdfast-backup/holdfast/core/opaque"
	"github.com/holdfast-backup/holdfast/vault/hsm"
	"github.com/holdfast-backup/holdfast/vault/hsm/hsmtest"
)

// onEach runs f on each make of token that everything here must hold on.
func onEach(t *testing.T, f func(t *testing.T, uri *hsm.URI)) {
	t.Helper()
	t.Run("softhsm", func(t *testing.T) {
		f(t, hsmtest.SoftHSM(t, "vault"))
		if n := hsm.OpenModules(); n != 0 {
			t.Errorf("%d modules were left open", n)
		}
	})
	t.Run("nss", func(t *testing.T) { hsmtest.Alone(t, func(t *testing.T) { f(t, hsmtest.NSS(t)) }) })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, what string, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s: %v, not %v", what, err, kind)
	}
}

func open(t *testing.T, p hsm.Params) *hsm.HSM {
	t.Helper()
	h, err := hsm.Open(t.Context(), p)
	must(t, err)
	return h
}

// The token's answers are those of the scalar behind the public key: without
// knowing the scalar, k·(r·G) = r·(k·G) tells.
func TestEvaluate(t *testing.T) {
	onEach(t, func(t *testing.T, uri *hsm.URI) {
		must(t, hsm.Init(t.Context(), hsm.Params{URI: uri}))
		h := open(t, hsm.Params{URI: uri, Sessions: 4})
		defer h.Close()
		oprf, ake := h.PublicKeys()
		if oprf.Equal(ake) {
			t.Fatal("one key for two purposes")
		}
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for range 15 {
					r := opaque.NewScalar()
					p := r.MultiplyBase()
					if q, err := h.EvaluateOPRF(t.Context(), p); err != nil || !q.Equal(r.Multiply(oprf)) {
						t.Errorf("OPRF: %v", err)
					}
					if q, err := h.EvaluateAKE(t.Context(), p); err != nil || !q.Equal(r.Multiply(ake)) {
						t.Errorf("AKE: %v", err)
					}
				}
			})
		}
		group.Wait()
		if q, err := h.EvaluateOPRF(t.Context(), opaque.Generator()); err != nil || !q.Equal(oprf) {
			t.Errorf("k·G: %v", err)
		}
		minus := opaque.Generator().Bytes()
		minus[0] ^= 1
		p, err := opaque.ParsePoint(minus)
		must(t, err)
		_, err = h.EvaluateOPRF(t.Context(), p)
		wantErr(t, "-G", err, hsm.ErrPoint)
		_, err = h.EvaluateOPRF(t.Context(), opaque.Point{})
		wantErr(t, "no point", err, hsm.ErrPoint)
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = h.EvaluateOPRF(cancelled, opaque.Generator())
		wantErr(t, "cancelled", err, context.Canceled)
	})
}

func TestInitRefusesToOverwrite(t *testing.T) {
	onEach(t, func(t *testing.T, uri *hsm.URI) {
		_, err := hsm.Open(t.Context(), hsm.Params{URI: uri})
		wantErr(t, "open before init", err, hsm.ErrNoKeys)
		must(t, hsm.Init(t.Context(), hsm.Params{URI: uri}))
		h := open(t, hsm.Params{URI: uri})
		before, _ := h.PublicKeys()
		h.Close()
		wantErr(t, "init again", hsm.Init(t.Context(), hsm.Params{URI: uri}), hsm.ErrExists)
		h = open(t, hsm.Params{URI: uri})
		defer h.Close()
		if after, _ := h.PublicKeys(); !after.Equal(before) {
			t.Error("the key was replaced")
		}
		other := *uri
		other.Object = "second"
		must(t, hsm.Init(t.Context(), hsm.Params{URI: &other}))
		second := open(t, hsm.Params{URI: &other})
		defer second.Close()
		if p, _ := second.PublicKeys(); p.Equal(before) {
			t.Error("two vaults on one token share a key")
		}
	})
}

func TestStorageKeysAndAnchor(t *testing.T) {
	onEach(t, func(t *testing.T, uri *hsm.URI) {
		must(t, hsm.Init(t.Context(), hsm.Params{URI: uri}))
		h := open(t, hsm.Params{URI: uri})
		point := opaque.NewScalar().MultiplyBase()
		all, err := h.Storages(t.Context())
		if err != nil || len(all) != 1 || all[0] != (hsm.Storage{Generation: 1}) {
			t.Fatalf("%+v %v", all, err)
		}
		first, err := h.StorageSecret(t.Context(), 1, point)
		must(t, err)
		shows := func(want ...string) {
			t.Helper()
			if got, err := h.Anchors(t.Context()); err != nil || !slices.Equal(got[:], want) {
				t.Errorf("%q %v", got, err)
			}
		}
		shows("", "")
		anchor := strings.Repeat("aB3-_zZ9", 5)
		for range 3 {
			must(t, h.SetAnchor(t.Context(), 1, anchor))
		}
		shows("", anchor)
		must(t, h.SetAnchor(t.Context(), 0, "another"))
		must(t, h.MakeStorage(t.Context(), 2))
		wantErr(t, "make again", h.MakeStorage(t.Context(), 2), hsm.ErrExists)
		h.Close()

		h = open(t, hsm.Params{URI: uri}) // all of it is on the token
		defer h.Close()
		all, err = h.Storages(t.Context())
		if err != nil || len(all) != 2 || all[0] != (hsm.Storage{Generation: 1}) || all[1] != (hsm.Storage{Generation: 2}) {
			t.Fatalf("%+v %v", all, err)
		}
		shows("another", anchor)
		again, err := h.StorageSecret(t.Context(), 1, point)
		must(t, err)
		second, err := h.StorageSecret(t.Context(), 2, point)
		must(t, err)
		if !bytes.Equal(first, again) || bytes.Equal(first, second) {
			t.Error("secrets are mixed up")
		}
		must(t, h.DestroyStorage(t.Context(), 1))
		must(t, h.DestroyStorage(t.Context(), 1))
		_, err = h.StorageSecret(t.Context(), 1, point)
		wantErr(t, "destroyed", err, hsm.ErrGeneration)
		shows("another", anchor)
		if all, err = h.Storages(t.Context()); err != nil || len(all) != 1 {
			t.Errorf("%+v %v", all, err)
		}
	})
}

func TestPINs(t *testing.T) {
	onEach(t, func(t *testing.T, uri *hsm.URI) {
		must(t, hsm.Init(t.Context(), hsm.Params{URI: uri}))
		bare, err := hsm.ParseURI(uri.String())
		must(t, err)
		_, err = hsm.Open(t.Context(), hsm.Params{URI: bare})
		wantErr(t, "no PIN", err, hsm.ErrNoPIN)
		asked := 0
		ask := func(context.Context) ([]byte, error) { asked++; return []byte(hsmtest.PIN), nil }
		open(t, hsm.Params{URI: bare, PIN: ask}).Close()
		if asked != 1 {
			t.Errorf("asked %d times", asked)
		}
		wrong := func(context.Context) ([]byte, error) { return []byte("planted-wrong-pin"), nil }
		_, err = hsm.Open(t.Context(), hsm.Params{URI: bare, PIN: wrong})
		wantErr(t, "wrong PIN", err, hsm.ErrPIN)
		if strings.Contains(err.Error(), "planted") {
			t.Error("the error shows the PIN")
		}
		value, err := hsm.ParseURI(uri.String() + "&pin-value=" + hsmtest.PIN)
		must(t, err)
		open(t, hsm.Params{URI: value}).Close()
	})
}

func TestProbe(t *testing.T) {
	onEach(t, func(t *testing.T, uri *hsm.URI) {
		r, err := hsm.Probe(t.Context(), hsm.Params{URI: uri})
		must(t, err)
		if len(r.Lacks) != 0 || r.Keys {
			t.Errorf("%+v", r)
		}
		if soft := strings.Contains(r.Manufacturer, "SoftHSM"); soft != r.DataObjects {
			t.Errorf("%s: data objects %v", r.Manufacturer, r.DataObjects)
		}
		must(t, hsm.Init(t.Context(), hsm.Params{URI: uri})) // the probe left nothing
		if r, err = hsm.Probe(t.Context(), hsm.Params{URI: uri}); err != nil || !r.Keys {
			t.Errorf("%+v %v", r, err)
		}
	})
}

func TestObjects(t *testing.T) {
	uri := hsmtest.SoftHSM(t, "vault")
	must(t, hsm.Init(t.Context(), hsm.Params{URI: uri}))
	h := open(t, hsm.Params{URI: uri})
	defer h.Close()
	big := bytes.Repeat([]byte("record"), 5000)
	must(t, h.PutObject(t.Context(), hsm.Object{Label: "1", Value: []byte("old")}))
	must(t, h.PutObject(t.Context(), hsm.Object{Label: "1", Value: big}))
	must(t, h.PutObject(t.Context(), hsm.Object{Label: "2", Value: []byte("x")}))
	must(t, h.DeleteObject(t.Context(), "2"))
	all, err := h.Objects(t.Context())
	if err != nil || len(all) != 1 || all[0].Label != "1" || !bytes.Equal(all[0].Value, big) {
		t.Errorf("%d objects, %v", len(all), err)
	}
}

func TestObjectsOnNSS(t *testing.T) { hsmtest.Alone(t, objectsOnNSS) }

func objectsOnNSS(t *testing.T) {
	uri := hsmtest.NSS(t)
	must(t, hsm.Init(t.Context(), hsm.Params{URI: uri}))
	h := open(t, hsm.Params{URI: uri})
	defer h.Close()
	wantErr(t, "data object", h.PutObject(t.Context(), hsm.Object{Label: "1", Value: []byte("x")}), hsm.ErrNoObjects)
}

// behind is the module as another user of it in this process has it.
func behind(t *testing.T, uri *hsm.URI) *pkcs11.Ctx {
	t.Helper()
	ctx := pkcs11.New(uri.ModulePath)
	if ctx == nil {
		t.Fatal(uri.ModulePath)
	}
	return ctx
}

func works(t *testing.T, h *hsm.HSM) {
	t.Helper()
	r := opaque.NewScalar()
	public, _ := h.PublicKeys()
	q, err := h.EvaluateOPRF(t.Context(), r.MultiplyBase())
	if err != nil || !q.Equal(r.Multiply(public)) {
		t.Fatalf("the token does not work: %v", err)
	}
}

// sessions remembers what was opened.
type sessions struct {
	hsm.Module
	open *[]pkcs11.SessionHandle
}

func (r sessions) OpenSession(slot, flags uint) (pkcs11.SessionHandle, error) {
	s, err := r.Module.OpenSession(slot, flags)
	*r.open = append(*r.open, s)
	return s, err
}

// All sessions are lost, and the login with them, as when a smart card is
// pulled and put back. Callers notice nothing.
func TestSessionsAreLost(t *testing.T) {
	onEach(t, func(t *testing.T, uri *hsm.URI) {
		must(t, hsm.Init(t.Context(), hsm.Params{URI: uri}))
		var opened []pkcs11.SessionHandle
		var module hsm.Module
		h := open(t, hsm.Params{URI: uri, Sessions: 3, Between: func(m hsm.Module) hsm.Module {
			module = m
			return sessions{m, &opened}
		}})
		defer h.Close()
		for range 3 {
			works(t, h)
			for _, s := range opened {
				must(t, module.CloseSession(s))
			}
			opened = nil
			works(t, h)
			if len(opened) != 7 { // four more: for the anchor, for new passwords, for Ping
				t.Errorf("%d sessions were opened", len(opened))
			}
			must(t, h.SetAnchor(t.Context(), 1, "x"))
		}
	})
}

// The token is away for a while: SoftHSM's folder of tokens is moved, and the
// module looks at it anew.
func TestTokenIsPulledAndPutBack(t *testing.T) {
	uri := hsmtest.SoftHSM(t, "vault")
	must(t, hsm.Init(t.Context(), hsm.Params{URI: uri}))
	h := open(t, hsm.Params{URI: uri, Sessions: 3})
	defer h.Close()
	other := behind(t, uri)
	dir := hsmtest.TokenDir()
	works(t, h)
	must(t, os.Rename(dir, dir+".away"))
	must(t, os.Mkdir(dir, 0o700))
	must(t, other.Finalize())
	for range 2 {
		_, err := h.EvaluateOPRF(t.Context(), opaque.Generator())
		wantErr(t, "while it is away", err, hsm.ErrAbsent)
		wantErr(t, "ping", h.Ping(t.Context()), hsm.ErrAbsent)
	}
	must(t, os.RemoveAll(dir))
	must(t, os.Rename(dir+".away", dir))
	must(t, other.Finalize()) // SoftHSM looks for tokens only when it is initialised
	works(t, h)
	must(t, h.Ping(t.Context()))
}

func TestClosed(t *testing.T) {
	uri := hsmtest.SoftHSM(t, "vault")
	must(t, hsm.Init(t.Context(), hsm.Params{URI: uri}))
	h := open(t, hsm.Params{URI: uri})
	h.Close()
	h.Close()
	_, err := h.EvaluateOPRF(t.Context(), opaque.Generator())
	wantErr(t, "closed", err, hsm.ErrClosed)
}

func TestWhichToken(t *testing.T) {
	uri := hsmtest.SoftHSM(t, "vault")
	must(t, hsm.Init(t.Context(), hsm.Params{URI: uri}))
	tokens := hsm.Tokens()
	found := false
	for _, token := range tokens {
		found = found || token.Label == "vault"
	}
	if !found {
		t.Errorf("discovery found %v", tokens)
	}
	bySerial := *uri
	bySerial.ModulePath, bySerial.ModuleName = "", "softhsm2"
	open(t, hsm.Params{URI: &bySerial}).Close()
	for _, change := range []func(*hsm.URI){
		func(u *hsm.URI) { u.Token = "another" },
		func(u *hsm.URI) { u.Serial = "0" },
		func(u *hsm.URI) { slot := uint(4096); u.SlotID = &slot },
	} {
		other := *uri
		change(&other)
		_, err := hsm.Open(t.Context(), hsm.Params{URI: &other})
		wantErr(t, other.String(), err, hsm.ErrAbsent)
	}
	none := *uri
	none.ModulePath = "/usr/lib/none.so"
	_, err := hsm.Open(t.Context(), hsm.Params{URI: &none})
	if !errors.Is(err, hsm.ErrModule) && !errors.Is(err, hsm.ErrAbsent) {
		t.Errorf("no module: %v", err)
	}
	none.ModulePath = "/etc/passwd"
	if _, err := hsm.Open(t.Context(), hsm.Params{URI: &none}); err == nil {
		t.Error("a text file was loaded as module")
	}
}
