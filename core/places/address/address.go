// Package address is how a place that is no folder is written: as a URL, without anything secret.
package address

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
)

// Address is a place that is no folder.
type Address struct {
	Kind  Kind
	User  string // at the host
	Host  string // with a port where one is given; of a bucket or a remote, its name
	Path  string // cleaned; absolute for a server that has such paths
	Query url.Values
}

// Kind is a kind of place, by its scheme.
type Kind string

// The kinds.
const (
	SFTP     Kind = "sftp"
	WebDAV   Kind = "davs"
	WebDAVIn Kind = "dav" // in clear
	S3       Kind = "s3"
	Azure    Kind = "azblob"
	Google   Kind = "gs"
	B2       Kind = "b2"
	SMB      Kind = "smb"
	Drive    Kind = "gdrive" // Google's
	OneDrive Kind = "onedrive"
	Dropbox  Kind = "dropbox"
)

// spec is what a kind's addresses hold.
type spec struct {
	host    bool     // a host or a bucket is needed
	user    bool     // a user may stand before the host
	share   bool     // the path begins with the name of a share
	queries []string // that may follow
	needed  []string // queries that must
	whole   bool     // an endpoint is a whole URL
	secret  []string // the fields of its secret, as they are asked for
	signIn  bool     // the person signs in to it, in a browser; it is written kind:/folder
}

var specs = map[Kind]spec{
	SFTP:     {host: true, user: true, secret: []string{"password"}},
	WebDAV:   {host: true, user: true, secret: []string{"password"}},
	WebDAVIn: {host: true, user: true, secret: []string{"password"}},
	S3: {
		host: true, queries: []string{"endpoint", "region", "provider", "style"},
		secret: []string{"access_key_id", "secret_access_key"},
	},
	Azure:  {host: true, queries: []string{"account", "endpoint"}, needed: []string{"account"}, whole: true, secret: []string{AccountKey}},
	Google: {host: true, queries: []string{"endpoint"}, whole: true, secret: []string{ServiceAccount}},
	B2:     {host: true, secret: []string{B2KeyID, B2Key}},
	SMB:    {host: true, user: true, share: true, secret: []string{"password"}},
	// The client is the person's own, in place of the one of this build: it is a part of where a backup is, since another
	// one may not see it.
	Drive:    {signIn: true, queries: []string{"client"}, secret: []string{Token}},
	OneDrive: {signIn: true, queries: []string{"client"}, secret: []string{Token}},
	Dropbox:  {signIn: true, queries: []string{"client"}, secret: []string{Token}},
}

// SignsIn reports whether people sign in to a kind of place in a browser.
func (k Kind) SignsIn() bool { return specs[k].signIn }

// ErrInvalid: this is no address of a place.
var ErrInvalid = errors.New("no address of a place")

// Errors within ErrInvalid.
var (
	// ErrUnknown: no kind of place that this version knows is written so.
	ErrUnknown = fmt.Errorf("%w: of no kind that this version knows", ErrInvalid)
	// ErrSecret: an address holds a password or a key.
	ErrSecret = fmt.Errorf("%w: it holds a password, which goes into a file or the form", ErrInvalid)
)

