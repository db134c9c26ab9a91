package vaultclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/holdfast-backup/holdfast/core/opaque"
	"github.com/holdfast-backup/holdfast/core/opaque/ppss"
	"github.com/holdfast-backup/holdfast/vault"
	cards "github.com/holdfast-backup/holdfast/vault/card"
	"github.com/holdfast-backup/holdfast/vault/hsm"
	"github.com/holdfast-backup/holdfast/vault/hsm/hsmtest"
	"github.com/holdfast-backup/holdfast/vault/store"
)

// arena is a shared password at real vaults, each with its own keys on a SoftHSM token whose derives are counted, and an attacker
// who has everything public. The first vaults are corrupted: the attacker has their whole hosts, and nobody counts what they answer.
type arena struct {
	*benches
	t         *testing.T
	vaults    []*vault.Vault // nil: corrupted, and the bench of that number
	derives   []atomic.Int64
	set       *cards.Set
	public    ppss.Set
	cardKey   []byte
	threshold int
}

// counted counts derives at the PKCS#11 boundary.
type counted struct {
	hsm.Module
	n *atomic.Int64
}

func (c counted) DeriveKey(s pkcs11.SessionHandle, m []*pkcs11.Mechanism, base pkcs11.ObjectHandle, a []*pkcs11.Attribute) (
	pkcs11.ObjectHandle, error,
) {
	c.n.Add(1)
	return c.Module.DeriveKey(s, m, base, a)
}

const thePassword = "the right one"

