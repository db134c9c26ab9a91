package release

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// signed returns a source and what signs notices for it.
func signed(t *testing.T) (Source, func(text string) []byte) {
	t.Helper()
	private, public, err := note.GenerateKey(rand.Reader, "releases.example")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return Source{Address: "https://releases.example/holdfast", Key: public}, func(text string) []byte {
		t.Helper()
		msg, err := note.Sign(&note.Note{Text: text}, signer)
		if err != nil {
			t.Fatal(err)
		}
		return msg
	}
}

const good = "holdfast release v1\n1.2.0\n2026-12-24\nhttps://releases.example/1.2.0\n"

func TestANotice(t *testing.T) {
	s, sign := signed(t)
	fetch := func(_ context.Context, address string, most int64) ([]byte, error) {
		if address != s.Address || most != MaxNotice {
			t.Errorf("asked for %d bytes of %s", most, address)
		}
		return sign(good), nil
	}
	n, err := s.Ask(t.Context(), fetch)
	want := Notice{Version: "1.2.0", Released: time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC), Page: "https://releases.example/1.2.0"}
	if err != nil || n != want {
		t.Fatalf("read %+v, %v", n, err)
	}
	if n, err := s.Read(sign(good + "a line of a later version\n")); err != nil || n != want {
		t.Errorf("with one line more: %+v, %v", n, err)
	}
	for version, newer := range map[string]bool{
		"1.1.9": true, "1.2.0-dev.20261130.8f0b9c3": true, "1.2.0": false, "1.10.0": false, "2.0.0-rc.1": false, "dev": false, "": false,
	} {
		if got := n.NewerThan(version); got != newer {
			t.Errorf("newer than %q: %v", version, got)
		}
	}
}

// Whoever holds the address, but not the key, tells of no version.
func TestOtherNotices(t *testing.T) {
	s, sign := signed(t)
	_, other := signed(t)
	whole := sign(good)
	for name, text := range map[string][]byte{
		"empty":            {},
		"not signed":       []byte(good),
		"another key":      other(good),
		"changed":          []byte(strings.Replace(string(whole), "1.2.0", "9.9.9", 1)),
		"cut":              whole[:len(whole)-9],
		"Windows' lines":   []byte(strings.ReplaceAll(string(whole), "\n", "\r\n")),
		"another text":     sign("holdfast release v2\n1.2.0\n2026-12-24\nhttps://releases.example/\n"),
		"no version":       sign("holdfast release v1\nnewest\n2026-12-24\nhttps://releases.example/\n"),
		"no day":           sign("holdfast release v1\n1.2.0\ntoday\nhttps://releases.example/\n"),
		"no page":          sign("holdfast release v1\n1.2.0\n2026-12-24\nfile:///etc/passwd\n"),
		"page in clear":    sign("holdfast release v1\n1.2.0\n2026-12-24\nhttp://releases.example/\n"),
		"page with a name": sign("holdfast release v1\n1.2.0\n2026-12-24\nhttps://holdfast@evil.example/\n"),
		"too few lines":    sign("holdfast release v1\n1.2.0\n2026-12-24\n"),
		"too long":         sign(good + strings.Repeat("x", MaxNotice) + "\n"),
	} {
		if n, err := s.Read(text); !errors.Is(err, ErrNoNotice) || n != (Notice{}) {
			t.Errorf("%s: %+v, %v", name, n, err)
		}
	}
	if _, err := (Source{Key: "no key"}).Read(whole); !errors.Is(err, ErrNoNotice) {
		t.Errorf("with no key: %v", err)
	}
	lost := errors.New("no network")
	if _, err := s.Ask(t.Context(), func(context.Context, string, int64) ([]byte, error) { return nil, lost }); !errors.Is(err, lost) {
		t.Errorf("a lost connection: %v", err)
	}
}

func FuzzNotice(f *testing.F) {
	s := Source{Key: "releases.example+b1f4a3d6+ATyQl0K5v0D0Yy4H5H6V0y6o1s9l9g3m1Z7t0q3k2Y8x"}
	f.Add([]byte(good))
	f.Add([]byte(good + "\n— releases.example+b1f4a3d6 AAAA\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if n, err := s.Read(text); err == nil {
			t.Errorf("a text that nobody signed tells of %+v", n)
		}
	})
}