// Parse reads an address. Errors: ErrInvalid, which says what is wrong; none repeats a secret.
func Parse(text string) (Address, error) {
	scheme, rest, ok := strings.Cut(text, ":")
	kind := Kind(strings.ToLower(scheme))
	s, known := specs[kind]
	switch {
	case !ok || !known:
		return Address{}, fmt.Errorf("%w: %q", ErrUnknown, scheme)
	case s.signIn && (!strings.HasPrefix(rest, "/") || strings.HasPrefix(rest, "//")):
		return Address{}, fmt.Errorf("%w: a place of this kind is written %s:/Folder", ErrInvalid, kind)
	case !s.signIn && !strings.HasPrefix(rest, "//"):
		return Address{}, fmt.Errorf("%w: a place of this kind is written %s://…", ErrInvalid, kind)
	}
	u, err := url.Parse(string(kind) + ":" + rest)
	if err != nil {
		return Address{}, fmt.Errorf("%w of the form %s://…", ErrInvalid, kind) // err repeats the address, with what may be secret
	}
	if _, secret := u.User.Password(); secret {
		return Address{}, ErrSecret
	}
	a := Address{Kind: kind, User: u.User.Username(), Host: u.Host, Path: path.Clean("/" + u.Path), Query: u.Query()}
	switch {
	case s.host && u.Hostname() == "":
		return Address{}, fmt.Errorf("%w: %s:// is followed by the name of a server or a bucket", ErrInvalid, kind)
	case s.signIn && a.Path == "/":
		return Address{}, fmt.Errorf("%w: the name of a folder follows, %s:/Folder", ErrInvalid, kind)
	case s.signIn && strings.ContainsAny(a.Path, "\\:*?\"<>|"):
		return Address{}, fmt.Errorf(`%w: no folder in a cloud has one of \:*?"<>|`, ErrInvalid)
	case a.User != "" && !s.user:
		return Address{}, fmt.Errorf("%w: %s:// has no user before the name", ErrInvalid, kind)
	case s.share && a.Path == "/":
		return Address{}, fmt.Errorf("%w: the name of a share follows the server, %s://user@server/share", ErrInvalid, kind)
	case s.share && strings.ContainsAny(a.Path, "\\:*?\"<>|"): // a colon leads into a stream of a file
		return Address{}, fmt.Errorf(`%w: no name in a share has one of \:*?"<>|`, ErrInvalid)
	case u.Fragment != "":
		return Address{}, fmt.Errorf("%w: write # as %%23", ErrInvalid)
	}
	if err := s.check(a); err != nil {
		return Address{}, err
	}
	return a, nil
}

// check reads what follows the question mark.
func (s spec) check(a Address) error {
	for q := range a.Query {
		switch {
		case slices.Contains(s.queries, q):
		case looksSecret(q):
			return ErrSecret
		default:
			return fmt.Errorf("%w: %s:// knows no %q", ErrInvalid, a.Kind, q)
		}
	}
	for _, q := range s.needed {
		if a.Query.Get(q) == "" {
			return fmt.Errorf("%w: %s:// needs ?%s=…", ErrInvalid, a.Kind, q)
		}
	}
	odd := func(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' }
	if strings.ContainsFunc(a.Query.Get("account"), odd) { // it becomes a part of the server's name
		return fmt.Errorf("%w: an account has small letters and digits", ErrInvalid)
	}
	switch e := a.Query.Get("endpoint"); {
	case strings.ContainsAny(e, "@?"): // a password before the host, a signature after the path
		return ErrSecret
	case e != "" && s.whole && !strings.HasPrefix(e, "https://") && !strings.HasPrefix(e, "http://"):
		return fmt.Errorf("%w: an endpoint is written https://…", ErrInvalid)
	}
	return nil
}

func looksSecret(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"pass", "secret", "key", "token", "sig"}, func(s string) bool { return strings.Contains(name, s) })
}

// String writes the address as Parse reads it.
func (a Address) String() string {
	u := url.URL{Scheme: string(a.Kind), Host: a.Host, Path: a.Path, RawQuery: a.Query.Encode(), OmitHost: specs[a.Kind].signIn}
	if a.User != "" {
		u.User = url.User(a.User)
	}
	if u.Path == "/" {
		u.Path = ""
	}
	return u.String()
}

// titles are what people call clouds.
var titles = map[Kind]string{Drive: "Google Drive", OneDrive: "OneDrive", Dropbox: "Dropbox"}

// Title is what people call the place: "Google Drive, Holdfast", or the address without settings.
func (a Address) Title() string {
	if name := titles[a.Kind]; name != "" {
		return name + ", " + strings.TrimPrefix(a.Path, "/")
	}
	a.Query = nil
	text := a.String()
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}

// Fields names the fields of a kind's secret, in the order in which a file may give them, a line each.
func (k Kind) Fields() []string { return slices.Clone(specs[k].secret) }

// Join returns the address of a folder in a place. Errors: ErrInvalid where no folder of this kind of place is named so.
func (a Address) Join(folder string) (Address, error) {
	a.Path = path.Join(a.Path, folder)
	read, err := Parse(a.String())
	if err == nil && read.Path != a.Path {
		err = fmt.Errorf("%w: a folder in it", ErrInvalid)
	}
	return read, err
}
