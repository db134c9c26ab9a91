package vaultclient_test

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-backup/holdfast/core/vaults"
	"github.com/holdfast-backup/holdfast/vault/api"
	cards "github.com/holdfast-backup/holdfast/vault/card"
	"github.com/holdfast-backup/holdfast/vault/vaultd/vaultdtest"
	"github.com/holdfast-backup/holdfast/vaultclient"
)

// fleet is several vaults, each behind a proxy that may do harm, and the place where the card is kept.
type fleet struct {
	t       testing.TB
	vaults  []*vaultdtest.Vaultd
	proxies []*proxy
	key     []byte
	// straight: the vaults are asked without the proxies.
	straight bool

	mu   sync.Mutex
	card []byte // at the place
}

func newFleet(t testing.TB, n int) *fleet {
	t.Helper()
	f := &fleet{t: t, key: secret()}
	for range n {
		d := served(t, "--guess-delays", "0", "--rate-address", "0", "--rate-account", "0")
		f.vaults, f.proxies = append(f.vaults, d), append(f.proxies, newProxy(t, d))
	}
	return f
}

func derived(key, salt []byte, info string) []byte {
	b, err := hkdf.Key(sha256.New, key, salt, info, 32)
	if err != nil {
		panic(err)
	}
	return b
}

func seedsOf(key []byte) func(publicKey, account []byte) (seed, previous []byte) {
	return func(publicKey, account []byte) (seed, previous []byte) {
		return derived(key, append(bytes.Clone(publicKey), account...), "seed"), derived(key, nil, "old seed")
	}
}

// new is what SetShared needs for a password at some of the vaults.
func (f *fleet) new(password string, threshold int, at ...int) vaultclient.NewShared {
	f.t.Helper()
	n := vaultclient.NewShared{Password: []byte(password), Key: f.key, CardSeed: derived(f.key, nil, "card"), Seeds: seedsOf(f.key),
		Threshold: threshold, Keep: f.keep}
	for _, i := range at {
		text := f.vaults[i].Card()
		if !f.straight {
			text = f.proxies[i].card(text)
		}
		c, err := cards.Parse(text)
		must(f.t, err)
		c.Name = "vault " + string('A'+rune(i))
		m, err := cards.MemberOf(c, nil)
		must(f.t, err)
		n.Vaults = append(n.Vaults, m)
	}
	return n
}

func (f *fleet) keep(_ context.Context, before, card []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !bytes.Equal(before, f.card) {
		return errors.New("another card is there")
	}
	f.card = card
	return nil
}

func open(ctx context.Context, m cards.Member, card []byte) (vaultclient.Vault, error) {
	return vaultclient.Open(ctx, vaultclient.Params{Card: card, SPKI: m.SPKI})
}

func (f *fleet) set(password string, threshold int, at ...int) *vaultclient.Made {
	f.t.Helper()
	made, err := vaultclient.SetShared(f.t.Context(), f.card, open, f.new(password, threshold, at...))
	if err != nil {
		f.t.Fatal(err)
	}
	if !bytes.Equal(made.Card, f.card) || len(made.Pending) > 0 {
		f.t.Fatalf("made %+v", made)
	}
	return made
}

func (f *fleet) fits(key []byte) bool { return bytes.Equal(key, f.key) }

func (f *fleet) recover(password string) (*vaultclient.Opened, error) {
	f.t.Helper()
	s, err := vaultclient.OpenShared(f.card, open)
	must(f.t, err)
	return s.Recover(f.t.Context(), []byte(password), f.fits)
}

// opens holds that a password opens, and what is found: a list of name and finding.
func (f *fleet) opens(password string, found ...string) *vaultclient.Opened {
	f.t.Helper()
	o, err := f.recover(password)
	if err != nil || !f.fits(o.Key) {
		f.t.Fatalf("%q: %v", password, err)
	}
	var got []string
	for _, x := range o.Findings {
		got = append(got, x.String())
	}
	if !slices.Equal(got, found) {
		f.t.Errorf("found %q, and it must be %q", got, found)
	}
	return o
}

func (f *fleet) refuses(password string, left int) {
	f.t.Helper()
	_, err := f.recover(password)
	var e *vaults.Error
	if !errors.As(err, &e) || !errors.Is(err, vaults.ErrWrongPassword) || e.GuessesLeft != left {
		f.t.Errorf("%q: %v, and %d must be left", password, err, left)
	}
}

func (f *fleet) harm(i int, harm func(r *http.Request) string) {
	f.proxies[i].mu.Lock()
	defer f.proxies[i].mu.Unlock()
	f.proxies[i].harm = harm
}

