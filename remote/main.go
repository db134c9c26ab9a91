// Holdfast-remote keeps sealed objects at servers and in clouds for Holdfast, which starts it and speaks with it over
// its standard input and output. It never holds a backup key.
package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"golang.org/x/term"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/remote/wire"
	"github.com/holdfast-backup/holdfast/plug/nodump"
	"github.com/holdfast-backup/holdfast/remote/azure"
	"github.com/holdfast-backup/holdfast/remote/b2"
	"github.com/holdfast-backup/holdfast/remote/bucket"
	"github.com/holdfast-backup/holdfast/remote/confine"
	"github.com/holdfast-backup/holdfast/remote/gcs"
	"github.com/holdfast-backup/holdfast/remote/oauth"
	"github.com/holdfast-backup/holdfast/remote/s3"
	"github.com/holdfast-backup/holdfast/remote/serve"
	"github.com/holdfast-backup/holdfast/remote/sftp"
	"github.com/holdfast-backup/holdfast/remote/smb"
	"github.com/holdfast-backup/holdfast/remote/web"
	"github.com/holdfast-backup/holdfast/remote/webdav"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "holdfast-remote: %v\n", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) > 1 || term.IsTerminal(int(os.Stdin.Fd())) {
		return errors.New("this program is started by Holdfast, and does nothing by itself")
	}
	if err := nodump.Forbid(); err != nil {
		return err
	}
	// Authorities may be in any file (SSL_CERT_FILE). They are read now, while this process may.
	_, _ = x509.SystemCertPool() // without them no certificate counts, and that is told then
	if err := confine.Files(); err != nil {
		return err
	}
	// What takes memory are objects on their way, and few other things: to collect them early costs next to nothing.
	debug.SetGCPercent(25)
	pipes := both{os.Stdin, os.Stdout}
	os.Stdout = os.Stderr // what a library prints does not go between the answers
	return serve.Serve(pipes, serve.Places{Open: open, SignIn: signIn, Page: page})
}

// both are two pipes as one connection.
type both struct{ in, out *os.File }

func (b both) Read(p []byte) (int, error)  { return b.in.Read(p) }
func (b both) Write(p []byte) (int, error) { return b.out.Write(p) }
func (b both) Close() error                { return errors.Join(b.in.Close(), b.out.Close()) }

var _ io.ReadWriteCloser = both{}

// open opens a place of any kind.
func open(ctx context.Context, o wire.Open, changed func(json.RawMessage)) (store.Store, error) {
	a, err := address.Parse(o.Place)
	if err != nil {
		return nil, err
	}
	secret, err := secretOf(o.Secret)
	if err != nil {
		return nil, err
	}
	if params := buckets[a.Kind]; params != nil && o.Known && !o.Create {
		p, err := params(a, secret)
		if err != nil {
			return nil, err
		}
		return bucket.New(p), nil
	}
	switch a.Kind {
	case address.SFTP:
		if o.Known && !o.Create {
			return some(sftp.New(a, secret))
		}
		return some(sftp.Open(ctx, a, secret, o.Create))
	case address.WebDAV, address.WebDAVIn:
		return some(webdav.Open(ctx, a, secret, o.Create))
	case address.S3:
		return some(s3.Open(ctx, a, secret, o.Create))
	case address.Azure:
		return some(azure.Open(ctx, a, secret, o.Create))
	case address.Google:
		return some(gcs.Open(ctx, a, secret))
	case address.B2:
		return some(b2.Open(ctx, a, secret, o.Create, web.Options{}))
	case address.SMB:
		return some(smb.Open(ctx, a, secret, o.Create))
	}
	if p, ok := providers()[a.Kind]; ok {
		return some(p.open(ctx, oauth.Params{Address: a, Secret: secret, Create: o.Create, Changed: raw(changed)}))
	}
	return nil, fmt.Errorf("%w: %s", address.ErrUnknown, a.Kind)
}

// buckets are the kinds that need not be asked when they are opened.
var buckets = map[address.Kind]func(address.Address, address.Secret) (bucket.Params, error){
	address.S3: s3.Params, address.Azure: azure.Params, address.Google: gcs.Params,
	address.B2: b2.Params,
}

// secretOf reads the secret of a place. No error repeats a part of it.
func secretOf(text json.RawMessage) (secret address.Secret, err error) {
	if len(text) > 0 && json.Unmarshal(text, &secret) != nil {
		return nil, errors.New("the place's secret cannot be read")
	}
	return secret, nil
}

// raw has changed be told of a secret.
func raw(changed func(json.RawMessage)) func(address.Secret) {
	return func(s address.Secret) {
		if text, err := json.Marshal(s); err == nil { // as that of texts is
			changed(text)
		}
	}
}

// some returns no store beside an error: a nil pointer in an interface is none.
func some[S store.Store](s S, err error) (store.Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}
