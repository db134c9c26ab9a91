// Package wire is what the app and holdfast-remote say to each other: HTTP/2 with prior knowledge over the
// program's standard input and output (docs/remote.md).
package wire

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
)

// Paths of requests. An object's name follows PathObject.
const (
	PathOpen      = "/v1/open"      // POST Open → Opened
	PathObject    = "/v1/object/"   // PUT, GET with Range, HEAD, DELETE
	PathList      = "/v1/list"      // GET ?prefix= → lines of Item
	PathFree      = "/v1/free"      // GET → Free
	PathTemporary = "/v1/temporary" // DELETE ?seconds= → Removed
	PathSecret    = "/v1/secret"    // GET → lines of secrets, one for each change; DELETE ends them, after the last
	PathSignIn    = "/v1/sign-in"   // POST SignIn → lines of SignedIn
	PathBelow     = "/v1/below"     // GET ?object=&most=&newest= → lines of Below
	PathPage      = "/v1/page"      // POST Page → what lies there
)

// HeaderFresh marks a PUT that must not overwrite.
const HeaderFresh = "If-None-Match"

// Which part of an object is asked for, and how large an object is, bytes in decimal digits.
const (
	HeaderOffset = "Holdfast-Offset"
	HeaderLength = "Holdfast-Length"
	HeaderSize   = "Holdfast-Size"
	HeaderMost   = "Holdfast-Most" // of a whole object, in place of offset and length
)

// HeaderFailure marks an answer whose body is a Failure.
const HeaderFailure = "Holdfast-Failure"

// MaxObject is the size of the largest object that goes through, bytes.
const MaxObject = 256 << 20

// Open asks for a place.
type Open struct {
	Place  string          `json:"place"`            // as core/places writes it
	Secret json.RawMessage `json:"secret,omitempty"` // what opens it, by kind of place
	Create bool            `json:"create,omitempty"`
	// Known: the place was used before, so it need not be asked for anything yet.
	Known bool `json:"known,omitempty"`
}

// Opened says what was opened.
type Opened struct {
	Location    string `json:"location"`
	Connections int    `json:"connections"`
	Space       bool   `json:"space,omitempty"` // the place knows how much room is left
	Lags        bool   `json:"lags,omitempty"`  // of store.Properties, as Flat
	Flat        bool   `json:"flat,omitempty"`
	Temporary   bool   `json:"temporary,omitempty"` // broken writes can leave files behind
	Below       bool   `json:"below,omitempty"`     // it is a store.BelowLooker
	// Of store.Facts.
	Deletes  store.Deletion `json:"deletes,omitempty"`
	PaidDays int            `json:"paid_days,omitempty"`
	ByTimes  bool           `json:"by_times,omitempty"`
}

// SignIn asks for a sign-in to a place.
type SignIn struct {
	Place  string          `json:"place"`            // as core/places writes it
	Secret json.RawMessage `json:"secret,omitempty"` // what is known of the place, as the secret of the person's own client
}

// SignedIn is a line of the answer: a page to show, then the secret that the place has from now on, or a failure.
type SignedIn struct {
	Page    string          `json:"page,omitempty"`
	Secret  json.RawMessage `json:"secret,omitempty"`
	Failure *Failure        `json:"failure,omitempty"`
}

// Page asks for what lies at an address of the web. No place need be open.
type Page struct {
	Address string `json:"address"` // https://…
	Most    int64  `json:"most"`    // bytes, at most MaxPage
}

// MaxPage is the size of the largest page that goes through, bytes.
const MaxPage = 1 << 20

// Item is a line of a list: an object, the end, or a failure.
type Item struct {
	Name    string   `json:"n,omitempty"`
	Size    int64    `json:"s,omitempty"`
	End     bool     `json:"end,omitempty"` // without it, the list was cut off
	Failure *Failure `json:"failure,omitempty"`
}

// Below is a line about the folders one level below the place: a folder, the end, or a failure.
type Below struct {
	Folder  string    `json:"n,omitempty"`
	Data    []byte    `json:"d,omitempty"`
	Changed time.Time `json:"t,omitzero"`
	End     bool      `json:"end,omitempty"` // without it, the list was cut off
	Failure *Failure  `json:"failure,omitempty"`
}

// Free is the room left at a place, bytes.
type Free struct {
	Bytes uint64 `json:"bytes"`
}

// Removed counts leftovers that were removed.
type Removed struct {
	Files int `json:"files"`
}

// Failure is an error of a store.
type Failure struct {
	Kind     string               `json:"kind"` // of kinds, "" for any other
	Message  string               `json:"message"`
	Identity *store.IdentityError `json:"identity,omitempty"`
}

// kinds are the errors that a caller of a store decides on.
var kinds = []struct {
	name string
	err  error
}{
	{"not-exist", store.ErrNotExist},
	{"exists", store.ErrExists},
	{"no-space", store.ErrNoSpace},
	{"permission", store.ErrPermission},
	{"unreachable", store.ErrUnreachable},
	{"invalid-name", store.ErrInvalidName},
	{"too-large", store.ErrTooLarge},
	{"closed", store.ErrClosed},
	{"sign-in", store.ErrSignIn},
	{"no-client", address.ErrNoClient},
	{"short", io.ErrUnexpectedEOF},
}

// maxMessage is the length of the longest message, bytes: servers answer with whole pages.
const maxMessage = 1000

// Fail returns an error as a Failure. The operation and the object's name stay out: the caller knows them.
func Fail(err error) Failure {
	var place *store.Error
	if errors.As(err, &place) {
		err = place.Err
	}
	f := Failure{Message: err.Error()}
	if len(f.Message) > maxMessage {
		f.Message = strings.ToValidUTF8(f.Message[:maxMessage], "") + "…"
	}
	errors.As(err, &f.Identity)
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			f.Kind = k.name
			break
		}
	}
	return f
}

// Err returns a Failure as the error that it was.
func (f Failure) Err() error {
	if f.Identity != nil {
		return f.Identity
	}
	for _, k := range kinds {
		if f.Kind == k.name {
			if f.Message == k.err.Error() {
				return k.err
			}
			return &failure{f.Message, k.err}
		}
	}
	return errors.New(f.Message)
}

// failure has the words of the other side and the kind of this one.
type failure struct {
	message string
	kind    error
}

func (f *failure) Error() string { return f.message }
func (f *failure) Unwrap() error { return f.kind }