func dead(*http.Request) string { return "before" }

func none(*http.Request) string { return "" }

// ends is harm at the paths that end so.
func ends(path, harm string) func(r *http.Request) string {
	return func(r *http.Request) string {
		if strings.HasSuffix(r.URL.Path, path) {
			return harm
		}
		return ""
	}
}

func TestSharedPassword(t *testing.T) {
	f := newFleet(t, 4)
	f.set("first", 2, 0, 1, 2)
	f.opens("first")
	f.refuses("wrong", 9)
	f.refuses("wrong", 8)
	s, err := vaultclient.OpenShared(f.card, open)
	must(t, err)
	state, err := s.State(t.Context())
	if err != nil || len(state.Members) != 3 || state.GuessesLeft != 8 || state.Threshold != 2 || len(state.Wrong) != 2 || state.Destroyed {
		t.Errorf("%+v %v", state, err)
	}
	f.opens("first")

	t.Run("one dead", func(t *testing.T) {
		for i := range 3 {
			f.harm(i, dead)
			if o := f.opens("first"); !slices.Equal(o.Silent, []string{"vault " + string('A'+rune(i))}) {
				t.Errorf("silent: %q", o.Silent)
			}
			f.harm(i, none)
		}
	})
	t.Run("two dead", func(t *testing.T) {
		f.harm(0, dead)
		f.harm(2, dead)
		_, err := f.recover("first")
		var e *vaults.Error
		if !errors.As(err, &e) || !errors.Is(e.Kind, vaults.ErrUnreachable) || !strings.Contains(err.Error(), "vault A") ||
			!strings.Contains(err.Error(), "vault C") || strings.Contains(err.Error(), "vault B") {
			t.Error(err)
		}
		f.harm(0, none)
		f.harm(2, none)
	})
	t.Run("change", func(t *testing.T) {
		f.opens("first")
		f.set("second", 2, 0, 1, 2)
		f.opens("second")
		f.refuses("first", 9)
		f.opens("second")
	})
	t.Run("replace", func(t *testing.T) {
		f.harm(1, dead)
		made, err := vaultclient.SetShared(t.Context(), f.card, open, f.new("third", 2, 0, 2, 3))
		if err != nil || !slices.Equal(made.Left, []string{"vault B"}) {
			t.Fatalf("%+v %v", made, err)
		}
		f.harm(1, none)
		f.opens("third")
		f.refuses("second", 9)
		f.opens("third")
	})
	t.Run("destroyed", func(t *testing.T) {
		for left := 9; left > 0; left-- {
			f.refuses("wrong", left)
		}
		_, err := f.recover("wrong")
		var e *vaults.Error
		if !errors.As(err, &e) || !errors.Is(e.Kind, vaults.ErrPasswordGone) || !e.LastGuess {
			t.Errorf("the last guess: %v", err)
		}
		_, err = f.recover("third")
		wantErr(t, "after it", err, vaults.ErrPasswordGone)
		f.set("fourth", 3, 0, 1, 2, 3)
		f.opens("fourth")
	})
	t.Run("delete", func(t *testing.T) {
		s, err := vaultclient.OpenShared(f.card, open)
		must(t, err)
		f.harm(0, dead)
		f.harm(1, dead)
		f.harm(2, dead)
		wantErr(t, "three of four are away", s.Delete(t.Context(), seedsOf(f.key)), vaults.ErrUnreachable)
		f.harm(1, none)
		f.harm(2, none)
		must(t, s.Delete(t.Context(), seedsOf(f.key))) // the one that is away is not enough to open it
		f.harm(0, none)
		_, err = f.recover("fourth")
		wantErr(t, "deleted", err, vaults.ErrPasswordGone)
		must(t, s.Delete(t.Context(), seedsOf(f.key)))
	})
}

