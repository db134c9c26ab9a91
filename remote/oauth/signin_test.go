package oauth_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/oauth"
	"github.com/holdfast-backup/holdfast/remote/servers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A person signs in, and what that gives opens sessions.
func TestSignIn(t *testing.T) {
	c := newCloud(t)
	for _, localhost := range []bool{false, true} {
		p := c.provider
		p.Localhost = localhost
		shown := ""
		token, err := oauth.SignIn(t.Context(), c.client(t), p, func(page string) error {
			_, shown = c.Browse(t, page, "de-DE,en")
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(shown, "Angemeldet") {
			t.Errorf("the browser shows %s", shown)
		}
		if token.Refresh == "" || token.Access == "" || token.Client != c.Client {
			t.Errorf("%+v", token)
		}
	}
}

// Only an answer to this sign-in counts, once.
func TestStrangeAnswers(t *testing.T) {
	c := newCloud(t)
	token, err := oauth.SignIn(t.Context(), c.client(t), c.provider, func(page string) error {
		u, err := url.Parse(page)
		if err != nil {
			return err
		}
		back := u.Query().Get("redirect_uri")
		elsewhere := "other?code=x&state=" + u.Query().Get("state")
		for _, strange := range []string{"", "?code=x", "?code=x&state=", "?code=x&state=y", "?error=access_denied", elsewhere} {
			if status, _ := c.Browse(t, back+strange, "en"); status != http.StatusNotFound {
				t.Errorf("%q is answered %d", strange, status)
			}
		}
		if status, text := c.Browse(t, page, "fr"); status != http.StatusOK || !strings.Contains(text, "Signed in") {
			t.Errorf("%d %s", status, text)
		}
		if status, _ := c.Browse(t, back+"?code=x&state="+u.Query().Get("state"), "en"); status != http.StatusNotFound {
			t.Errorf("a second answer is answered %d", status)
		}
		return nil
	})
	if err != nil || token.Refresh == "" {
		t.Error(err)
	}
}

// A code that somebody else has got is of no use to this program, and the other way round.
func TestAStolenCode(t *testing.T) {
	c := newCloud(t)
	_, err := oauth.SignIn(t.Context(), c.client(t), c.provider, func(page string) error {
		u, err := url.Parse(page)
		if err != nil {
			return err
		}
		code := ""
		// Another program's sign-in gives a code, which is slipped to this one under its own state.
		_, _ = oauth.SignIn(t.Context(), c.client(t), c.provider, func(other string) error {
			o, err := url.Parse(other)
			if err != nil {
				return err
			}
			code = c.code(t, o)
			return errors.New("enough")
		})
		if status, _ := c.Browse(t, u.Query().Get("redirect_uri")+"?code="+code+"&state="+u.Query().Get("state"), "en"); status != http.StatusOK {
			t.Errorf("answered %d", status)
		}
		return nil
	})
	if !errors.Is(err, store.ErrSignIn) {
		t.Errorf("a code of another sign-in: %v", err)
	}
}

// code has the person agree, and returns the code without following the way back.
func (c *cloud) code(t *testing.T, page *url.URL) string {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: c.Roots}, Proxy: http.ProxyURL(c.Proxy)} //nolint:gosec // a test's
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, page.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // not read
	back, err := resp.Location()
	if err != nil {
		t.Fatal(err)
	}
	return back.Query().Get("code")
}

// What goes wrong has an error of its own, and nothing listens any more afterwards.
func TestSignInErrors(t *testing.T) {
	c := newCloud(t)
	back := ""
	open := func(page string) error {
		u, err := url.Parse(page)
		if err == nil {
			back = u.Query().Get("redirect_uri")
			c.Browse(t, page, "en")
		}
		return err
	}
	quiet := func(string) error { return nil }
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	planted := errors.New("no browser")
	nobody, gone := c.provider, c.provider
	nobody.Client = oauth.Client{}
	gone.Endpoint.TokenURL = "https://gone.example/"
	busy, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close() //nolint:errcheck // the test ends
	_, port, _ := net.SplitHostPort(busy.Addr().String())
	taken := c.provider
	n, _ := strconv.Atoi(port)
	taken.Ports = []int{n}
	for name, x := range map[string]struct {
		ctx  context.Context //nolint:containedctx // of one call
		p    oauth.Provider
		show func(string) error
		want error
	}{
		"no client":         {t.Context(), nobody, quiet, address.ErrNoClient},
		"cancelled":         {cancelled, c.provider, quiet, context.Canceled},
		"no browser":        {t.Context(), c.provider, func(string) error { return planted }, planted},
		"the service fails": {t.Context(), gone, open, store.ErrUnreachable},
		"the port is taken": {t.Context(), taken, quiet, nil},
	} {
		if _, err := oauth.SignIn(x.ctx, c.client(t), x.p, x.show); err == nil || !errors.Is(err, x.want) && x.want != nil {
			t.Errorf("%s: %v, want %v", name, err, x.want)
		}
	}
	// Of two ports, one that is free is taken.
	taken.Ports = append(taken.Ports, portOf(t))
	if _, err := oauth.SignIn(t.Context(), c.client(t), taken, open); err != nil {
		t.Error(err)
	}
	c.Refuse()
	if _, err := oauth.SignIn(t.Context(), c.client(t), c.provider, open); !errors.Is(err, oauth.ErrRefused) {
		t.Errorf("the person disagrees: %v", err)
	}
	u, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	if conn, err := net.Dial("tcp", u.Host); err == nil {
		t.Errorf("somebody listens at %s", conn.RemoteAddr())
	}
}

func portOf(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(servers.Port(t))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
