package release

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"golang.org/x/mod/semver"
	"golang.org/x/mod/sumdb/note"
)

// Where a notice of newer versions lies, and the key that signs it. Who builds Holdfast for others sets both by the linker
// (docs/adr/0044); without them nobody is asked.
var noticeAddress, noticeKey string

// Source is where notices come from.
type Source struct {
	Address string // https://…
	Key     string // a verifier's, as note.NewVerifier reads it
}

// Built returns the source that this build knows. ok is false where it knows none.
func Built() (s Source, ok bool) {
	return Source{Address: noticeAddress, Key: noticeKey}, noticeAddress != "" && noticeKey != ""
}

// Notice says which version is the newest.
type Notice struct {
	Version  string // by SemVer, without a "v"
	Released time.Time
	Page     string // about it, https://…
}

// MaxNotice is the size of the largest notice that is read, bytes.
const MaxNotice = 4 << 10

// ErrNoNotice: a text is no notice that the key has signed.
var ErrNoNotice = errors.New("this is no signed notice of a version of Holdfast")

// title is the first line of a notice.
const title = "holdfast release v1"

// Ask fetches the notice. fetch returns what lies at an address, at most so many bytes.
// Errors: ErrNoNotice, those of fetch.
func (s Source) Ask(ctx context.Context, fetch func(ctx context.Context, address string, most int64) ([]byte, error)) (Notice, error) {
	text, err := fetch(ctx, s.Address, MaxNotice)
	if err != nil {
		return Notice{}, err
	}
	return s.Read(text)
}

// Read reads a notice that the source's key has signed (docs/adr/0044). Lines that a later version adds are skipped.
// Errors: ErrNoNotice.
func (s Source) Read(text []byte) (Notice, error) {
	fail := func(err error) (Notice, error) { return Notice{}, fmt.Errorf("%w: %w", ErrNoNotice, err) }
	verifier, err := note.NewVerifier(s.Key)
	if err != nil {
		return fail(err)
	}
	if len(text) > MaxNotice || bytes.ContainsRune(text, '\r') {
		return fail(errors.New("it is too long, or was changed on its way"))
	}
	signed, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return fail(err)
	}
	return ParseNotice(signed.Text)
}

// Text is what is signed.
func (n Notice) Text() string {
	return fmt.Sprintf("%s\n%s\n%s\n%s\n", title, n.Version, n.Released.Format(time.DateOnly), n.Page)
}

// ParseNotice reads a notice's text, without its signature. Errors: ErrNoNotice.
func ParseNotice(text string) (n Notice, err error) {
	fail := func(err error) (Notice, error) { return Notice{}, fmt.Errorf("%w: %w", ErrNoNotice, err) }
	lines := strings.Split(text, "\n")
	if len(lines) < 5 || lines[0] != title {
		return fail(errors.New("lines are missing"))
	}
	n = Notice{Version: lines[1], Page: lines[3]}
	if !semver.IsValid("v" + n.Version) {
		return fail(fmt.Errorf("%q is no version", n.Version))
	}
	if n.Released, err = time.Parse(time.DateOnly, lines[2]); err != nil {
		return fail(err)
	}
	if u, err := url.Parse(n.Page); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return fail(fmt.Errorf("%q is no page", n.Page))
	}
	return n, nil
}

// NewerThan reports whether a notice is about a later version. Nothing is later than what is no version, as "dev".
func (n Notice) NewerThan(version string) bool {
	return semver.IsValid("v"+n.Version) && semver.IsValid("v"+version) && semver.Compare("v"+n.Version, "v"+version) > 0
}
