package vault

import (
	"bytes"
	"math/big"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func genRecord(t *rapid.T) *record {
	r := &record{
		reason:      rapid.SampledFrom(reasonBytes).Draw(t, "reason"),
		guessesLeft: rapid.IntRange(0, Guesses).Draw(t, "left"),
		wrong:       rapid.IntRange(0, WrongCap).Draw(t, "wrong"), granted: rapid.IntRange(0, Guesses).Draw(t, "granted"),
		proven:     rapid.Bool().Draw(t, "proven"),
		version:    rapid.Uint64().Draw(t, "version"),
		registered: rapid.Int64().Draw(t, "registered"), changed: rapid.Int64().Draw(t, "changed"), lastStart: rapid.Int64().Draw(t, "last"),
	}
	copy(r.management[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "management"))
	copy(r.scalar[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "s"))
	copy(r.opaque[:], rapid.SliceOfN(rapid.Byte(), 129, 129).Draw(t, "opaque"))
	if b := rapid.SliceOfN(rapid.Byte(), 0, MaxSealedKeyBytes).Draw(t, "sealed"); len(b) > 0 {
		r.sealedKey = b
	}
	for range rapid.IntRange(0, 10).Draw(t, "open") {
		r.open = append(r.open, openStart{startID(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "id")), rapid.Int64().Draw(t, "begun")})
	}
	for range rapid.IntRange(0, keepFor).Draw(t, "past") {
		r.past = append(r.past, guess{startID(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "id")).short(), rapid.Int64().Draw(t, "time"),
			rapid.SampledFrom(outcomeBytes).Draw(t, "outcome")})
	}
	return r
}

func TestRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := genRecord(t)
		b := r.encode()
		if len(b)%recordPadding != 0 {
			t.Fatalf("%d bytes", len(b))
		}
		got, err := decodeRecord(b)
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Fatalf("%v\n%+v\n%+v", err, got, r)
		}
	})
}

// A living account without open starts, and a tombstone, have one size.
func TestRecordSizesDoNotTell(t *testing.T) {
	living := &record{guessesLeft: 10, granted: 10, sealedKey: make([]byte, 60)}
	dead := living.clone()
	dead.destroy(ReasonGuesses)
	if a, b := len(living.encode()), len(dead.encode()); a != b || a != 512 {
		t.Errorf("%d and %d bytes", a, b)
	}
	if dead.sealedKey != nil || dead.scalar != living.scalar && !bytes.Equal(dead.scalar[:], make([]byte, 32)) {
		t.Error("a tombstone keeps secrets")
	}
}

func FuzzRecord(f *testing.F) {
	f.Add((&record{guessesLeft: 3, sealedKey: []byte("x"), open: make([]openStart, 2), past: []guess{{outcome: OutcomeWrong}}}).encode())
	f.Add((&record{reason: ReasonGuesses}).encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeRecord(b)
		if err != nil {
			return
		}
		for i := range r.past {
			if r.past[i].outcome == "" {
				t.Fatal("an outcome without a name")
			}
		}
		if again, err := decodeRecord(r.encode()); err != nil || !reflect.DeepEqual(again, r) {
			t.Fatalf("%v", err)
		}
	})
}

// The digest is addition mod 2^256, whatever the order.
func TestDigest(t *testing.T) {
	mod := new(big.Int).Lsh(big.NewInt(1), 256)
	number := func(d digest) *big.Int { return new(big.Int).SetBytes(d.bytes()) }
	rapid.Check(t, func(t *rapid.T) {
		gen := rapid.SliceOfN(rapid.Byte(), 32, 32)
		a, b := digestFrom(gen.Draw(t, "a")), digestFrom(gen.Draw(t, "b"))
		want := new(big.Int).Add(number(a), number(b))
		if number(a.plus(b)).Cmp(want.Mod(want, mod)) != 0 || a.plus(b) != b.plus(a) || a.plus(b).minus(b) != a || a.minus(b).plus(b) != a {
			t.Fatalf("%x %x", a, b)
		}
	})
}

func TestHeadAndAnchor(t *testing.T) {
	k := &storageKeys{generation: 1, anchor: make([]byte, 32)}
	h := head{number: 1 << 40, sum: digest{1, 2, 3, 4}, accounts: 7}
	anchor := k.anchorOf(h)
	if len(anchor) != anchorChars || anchorNumber(anchor) != 1<<40 {
		t.Errorf("%q", anchor)
	}
	h.previous = anchor
	got, err := decodeHead(h.encode())
	if err != nil || got != h {
		t.Errorf("%+v %v", got, err)
	}
	if !wholeAnchor(anchor) || wholeAnchor(k.firstAnchorOf(h)) {
		t.Error("the checksum")
	}
	before := k.anchorOf(head{number: 1<<40 - 1, sum: h.sum})
	for i := range len(anchor) {
		for _, torn := range []string{anchor[:i], anchor[:i] + before[i:], before[:i] + anchor[i:]} {
			if torn != anchor && torn != before && wholeAnchor(torn) {
				t.Errorf("torn at %d: %q", i, torn)
			}
		}
	}
	for _, other := range []head{{number: 1<<40 + 1, sum: h.sum}, {number: 1 << 40, sum: digest{1, 2, 3, 5}}} {
		if k.anchorOf(other) == anchor {
			t.Error("two heads, one anchor")
		}
	}
}

// apply never changes what it was given.
func TestApplyIsPure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := genRecord(t)
		before := r.clone()
		q := rapid.SampledFrom([]request{startRequest{version: r.version}, finishRequest{expected: make([]byte, 32), ke3: make([]byte, 32)},
			lookRequest{}, deleteRequest{}, registerRequest{}}).Draw(t, "request")
		now := time.UnixMilli(r.lastStart + rapid.Int64Range(-1e6, 1e6).Draw(t, "ms"))
		_, next, _ := apply(moment{now: now.UnixMilli(), policy: Policy{DefaultDelays}}, q, r)
		if !reflect.DeepEqual(r, before) {
			t.Fatal("the record was changed in place")
		}
		if next != nil && next != r && next.version != r.version+1 {
			t.Fatal("a change without a new version")
		}
		if next != nil && next.guessesLeft > r.guessesLeft {
			t.Fatal("guesses came back")
		}
	})
}
