package ppss

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// made is a set and the OPRF outputs of the right password.
func made(threshold, members int, bridged bool) (s Set, u []byte, secret *Secret, now, before [][]byte) {
	s = Set{Threshold: threshold, Salt: random(SaltBytes)}
	u, secret = random(32), NewSecret(threshold, members)
	for i := range members {
		m := Member{PublicKey: random(33), Account: random(32)}
		now, before = append(now, random(32)), append(before, random(32))
		m.Mask = secret.Mask(m, i, now[i])
		if bridged {
			m.Bridge = secret.Bridge(m, i, before[i])
		}
		s.Members = append(s.Members, m)
	}
	s.Commitment = secret.Commit(s, u)
	return s, u, secret, now, before
}

// forAll calls run for every t of n that is allowed up to n.
func forAll(most int, run func(threshold, members int)) {
	for n := 1; n <= most; n++ {
		for threshold := n/2 + 1; threshold <= n; threshold++ {
			run(threshold, n)
		}
	}
}

// t true answers among any others give the secret, and t-1 do not. With a pending set each true answer may be the new record's
// or the old one's.
func TestWhoOpens(t *testing.T) {
	forAll(5, func(threshold, n int) {
		for _, bridged := range []bool{false, true} {
			s, u, secret, now, before := made(threshold, n, bridged)
			kinds := 3
			if bridged {
				kinds = 4
			}
			for state := range pow(kinds, n) { // for each member: true, false, silent, or true by the bridge
				outputs := make([][]byte, n)
				honest := 0
				for i, rest := 0, state; i < n; i, rest = i+1, rest/kinds {
					switch rest % kinds {
					case 0:
						outputs[i] = now[i]
						honest++
					case 1:
						outputs[i] = random(32)
					case 3:
						outputs[i] = before[i]
						honest++
					}
				}
				got, err := s.Open(u, outputs)
				if opened := err == nil; opened != (honest >= threshold) || err != nil && !errors.Is(err, ErrNoFit) {
					t.Fatalf("%d of %d, state %d, bridged %v: %v", threshold, n, state, bridged, err)
				}
				if err != nil {
					continue
				}
				if !bytes.Equal(got.s, secret.s) {
					t.Fatal("another secret")
				}
				for i, rest := 0, state; i < n; i, rest = i+1, rest/kinds {
					if kind := rest % kinds; kind != 2 && got.Holds(s.Members[i], i, outputs[i]) != (kind != 1) {
						t.Fatalf("member %d of kind %d is told wrong", i, kind)
					}
				}
			}
		}
	})
}

func pow(b, e int) int {
	out := 1
	for range e {
		out *= b
	}
	return out
}

// Whatever is altered in a set, it does not open: salt, u, order, threshold, masks and bridges, also of those who did not answer.
func TestAlteredSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 5).Draw(t, "n")
		threshold := rapid.IntRange(n/2+1, n).Draw(t, "t")
		s, u, _, now, _ := made(threshold, n, true)
		i, j := rapid.IntRange(0, n-1).Draw(t, "i"), rapid.IntRange(0, n-1).Draw(t, "j")
		bit := byte(1) << rapid.IntRange(0, 7).Draw(t, "bit")
		for _, absent := range rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 0, n-threshold, rapid.ID).Draw(t, "absent") {
			now[absent] = nil
		}
		if _, err := s.Open(u, now); err != nil {
			t.Fatal(err)
		}
		at := rapid.IntRange(0, 31).Draw(t, "at")
		what := rapid.SampledFrom([]string{"salt", "u", "mask", "bridge", "no bridge", "key", "account", "order", "threshold",
			"commitment"}).Draw(t, "what")
		m := &s.Members[i]
		switch what {
		case "salt":
			s.Salt[at] ^= bit
		case "u":
			u[at] ^= bit
		case "mask":
			m.Mask[at] ^= bit
		case "bridge":
			m.Bridge[at] ^= bit
		case "no bridge":
			m.Bridge = nil
		case "key":
			m.PublicKey[at] ^= bit
		case "account":
			m.Account[at] ^= bit
		case "order":
			if i == j {
				return
			}
			s.Members[i], s.Members[j] = s.Members[j], s.Members[i]
			now[i], now[j] = now[j], now[i]
		case "threshold":
			if s.Threshold--; s.Threshold <= n/2 {
				s.Threshold = threshold + 1
			}
			if s.Threshold > n {
				return
			}
		case "commitment":
			s.Commitment[at] ^= bit
		}
		if _, err := s.Open(u, now); !errors.Is(err, ErrNoFit) {
			t.Fatalf("%s: %v", what, err)
		}
	})
}

func TestNoSets(t *testing.T) {
	for what, change := range map[string]func(s *Set){
		"nobody": func(s *Set) { s.Members = nil },
		"nine":   func(s *Set) { s.Members, s.Threshold = make([]Member, 9), 5 },
		"half": func(s *Set) {
			s.Threshold, s.Members = 2, append(s.Members, Member{random(33), random(32), random(32), nil})
		},
		"more than there are": func(s *Set) { s.Threshold = 4 },
		"salt":                func(s *Set) { s.Salt = s.Salt[1:] },
		"commitment":          func(s *Set) { s.Commitment = nil },
		"key":                 func(s *Set) { s.Members[0].PublicKey = random(32) },
		"account":             func(s *Set) { s.Members[0].Account = nil },
		"mask":                func(s *Set) { s.Members[0].Mask = random(31) },
		"bridge":              func(s *Set) { s.Members[0].Bridge = random(33) },
		"a vault twice":       func(s *Set) { s.Members[1].PublicKey = s.Members[0].PublicKey },
		"an account twice":    func(s *Set) { s.Members[2].Account = s.Members[0].Account },
	} {
		s, u, _, now, _ := made(2, 3, false)
		change(&s)
		if _, err := s.Open(u, now); !errors.Is(err, ErrSet) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Shares of fewer than t vaults are independent of the secret: they have the same distribution for two secrets. So has
// the first byte of a share of 2 of 3 for S = 0 and S = 255, over all coefficients.
func TestTooFewSharesSayNothing(t *testing.T) {
	seen := map[string]int{}
	for range 4096 {
		k := NewSecret(2, 3)
		seen[fmt.Sprint(k.shares[0][0])]++
	}
	if len(seen) != 256 {
		t.Errorf("a share takes %d of 256 values", len(seen))
	}
}