// One of three lies in every way there is: the password opens, the liar is named, and has its guess.
func TestLiars(t *testing.T) {
	f := newFleet(t, 3)
	f.set("right", 2, 0, 1, 2)
	other := newFleet(t, 1)
	other.set("right", 1, 0)
	ke2 := func(change func(b []byte)) func(body []byte) []byte {
		return func(body []byte) []byte {
			var a api.RecoveryReply
			if json.Unmarshal(body, &a) != nil || len(a.KE2) == 0 {
				return body
			}
			change(a.KE2)
			out, err := json.Marshal(a)
			must(t, err)
			return out
		}
	}
	// The evaluation of another input: a point of the curve, and not the right one.
	var strange []byte
	f.proxies[0].watch(func(path string, body []byte) []byte {
		var a api.RecoveryReply
		if json.Unmarshal(body, &a) == nil && len(a.KE2) > 0 {
			strange = a.KE2[:33]
		}
		return body
	})
	f.opens("right")
	f.proxies[0].watch(nil)
	for what, lie := range map[string]struct {
		change func(body []byte) []byte
		found  string
	}{
		"evaluation":    {ke2(func(b []byte) { copy(b, strange) }), "does not prove that it is the vault"},
		"no point":      {ke2(func(b []byte) { b[0] = 9 }), "does not prove that it is the vault"},
		"record":        {ke2(func(b []byte) { b[70] ^= 1 }), "gives a wrong record"},
		"masking nonce": {ke2(func(b []byte) { b[40] ^= 1 }), "gives a wrong record"},
		"server's MAC":  {ke2(func(b []byte) { b[258] ^= 1 }), "does not prove that it is the vault"},
		"registered": {func(body []byte) []byte {
			return bytes.Replace(body, []byte(`"registered":"20`), []byte(`"registered":"19`), 1)
		}, "holds another registration"},
		"key": {func(body []byte) []byte {
			return bytes.Replace(body, []byte(`"released":"`), []byte(`"released":"AAAA`), 1)
		}, "does not prove that it is the vault"},
	} {
		t.Run(what, func(t *testing.T) {
			for i := range 3 {
				if testing.Short() && i != 1 {
					continue
				}
				f.proxies[i].watch(func(_ string, body []byte) []byte { return lie.change(body) })
				f.opens("right", "vault "+string('A'+rune(i))+" "+lie.found)
				f.proxies[i].watch(nil)
				f.opens("right")
			}
		})
	}
	t.Run("another key", func(t *testing.T) { // the card's addresses lead to another vault
		f.proxies[1].mu.Lock()
		right := f.proxies[1].to
		f.proxies[1].to = other.vaults[0]
		f.proxies[1].mu.Unlock()
		if o := f.opens("right", "vault B does not prove that it is the vault"); o == nil {
			t.Error("nothing")
		}
		f.proxies[1].mu.Lock()
		f.proxies[1].to = right
		f.proxies[1].mu.Unlock()
	})
	t.Run("two of three", func(t *testing.T) {
		for _, i := range []int{0, 2} {
			f.proxies[i].watch(func(_ string, body []byte) []byte { return ke2(func(b []byte) { copy(b, strange) })(body) })
		}
		f.refuses("right", 9)
		f.proxies[0].watch(nil)
		f.proxies[2].watch(nil)
		f.opens("right")
	})
	t.Run("an older card", func(t *testing.T) {
		old := f.card
		f.set("newer", 2, 0, 1, 2)
		now := f.card
		f.card = old
		_, err := f.recover("right")
		wantErr(t, "an older card", err, vaults.ErrSuspect)
		f.card = now
		s, err := vaultclient.OpenShared(f.card, open)
		must(t, err)
		if state, err := s.State(t.Context()); err != nil || state.GuessesLeft != 10 {
			t.Errorf("it cost a guess: %+v %v", state, err)
		}
	})
}

// A vault that takes connections and never answers holds nothing up for long, and a vault that is stopped neither.
func TestAHungMember(t *testing.T) {
	f := newFleet(t, 3)
	f.set("right", 2, 0, 1, 2)
	for _, path := range []string{"/v1/vault", "/recovery", "/finish"} {
		f.harm(1, ends(path, "hang"))
		if o := f.opens("right"); !slices.Equal(o.Silent, []string{"vault B"}) {
			t.Errorf("%s: silent: %q", path, o.Silent)
		}
		f.proxies[1].release()
		f.harm(1, none)
	}
}

// A vault is killed and started again at each message of a change: the change goes on, with another ticket where the first
// is lost, and the new password opens at all vaults.
func TestAVaultRestartsDuringAChange(t *testing.T) {
	f := newFleet(t, 3)
	f.set("password 0", 2, 0, 1, 2)
	step := 1
	if testing.Short() {
		step = 4
	}
	for n := 1; ; n += step {
		seen := 0
		f.harm(1, func(*http.Request) string {
			if seen++; seen == n {
				f.vaults[1].Kill()
				if !f.vaults[1].Start() {
					t.Error("vaultd does not start again")
				}
			}
			return ""
		})
		password := fmt.Sprint("password ", n)
		f.set(password, 2, 0, 1, 2)
		f.harm(1, none)
		if f.opens(password).Unfinished() {
			t.Errorf("killed at message %d: the change is unfinished", n)
		}
		f.refuses("password 0", 9)
		f.opens(password)
		if seen < n {
			if n < 8 {
				t.Errorf("only %d messages", seen)
			}
			return
		}
	}
}
