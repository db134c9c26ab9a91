package smb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/files"
	"github.com/holdfast-backup/holdfast/remote/stall"
	"github.com/holdfast-backup/holdfast/third_party/smb2"
)

// connection is one connection with one session and one share. One call uses it at a time.
type connection struct {
	*smb2.Share
	files.Line
	session *smb2.Session
}

// End implements files.Connection.
func (c *connection) End() {
	c.Wire.Close() //nolint:errcheck // it is given up
}

// dialer makes connections to one share.
type dialer struct {
	server   string // host and port
	share    string // \\host\share
	user     string
	domain   string
	password string
}

func newDialer(a address.Address, share string, secret address.Secret) (*dialer, error) {
	host, server := files.HostPort(a.Host, "445")
	d := &dialer{server: server, user: a.User, password: secret[address.Password]}
	d.share = `\\` + strings.ReplaceAll(host, ":", "-") + `\` + share // servers do not look at the host
	if domain, name, ok := strings.Cut(a.User, ";"); ok {             // as RFC 2384 and smbclient write it
		d.domain, d.user = domain, name
	} else if domain, name, ok := strings.Cut(a.User, `\`); ok { // as Windows does
		d.domain, d.user = domain, name
	}
	var err error
	if d.user, err = files.User(d.user); err != nil {
		return nil, err
	}
	if d.password == "" {
		return nil, fmt.Errorf("%w: there is no password", store.ErrSignIn)
	}
	return d, nil
}

// dial connects, signs in and opens the share. All that the server says from then on is signed, or encrypted where it can do that.
func (d *dialer) dial(ctx context.Context) (*connection, error) {
	return files.Dial(ctx, d.server, d.signIn)
}

func (d *dialer) signIn(ctx context.Context, wire *stall.Conn) (*connection, error) {
	dialer := smb2.Dialer{
		Negotiator: smb2.Negotiator{RequireMessageSigning: true, Encrypt: true},
		Initiator:  &smb2.NTLMInitiator{User: d.user, Domain: d.domain, Password: d.password},
	}
	session, err := dialer.DialConn(ctx, wire, d.server)
	switch {
	case err == nil:
	case errors.Is(err, smb2.ErrNotSigned):
		return nil, fmt.Errorf("%w: the server takes the user for a guest, and signs nothing for guests", store.ErrSignIn)
	case errors.Is(err, fs.ErrPermission), refusals[status(err)]:
		return nil, fmt.Errorf("%w: the server does not accept the user with this password: %w", store.ErrSignIn, err)
	default:
		return nil, fmt.Errorf("%w: %w", store.ErrUnreachable, err)
	}
	share, err := session.Mount(d.share)
	if err != nil {
		return nil, mounting(err)
	}
	return &connection{Share: share, Line: files.Line{Wire: wire}, session: session}, nil
}

// mounting says what it means that a share cannot be opened.
func mounting(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: the server does not let this user into the share", store.ErrPermission)
	case status(err) == statusBadNetworkName, errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: there is no such share on the server", store.ErrUnreachable)
	case lost(err):
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrUnreachable, err)
}
