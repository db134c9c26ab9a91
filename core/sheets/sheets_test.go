package sheets

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/holdfast-backup/holdfast/core/backupkey"
)

func newKey(t *testing.T) *backupkey.Key {
	t.Helper()
	k, err := backupkey.New()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// reads holds that a text gives a key, nil: none.
func reads(t *testing.T, what string, text []byte, want *backupkey.Key) error {
	t.Helper()
	got, err := ReadKey(t.Context(), text)
	if err == nil && (want == nil || !bytes.Equal(got.Bytes(), want.Bytes())) {
		t.Fatalf("%s gives a wrong key", what)
	}
	if want != nil && err != nil {
		t.Errorf("%s: %v", what, err)
	}
	return err
}

func TestTwoOfThree(t *testing.T) {
	k := newKey(t)
	all := Split(k)
	for i, a := range all {
		for j, b := range all {
			text := append(a.Text(), b.Text()...)
			if i == j {
				if err := reads(t, "one sheet twice", text, nil); !errors.Is(err, ErrApart) {
					t.Error(err)
				}
				continue
			}
			if err := reads(t, fmt.Sprint("sheets ", i+1, " and ", j+1), text, k); err != nil {
				t.Error(err)
			}
		}
		shown := fmt.Sprintf("sheet %d (hidden)", i+1)
		if a.Number() != i+1 || a.Split() != all[0].Split() || fmt.Sprintf("%v %+v %s", a, a, a) != shown+" "+shown+" "+shown {
			t.Errorf("%v", a)
		}
		if err := reads(t, "one sheet", a.Text(), nil); !errors.Is(err, ErrMalformed) && !errors.Is(err, backupkey.ErrMalformed) {
			t.Error(err)
		}
	}
	other := Split(k)
	if err := reads(t, "sheets of two splits", append(all[0].Text(), other[1].Text()...), nil); !errors.Is(err, ErrApart) {
		t.Error(err)
	}
	if err := reads(t, "the digits themselves", k.Text(), k); err != nil {
		t.Error(err)
	}
}

// One sheet alone tells nothing: of two keys, and of many splits of one key, the sheets cannot be told apart by any byte's values; and
// no byte of a sheet is one of the key's more often than by chance.
func TestOneSheetTellsNothing(t *testing.T) {
	keys := []*backupkey.Key{newKey(t), newKey(t)}
	const splits = 4096
	for number := range Count {
		seen := [2][256]int{}
		same := 0
		for k, key := range keys {
			raw := key.Bytes()
			for range splits {
				s := Split(key)[number]
				share := s.raw[1+splitSize : body]
				seen[k][share[7]]++
				for i := range share {
					if share[i] == raw[i] {
						same++
					}
				}
			}
		}
		// 2·4096·32 bytes: 1,024 are equal by chance, with a standard deviation of 32.
		if same < 1024-6*32 || same > 1024+6*32 {
			t.Errorf("sheet %d has %d bytes of the key, and 1,024 are to be expected", number+1, same)
		}
		chi := 0.0
		for v := range 256 {
			a, b := float64(seen[0][v]), float64(seen[1][v])
			if a+b > 0 {
				chi += (a - b) * (a - b) / (a + b)
			}
		}
		if chi > 255+8*22.6 { // mean 255, standard deviation 22.6
			t.Errorf("the sheets of two keys differ: chi² %.0f", chi)
		}
	}
}

var typingErrors = flag.Int("sheets.errors", 150, "how many typing errors are tried")

// Random typing errors in a sheet are mended or refused, never taken for another key.
func TestTypingErrors(t *testing.T) {
	k := newKey(t)
	all := Split(k)
	random := rand.New(rand.NewPCG(3, 4))
	refused := 0
	n := *typingErrors
	if testing.Short() {
		n = min(n, 10)
	}
	for range n {
		first, second := slices.Clone(all[0].digits()), all[2].digits()
		kind := random.IntN(7)
		at := random.IntN(Digits - 8)
		mended := true
		switch kind {
		case 0, 1: // one or two wrong digits
			for range kind + 1 {
				first[random.IntN(Digits)] = "0123456789abcdef"[random.IntN(16)]
			}
		case 2:
			first[at], first[at+1] = first[at+1], first[at]
		case 3:
			first = slices.Delete(first, at, at+1)
		case 4:
			first = slices.Insert(first, at, "0123456789abcdef"[random.IntN(16)])
		case 5:
			at -= at % 4
			copy(first[at:], slices.Concat(first[at+4:at+8], first[at:at+4]))
		case 6: // too many to be mended
			for range 3 + random.IntN(20) {
				first[random.IntN(Digits)] = "0123456789abcdef"[random.IntN(16)]
			}
			mended = false
		}
		got, err := ReadKey(context.Background(), append(first, second...))
		switch {
		case err == nil && !bytes.Equal(got.Bytes(), k.Bytes()):
			t.Fatalf("kind %d gives another key", kind)
		case err != nil && mended:
			t.Errorf("kind %d at %d is not mended: %v", kind, at, err)
		case err != nil:
			refused++
		}
	}
	if refused == 0 {
		t.Error("nothing was refused")
	}
}

func (s *Sheet) digits() []byte { return bytes.Join(s.Groups(), nil) }
