package backupkey

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
)

// repairs asserts that text leads to k alone and that its changes, applied to
// the groups as typed, give the key.
func repairs(t testing.TB, k *Key, text []byte, wantGroups ...int) Proposal {
	t.Helper()
	list, err := Repair(context.Background(), text, k.ID())
	if err != nil || len(list) != 1 {
		t.Fatalf("%q: %d proposals, %v", text, len(list), err)
	}
	p := list[0]
	if !p.Key.Equal(k) {
		t.Fatalf("%q: another key", text)
	}
	groups := k.Groups()
	for _, c := range p.Changes {
		if !bytes.Equal(c.After, groups[c.Group-1]) || bytes.Equal(c.Before, c.After) {
			t.Fatalf("%q: change of group %d: %q to %q", text, c.Group, c.Before, c.After)
		}
		groups[c.Group-1] = c.Before
	}
	if joined := bytes.Join(groups, nil); !bytes.Equal(joined, bytes.ReplaceAll(bytes.ToLower(text), []byte(" "), nil)) {
		t.Fatalf("%q: the changes undone give %q", text, joined)
	}
	if wantGroups != nil {
		if len(p.Changes) != len(wantGroups) {
			t.Fatalf("%q: %d changes, want groups %v", text, len(p.Changes), wantGroups)
		}
		for i, g := range wantGroups {
			if p.Changes[i].Group != g {
				t.Fatalf("%q: change %d is of group %d, want %d", text, i, p.Changes[i].Group, g)
			}
		}
	}
	return p
}

func digitsOf(k *Key) []byte { return bytes.ReplaceAll(k.Text(), []byte(" "), nil) }

// wrong replaces a digit by another one.
func wrong(d byte, by int) byte {
	const all = "0123456789abcdef"
	return all[(strings.IndexByte(all, d)+by)%16]
}

func TestRepairFindsEverySingleError(t *testing.T) {
	k := randomKey(t)
	for i := range Digits {
		for _, by := range []int{1, 7, 15} {
			d := digitsOf(k)
			d[i] = wrong(d[i], by)
			repairs(t, k, d, i/GroupSize+1)
		}
	}
	for i := range Digits - 1 {
		d := digitsOf(k)
		d[i], d[i+1] = d[i+1], d[i]
		repairs(t, k, d)
	}
	for g := range Groups - 1 {
		groups := k.Groups()
		groups[g], groups[g+1] = groups[g+1], groups[g]
		repairs(t, k, bytes.Join(groups, []byte(" ")))
	}
	for i := range Digits {
		d := digitsOf(k)
		repairs(t, k, append(d[:i:i], d[i+1:]...))
	}
	for i := range Digits + 1 {
		d := digitsOf(k)
		repairs(t, k, append(append(d[:i:i], '7'), d[i:]...))
	}
}

func TestRepairFindsTwoWrongDigits(t *testing.T) {
	for _, c := range [][4]int{{0, 63, 7, 15}, {61, 62, 1, 2}} {
		k := randomKey(t)
		d := digitsOf(k)
		i, j := c[0], c[1]
		d[i], d[j] = wrong(d[i], c[2]), wrong(d[j], c[3])
		repairs(t, k, d)
	}
}

func TestRepairFillsInWhatIsNoDigit(t *testing.T) {
	k := randomKey(t)
	d := digitsOf(k)
	d[0] = 'o'
	repairs(t, k, d, 1)
	d[17] = wrong(d[17], 3) // beside another wrong digit
	repairs(t, k, d, 1, 5)
	d = digitsOf(k)
	for _, i := range []int{0, 1, 30, 63} {
		d[i] = '?'
	}
	p := repairs(t, k, d, 1, 8, 16)
	if got := string(p.Changes[0].Before); !strings.HasPrefix(got, "??") {
		t.Errorf("before: %q", got)
	}
}

func TestRepairOfTheRightTextChangesNothing(t *testing.T) {
	k := randomKey(t)
	p := repairs(t, k, bytes.ToUpper(k.Text()))
	if len(p.Changes) != 0 {
		t.Errorf("%d changes", len(p.Changes))
	}
	p.Clear()
}

func TestClearedProposalHoldsNothing(t *testing.T) {
	k := randomKey(t)
	d := digitsOf(k)
	d[4] = wrong(d[4], 1)
	p := repairs(t, k, d, 2)
	p.Clear()
	if *p.Key.bytes != nil || !bytes.Equal(p.Changes[0].After, make([]byte, 4)) || !bytes.Equal(p.Changes[0].Before, make([]byte, 4)) {
		t.Error("the digits are still there")
	}
}

func TestRepairProposesNothingFarAway(t *testing.T) {
	k, other := randomKey(t), randomKey(t)
	three := digitsOf(k)
	for _, i := range []int{3, 20, 41} {
		three[i] = wrong(three[i], 5)
	}
	for name, text := range map[string][]byte{
		"three wrong digits": three,
		"63 of another":      digitsOf(other)[1:], "65 of another": append(digitsOf(other), '0'),
	} {
		list, err := Repair(context.Background(), text, k.ID())
		if err != nil || len(list) != 0 {
			t.Errorf("%s: %d proposals, %v", name, len(list), err)
		}
	}
}

func TestRepairRefusesWhatIsTooFar(t *testing.T) {
	k := randomKey(t)
	for _, c := range []struct {
		text   string
		digits int // 0: a SyntaxError
	}{
		{"", 0}, {strings.Repeat("a", 62), 62}, {strings.Repeat("a", 66), 66}, {strings.Repeat("a", 500), 500},
		{"?????" + strings.Repeat("a", 59), 0}, {"?" + strings.Repeat("a", 64), 0}, {strings.Repeat("a", 70) + "?", 0},
	} {
		_, err := Repair(context.Background(), []byte(c.text), k.ID())
		var count *CountError
		var syntax *SyntaxError
		switch {
		case errors.As(err, &count):
			if count.Digits != c.digits {
				t.Errorf("%q: %v", c.text, err)
			}
		case !errors.As(err, &syntax) || c.digits != 0:
			t.Errorf("%q: %v", c.text, err)
		}
	}
}

func TestRepairHonoursContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	k := randomKey(t)
	list, err := Repair(ctx, randomKey(t).Text(), k.ID())
	if !errors.Is(err, context.Canceled) || list != nil {
		t.Errorf("%d proposals, %v", len(list), err)
	}
}

// The slowest search: all of 453,600 pairs, without a hit.
func BenchmarkRepairNothingNear(b *testing.B) {
	text, want := randomKey(b).Text(), randomKey(b).ID()
	for b.Loop() {
		if list, err := Repair(context.Background(), text, want); err != nil || len(list) != 0 {
			b.Fatal(list, err)
		}
	}
}

func BenchmarkRepairOneWrong(b *testing.B) {
	k := randomKey(b)
	text := k.Text()
	text[40] = wrong(text[40], 1)
	for b.Loop() {
		if list, err := Repair(context.Background(), text, k.ID()); err != nil || len(list) != 1 {
			b.Fatal(list, err)
		}
	}
}
