package azure_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/storetest"
	"github.com/holdfast-backup/holdfast/remote/azure"
	"github.com/holdfast-backup/holdfast/remote/bucket"
	"github.com/holdfast-backup/holdfast/remote/servers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// at is a prefix of a container, through addr.
func at(s *servers.Azure, addr, container, prefix string) address.Address {
	return address.Address{Kind: address.Azure, Host: container, Path: "/" + prefix, Query: url.Values{
		"account": {s.Account}, "endpoint": {"http://" + addr + "/" + s.Account},
	}}
}

func open(t *testing.T, a address.Address, secret address.Secret) *bucket.Store {
	t.Helper()
	r, err := azure.Open(t.Context(), a, secret, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func withKey(s *servers.Azure) address.Secret { return address.Secret{address.AccountKey: s.Key} }

// It takes seconds to start, so all have one.
func TestAzurite(t *testing.T) {
	s := servers.Azurite(t)
	for name, test := range map[string]func(*testing.T, *servers.Azure){
		"the mandatory suite": contract, "a signature": signature, "open errors": openErrors, "the service fails": serviceFails,
		"what the service says": whatTheServiceSays, "bytes change on the way": bytesChange, "the container is gone": containerGone,
	} {
		t.Run(name, func(t *testing.T) {
			own := *s
			own.Container = strings.ReplaceAll(name, " ", "-")
			s.Make(t, own.Container)
			test(t, &own)
		})
	}
}

func contract(t *testing.T, s *servers.Azure) {
	n := 0
	storetest.Run(t, func(t *testing.T) store.Store {
		n++
		return open(t, at(s, s.Addr, s.Container, fmt.Sprint("a prefix/ä%+/", n)), withKey(s))
	})
}

// A signature in place of the key does what it permits.
func signature(t *testing.T, s *servers.Azure) {
	a := at(s, s.Addr, s.Container, "x")
	r := open(t, a, address.Secret{address.SAS: "?" + s.SAS("rwdlac")})
	if err := errors.Join(r.Put(t.Context(), "a/b", []byte("x")), r.ReadAt(t.Context(), "a/b", make([]byte, 1), 0)); err != nil {
		t.Error(err)
	}
	if err := r.Put(t.Context(), "a/b", []byte("x")); !errors.Is(err, store.ErrExists) {
		t.Errorf("put again: %v", err)
	}
	r = open(t, a, address.Secret{address.SAS: s.Endpoint + "/" + s.Container + "?" + s.SAS("rl")})
	if err := r.Put(t.Context(), "c", nil); !errors.Is(err, store.ErrPermission) {
		t.Errorf("a signature for reading alone: %v", err)
	}
	if err := r.ReadAt(t.Context(), "a/b", make([]byte, 1), 0); err != nil {
		t.Error(err)
	}
}

func openErrors(t *testing.T, s *servers.Azure) {
	// Azurite answers a wrong signature with AuthorizationFailure (its AuthenticationMiddlewareFactory.ts), by which Azure
	// means a request that is signed and not permitted. whatTheServiceSays has what Azure says.
	const refused = "AuthorizationFailure"
	here := at(s, s.Addr, s.Container, "x")
	other, strange := at(s, s.Addr, s.Container, "x"), at(s, s.Addr, s.Container, "x")
	other.Query.Set("account", "another")
	strange.Query.Set("endpoint", "ftp://host")
	servers.OpenErrors(t, map[string]servers.Opening{
		"a key that is wrong":           {At: here, Secret: address.Secret{address.AccountKey: "hunter22"}, Want: store.ErrPermission},
		"a key that is none":            {At: here, Secret: address.Secret{address.AccountKey: "hunter22!"}, Want: store.ErrSignIn},
		"no key":                        {At: here, Want: store.ErrSignIn},
		"a signature that is wrong":     {At: here, Secret: address.Secret{address.SAS: s.SAS("rl") + "hunter22"}, Want: store.ErrPermission},
		"a signature that is none":      {At: here, Secret: address.Secret{address.SAS: "hunter22;%"}, Want: store.ErrSignIn},
		"another account's key":         {At: other, Secret: withKey(s), Want: store.ErrPermission},
		"an endpoint that is none":      {At: strange, Secret: withKey(s), Want: address.ErrInvalid},
		"a container that is not there": {At: at(s, s.Addr, "none", "x"), Secret: withKey(s), Want: store.ErrUnreachable},
		"nobody listens": {At: at(s, "127.0.0.1:"+servers.Port(t), s.Container, "x"), Secret: withKey(s),
			Want: store.ErrUnreachable},
	}, func(ctx context.Context, a address.Address, secret address.Secret) (*bucket.Store, error) {
		s, err := azure.Open(ctx, a, secret, false)
		if errors.Is(err, store.ErrPermission) && !strings.Contains(err.Error(), refused) {
			t.Errorf("%v, want %s", err, refused)
		}
		return s, err
	})
	if s.Has(t, "none") {
		t.Error("a container is made by who did not ask for it")
	}
	for range 2 { // the second finds it
		r, err := azure.Open(t.Context(), at(s, s.Addr, "none", "x"), withKey(s), true)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A service that fails is asked again. What it has stored all the same is found, and is no stranger's; a stranger's is.
func serviceFails(t *testing.T, s *servers.Azure) {
	servers.ServiceFails(t, s.Addr, http.MethodPut, servers.Troubles, through(t, s))
}

// through opens a store through an address.
func through(t *testing.T, s *servers.Azure) func(addr string) store.Store {
	return func(addr string) store.Store { return open(t, at(s, addr, s.Container, "x"), withKey(s)) }
}

// What Azure documents for its answers.
func whatTheServiceSays(t *testing.T, s *servers.Azure) {
	var status atomic.Int32
	var code atomic.Value
	addr := servers.Between(t, s.Addr, func(w http.ResponseWriter, r *http.Request, through http.Handler) {
		if status.Load() == 0 {
			through.ServeHTTP(w, r)
			return
		}
		w.Header().Set("X-Ms-Error-Code", code.Load().(string))
		w.WriteHeader(int(status.Load()))
	})
	r := open(t, at(s, addr, s.Container, "x"), withKey(s))
	for _, c := range []struct {
		status int32
		code   string
		want   error
	}{
		{403, "AuthenticationFailed", store.ErrSignIn}, {401, "NoAuthenticationInformation", store.ErrSignIn},
		{403, "AuthorizationPermissionMismatch", store.ErrPermission}, {403, "AccountIsDisabled", store.ErrPermission},
		{409, "BlobImmutableDueToPolicy", store.ErrPermission}, {412, "LeaseIdMissing", store.ErrPermission},
		{409, "ContainerBeingDeleted", store.ErrUnreachable}, {409, "BlobAlreadyExists", store.ErrExists},
		{413, "RequestBodyTooLarge", store.ErrTooLarge}, {400, "InvalidHeaderValue", store.ErrUnreachable},
		{503, "ServerBusy", store.ErrUnreachable}, {404, "", store.ErrUnreachable}, {507, "", store.ErrNoSpace},
	} {
		status.Store(c.status)
		code.Store(c.code)
		if err := r.Delete(t.Context(), "a"); !errors.Is(err, c.want) {
			t.Errorf("%d %s: %v, want %v", c.status, c.code, err, c.want)
		}
	}
}

// Bytes that change on the way are refused.
func bytesChange(t *testing.T, s *servers.Azure) {
	servers.BytesChange(t, s.Addr, http.MethodPut, through(t, s))
}

// A container that goes away is unreachable, and is not made anew.
func containerGone(t *testing.T, s *servers.Azure) {
	r := open(t, at(s, s.Addr, s.Container, "x"), withKey(s))
	storetest.Gone(t, r, func() { s.Remove(t, s.Container) }, func() bool { return s.Has(t, s.Container) })
}