func newArena(t *testing.T, threshold, n, corrupted int) *arena {
	t.Helper()
	cheap(t)
	a := &arena{benches: newBenches(n), t: t, vaults: make([]*vault.Vault, n), derives: make([]atomic.Int64, n), threshold: threshold}
	base := hsmtest.SoftHSM(t, "arena")
	for i := corrupted; i < n; i++ {
		uri := *base
		uri.Object = fmt.Sprint("vault-", i)
		check(t, hsm.Init(t.Context(), hsm.Params{URI: &uri}))
	}
	for i := corrupted; i < n; i++ {
		uri := *base
		uri.Object = fmt.Sprint("vault-", i)
		h, err := hsm.Open(t.Context(), hsm.Params{URI: &uri, Between: func(m hsm.Module) hsm.Module { return counted{m, &a.derives[i]} }})
		check(t, err)
		t.Cleanup(h.Close)
		a.vaults[i], err = vault.Open(t.Context(), vault.Params{Store: store.NewMemory(), HSM: h, Name: a.all[i].name,
			Policy: vault.Policy{Delays: []time.Duration{0}}})
		check(t, err)
		t.Cleanup(a.vaults[i].Close)
	}
	new := NewShared{Password: []byte(thePassword), Key: a.key, CardSeed: a.derive("card", nil), Threshold: threshold, Keep: a.keep,
		Seeds: a.new("", 0).Seeds}
	for i := range n {
		new.Vaults = append(new.Vaults, cards.Member{Name: a.all[i].name, URL: cards.URL(fmt.Sprintf("https://%d.example", i)), Suite: 1,
			PublicKey: a.publicKey(i)})
	}
	_, err := SetShared(t.Context(), nil, a.open, new)
	check(t, err)
	card, err := cards.ParseShared(a.card)
	check(t, err)
	a.set, a.cardKey, a.public = card.Set, card.Key, setOf(card.Set, card.Key)
	for i := range a.derives {
		a.derives[i].Store(0)
	}
	return a
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (a *arena) publicKey(i int) []byte {
	if v := a.vaults[i]; v != nil {
		return v.Public().PublicKey
	}
	_, ake := a.all[i].keys.PublicKeys()
	return ake.Bytes()
}

func (a *arena) open(_ context.Context, m cards.Member, card []byte) (Vault, error) {
	c, err := cards.Parse(card)
	if err != nil {
		return nil, err
	}
	for i := range a.vaults {
		if !bytes.Equal(a.publicKey(i), m.PublicKey) {
			continue
		}
		v := &benchVault{protocol{card: c, pause: func(int) time.Duration { return time.Microsecond }}}
		v.begin = func(context.Context) (transport, func(), error) {
			if a.vaults[i] != nil {
				return a.vaults[i], func() {}, nil
			}
			return wire{a.all[i], a.benches}, func() {}, nil
		}
		return v, nil
	}
	return nil, errDied
}

// evaluate asks vault i for a word; nil: it gives no more.
func (a *arena) evaluate(i int, u []byte) []byte {
	a.t.Helper()
	id := vault.AccountID(a.public.Members[i].Account)
	x := a.public.Input(i, u)
	run, ke1, err := opaque.StartKeyedLogin(x)
	check(a.t, err)
	defer run.Clear()
	v := a.vaults[i]
	if v == nil { // its scalars are in the attacker's hands
		b := a.all[i]
		parsed, err := opaque.ParsePoint(ke1[:opaque.PointBytes])
		check(a.t, err)
		output, err := run.Output(append(b.keys.OPRF.Multiply(b.accounts[id].scalar.Multiply(parsed)).Bytes(),
			make([]byte, opaque.KE2Bytes-opaque.PointBytes)...))
		check(a.t, err)
		return output
	}
	account, err := v.Account(a.t.Context(), id)
	check(a.t, err)
	reply, err := v.RecoverStart(a.t.Context(), id, vault.RecoveryStart{KE1: ke1, Version: account.Version})
	if errors.Is(err, vault.ErrDestroyed) {
		return nil
	}
	check(a.t, err)
	output, err := run.Output(reply.KE2)
	check(a.t, err)
	start, wrong := vault.StartID(ke1), bytes.Repeat([]byte{1}, opaque.KE3Bytes)
	if _, err := v.RecoverFinish(a.t.Context(), id, vault.RecoveryFinish{Start: start[:], KE3: wrong}); err == nil {
		a.t.Fatal("a made-up KE3 is right")
	}
	return output
}

// left is how many guesses vault i gives still, as an attacker reads it.
func (a *arena) left(i int) int {
	if a.vaults[i] == nil {
		return 1 << 30
	}
	account, err := a.vaults[i].Account(a.t.Context(), vault.AccountID(a.public.Members[i].Account))
	check(a.t, err)
	if account.Reason != "" {
		return 0
	}
	return account.GuessesLeft
}

// play tries words until the vaults give no more, each at the vaults that have most guesses left, and reports how many it could check.
func (a *arena) play(words func(n int) string, most int) (checked int) {
	for ; checked < most; checked++ {
		u := stretch([]byte(words(checked)), a.set.Salt)
		outputs := make([][]byte, len(a.vaults))
		for range a.threshold {
			best := -1
			for i := range a.vaults {
				if outputs[i] == nil && a.left(i) > 0 && (best < 0 || a.left(i) > a.left(best)) {
					best = i
				}
			}
			if best < 0 {
				return checked
			}
			if outputs[best] = a.evaluate(best, u); outputs[best] == nil {
				a.t.Fatalf("vault %d said that it had guesses left", best)
			}
		}
		if _, err := a.public.Open(u, outputs); err == nil {
			a.t.Fatalf("%q opens", words(checked))
		}
	}
	return checked
}

func wrongWords(n int) string { return fmt.Sprint("word ", n) }

// Who has everything public, and perhaps some vaults' whole hosts, checks as many passwords as docs/shared-vaults.md, chapter 5,
// says, and not one more. Each is paid for at the HSM: two derives for the OPRF and two for the key exchange.
func TestAttackersGuesses(t *testing.T) {
	for _, c := range []struct{ need, n, corrupted, want int }{
		{2, 2, 0, 10}, {2, 3, 0, 15}, {3, 5, 0, 16}, {2, 2, 1, 10}, {2, 3, 1, 20}, {3, 5, 1, 20},
	} {
		t.Run(fmt.Sprintf("%d of %d, %d corrupted", c.need, c.n, c.corrupted), func(t *testing.T) {
			a := newArena(t, c.need, c.n, c.corrupted)
			if got := a.play(wrongWords, 1000); got != c.want {
				t.Errorf("%d words were checked, and it must be %d", got, c.want)
			}
			for i := range a.derives {
				if n := a.derives[i].Load(); n > 4*vault.Guesses {
					t.Errorf("%d derives at vault %d", n, i)
				}
			}
		})
	}
}

// The owner checks the password every week for a year, which gives all guesses back each time. An attacker who uses them up in between gets
// no more than the cap of fifty at each vault allows: 75 at 2 of 3, where it would be hundreds without.
func TestAttackersGuessesInAYear(t *testing.T) {
	a := newArena(t, 2, 3, 0)
	words := 0
	for range 52 {
		words += a.play(func(n int) string { return wrongWords(words + n) }, 13) // the owner keeps one guess at each vault
		s, err := OpenShared(a.card, a.open)
		check(t, err)
		o, err := s.Recover(t.Context(), []byte(thePassword), func(key []byte) bool { return bytes.Equal(key, a.key) })
		if err != nil {
			break // they are used up
		}
		o.Clear()
	}
	words += a.play(func(n int) string { return wrongWords(words + n) }, 1000)
	if words > 75 || words < 60 {
		t.Errorf("%d words in a year, and 75 are the most", words)
	}
}

// With t-1 whole hosts (scalars, records, sealed keys), the card and a dictionary that holds the password, there is nothing to check a word
// against: neither the commitment nor a record nor a sealed key. With t hosts there is.
func TestNothingToCheckAgainst(t *testing.T) {
	for hosts, want := range map[int]string{1: "", 2: thePassword} {
		t.Run(fmt.Sprint(hosts, " of 3"), func(t *testing.T) {
			a := newArena(t, 2, 3, hosts)
			opened := ""
			for _, word := range []string{"123456", thePassword, "qwerty"} {
				u := stretch([]byte(word), a.set.Salt)
				outputs := make([][]byte, 3)
				for i := range hosts {
					outputs[i] = a.evaluate(i, u)
				}
				if _, err := a.public.Open(u, outputs); err == nil {
					opened += word
				}
				if a.opensARecord(u, outputs[0]) {
					t.Errorf("%q opens a record by itself", word)
				}
			}
			if opened != want {
				t.Errorf("%q opens, and it must be %q", opened, want)
			}
		})
	}
}

// opensARecord tries what one host gives for a word as whatever could open its record: the output, the share, what derives from them.
func (a *arena) opensARecord(u, output []byte) bool {
	m := a.public.Members[0]
	record := a.all[0].accounts[vault.AccountID(m.Account)].record
	zero := ppss.NewSecret(1, 3) // shares that are the secret: a guess of the secret as good as any
	defer zero.Clear()
	share := zero.Mask(m, 0, output)
	for i := range share {
		share[i] ^= zero.Shares()[0][i] ^ m.Mask[i]
	}
	lone, err := ppss.SecretOf(share, nil, 3)
	check(a.t, err)
	for _, randomized := range [][]byte{output, share, u, zero.RandomizedPassword(m), lone.RandomizedPassword(m)} {
		made, _ := opaque.NewRecord(randomized, m.Account, m.PublicKey)
		if bytes.Equal(made[opaque.PointBytes:opaque.PointBytes+32], record[opaque.PointBytes:opaque.PointBytes+32]) { // the masking key
			return true
		}
	}
	return false
}
