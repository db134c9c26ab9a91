package backupkey

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func keyOf(t testing.TB, hexDigits string) *Key {
	t.Helper()
	b, err := hex.DecodeString(hexDigits)
	if err != nil {
		t.Fatal(err)
	}
	k, err := FromBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func randomKey(t testing.TB) *Key {
	t.Helper()
	k, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// genKey draws any key.
func genKey() *rapid.Generator[*Key] {
	return rapid.Custom(func(t *rapid.T) *Key {
		k, err := FromBytes(rapid.SliceOfN(rapid.Byte(), Size, Size).Draw(t, "bytes"))
		if err != nil {
			t.Fatal(err)
		}
		return k
	})
}

func mustPanic(t *testing.T, what string, fn func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s does not panic", what)
		}
	}()
	fn()
}

// The vectors were made by another implementation of RFC 5869.
func TestVectorsHold(t *testing.T) {
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Key, Text, ID string
		Derived       []struct {
			Label, Salt, Key string
			Length           int
		}
	}
	if err := json.Unmarshal(b, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range vectors {
		k := keyOf(t, v.Key)
		if got := string(k.Text()); got != v.Text {
			t.Errorf("text of %s is %q, want %q", v.Key, got, v.Text)
		}
		parsed, err := Parse([]byte(v.Text))
		if err != nil || !parsed.Equal(k) {
			t.Errorf("Parse(%q): not the same key (%v)", v.Text, err)
		}
		if got := k.ID().String(); got != v.ID {
			t.Errorf("id of %s is %s, want %s", v.Key, got, v.ID)
		}
		for _, d := range v.Derived {
			salt, err := hex.DecodeString(d.Salt)
			if err != nil {
				t.Fatal(err)
			}
			if got := hex.EncodeToString(k.Derive(Label(d.Label), salt, d.Length)); got != d.Key {
				t.Errorf("%s of %s is %s, want %s", d.Label, v.Key, got, d.Key)
			}
		}
	}
}

func TestNewKeysDiffer(t *testing.T) {
	if randomKey(t).Equal(randomKey(t)) {
		t.Error("two new keys are equal")
	}
}

func TestBytesAreCopies(t *testing.T) {
	given := bytes.Repeat([]byte{7}, Size)
	k, err := FromBytes(given)
	if err != nil {
		t.Fatal(err)
	}
	given[0] = 0
	k.Bytes()[1] = 0
	if !bytes.Equal(k.Bytes(), bytes.Repeat([]byte{7}, Size)) {
		t.Error("the key shares memory with its callers")
	}
	k.Groups()[0][0] = 'x'
	if k.Text()[0] != '0' {
		t.Error("the groups share memory with the key")
	}
}

func TestFromBytesRefusesOtherLengths(t *testing.T) {
	for _, n := range []int{0, 31, 33, 64} {
		if _, err := FromBytes(make([]byte, n)); !errors.Is(err, ErrSize) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestClearedKeyIsOverwrittenAndUnusable(t *testing.T) {
	k := keyOf(t, strings.Repeat("a5", Size))
	memory := k.raw()
	k.Clear()
	k.Clear()
	(*Key)(nil).Clear()
	if *memory != [Size]byte{} {
		t.Error("the bytes are still there")
	}
	for name, fn := range map[string]func(){
		"Bytes":  func() { k.Bytes() },
		"Text":   func() { k.Text() },
		"Derive": func() { k.Derive(LabelKeyringSeal, nil, 32) },
		"ID":     func() { k.ID() },
		"Equal":  func() { randomKey(t).Equal(k) },
		"zero":   func() { new(Key).ID() },
		"nil":    func() { (*Key)(nil).ID() },
	} {
		mustPanic(t, name, fn)
	}
}

func TestDerivePanicsOnImpossibleLengths(t *testing.T) {
	for _, n := range []int{-1, 0, 255*32 + 1} {
		mustPanic(t, fmt.Sprint(n, " bytes"), func() { randomKey(t).Derive(LabelKeyringSeal, nil, n) })
	}
}

func TestLabelsSaltsAndKeysSeparate(t *testing.T) {
	k, other := randomKey(t), randomKey(t)
	seen := map[string]bool{}
	for _, key := range []*Key{k, other} {
		for _, label := range []Label{LabelKeyID, LabelKeyringSeal, LabelHeaderSeal} {
			for _, salt := range []string{"", "a", "b"} {
				seen[string(key.Derive(label, []byte(salt), 32))] = true
			}
		}
	}
	if len(seen) != 2*3*3 {
		t.Errorf("%d different keys of 18", len(seen))
	}
}

// leaky are ways in which a key is met by accident.
type leaky struct {
	Exported    Key
	ExportedPtr *Key
	hidden      Key
	hiddenPtr   *Key
}

func TestNothingPrintsAKey(t *testing.T) {
	const secret = "0123456789abcdef0f1e2d3c4b5a69788796a5b4c3d2e1f00123456789abcdef"
	k := keyOf(t, secret)
	raw := k.Bytes()
	proposal := Proposal{Key: k, Changes: []Change{{Group: 3, Before: []byte("0123"), After: []byte("0f1e")}}}
	inside := leaky{*k, k, *k, k}
	values := map[string]any{
		"Key": *k, "*Key": k, "struct": inside, "*struct": &inside,
		"slice": []Key{*k}, "pointers": []*Key{k}, "map": map[string]*Key{"k": k},
		"change": proposal.Changes[0], "changes": proposal.Changes, "proposal": proposal, "proposals": []Proposal{proposal},
	}
	parts := map[string]bool{"change": true, "changes": true, "proposal": true, "proposals": true}
	check := func(how, out string) {
		t.Helper()
		low := strings.ToLower(out)
		leaks := []string{
			secret[:8], string(raw[:4]), fmt.Sprintf("%d", raw)[1:12], fmt.Sprintf("%#v", raw)[7:20], "1 35 69", "48 49 50",
			hex.EncodeToString([]byte(secret[:4])), "ASNFZ4", "MDEy",
		}
		if name, _, _ := strings.Cut(how, " "); parts[name] {
			leaks = append(leaks, "0f1e", "0123") // elsewhere they may be digits of an address
		}
		for _, leak := range leaks {
			if strings.Contains(low, strings.ToLower(leak)) {
				t.Errorf("%s: leaks %q: %s", how, leak, out)
			}
		}
	}
	for name, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "% x", "%q", "%d", "%o", "%b", "%c", "%U", "%t", "%08.3f", "%p", "%T",
			"%w"} {
			if parts[name] && (verb == "%p" || verb == "%w") {
				continue // fmt asks no method for these; go vet refuses them
			}
			check(name+" "+verb, fmt.Sprintf(verb, v))
		}
		check(name+" Print", fmt.Sprint(v)+fmt.Sprintln(v))
		b, err := json.Marshal(v)
		if err == nil {
			t.Errorf("json encodes %s: %s", name, b)
		}
		check(name+" json", fmt.Sprint(string(b), err))
		var out bytes.Buffer
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v, slog.Group("g", "v", v))
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v, slog.Group("g", "v", v))
		check(name+" slog", out.String())
	}
	if got := k.String() + fmt.Sprintf("%#v", k) + k.GoString(); got != strings.Repeat(hidden, 3) {
		t.Errorf("placeholder: %s", got)
	}
	if _, err := k.MarshalText(); !errors.Is(err, ErrHidden) {
		t.Error("MarshalText", err)
	}
	if _, err := k.MarshalBinary(); !errors.Is(err, ErrHidden) {
		t.Error("MarshalBinary", err)
	}
	if (inside.hidden.bytes == nil) || inside.hiddenPtr == nil {
		t.Error("the struct did not hold the key")
	}
}

func TestIDTextRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := ID(rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "id"))
		back, err := ParseID(id.String())
		if err != nil || back != id {
			t.Fatalf("%s: %s, %v", id, back, err)
		}
	})
	for _, bad := range []string{"", "00", "0123456789abcde", "0123456789abcdef0", "0123456789abcdeg", "0123456789ABCDEF",
		"0123456789abcde "} {
		if _, err := ParseID(bad); !errors.Is(err, ErrID) {
			t.Errorf("ParseID(%q): %v", bad, err)
		}
	}
}

// The fast way of Repair gives what the plain way gives.
func TestHasherAgreesWithID(t *testing.T) {
	h := newIDHasher()
	defer h.clear()
	rapid.Check(t, func(t *rapid.T) {
		k := genKey().Draw(t, "key")
		if got := h.id(k.raw()); got != k.ID() {
			t.Fatalf("%s, want %s", got, k.ID())
		}
	})
}

func BenchmarkID(b *testing.B) {
	k, h := randomKey(b), newIDHasher()
	b.ReportAllocs()
	for b.Loop() {
		h.id(k.raw())
	}
}
