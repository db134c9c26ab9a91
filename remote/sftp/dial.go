package sftp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/files"
	"github.com/holdfast-backup/holdfast/remote/stall"
)

// connection is one SSH connection with one SFTP session. One call uses it at a time.
type connection struct {
	*sftp.Client
	files.Line
	ssh *ssh.Client
}

// End implements files.Connection.
func (c *connection) End() {
	c.Wire.Close() //nolint:errcheck // it is given up
	c.ssh.Close()  //nolint:errcheck // and so is this
}

// folder reads a folder to its end, unless ctx has ended before: what is cut off leaves a handle open at the server.
func (c *connection) folder(ctx context.Context, path string) ([]fs.FileInfo, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.ReadDir(path)
}

// leave closes a file that was only read from. Nobody waits for it.
func (c *connection) leave(f *sftp.File) {
	c.Behind(func() { _ = f.Close() }) // a connection that is lost has closed it
}

// discard removes a file that is no object, or is one by another name by now. Nobody waits for it: one that stays is found
// by CleanTemporary.
func (c *connection) discard(w *written) {
	if w.moved {
		return
	}
	c.Behind(func() {
		_ = w.close() // it was written to, or the put has failed
		_ = c.Remove(w.at)
	})
}

// dialer makes connections to one server.
type dialer struct {
	server string // host and port
	config ssh.ClientConfig
}

func newDialer(a address.Address, secret address.Secret) (*dialer, error) {
	d := new(dialer)
	_, d.server = files.HostPort(a.Host, "22")
	var err error
	if d.config.User, err = files.User(a.User); err != nil {
		return nil, err
	}
	if err := d.believe(secret[address.Identity]); err != nil {
		return nil, err
	}
	return d, d.authenticate(secret)
}

// believe accepts the key that the person has agreed to, and no other.
func (d *dialer) believe(agreed string) error {
	var want ssh.PublicKey
	if agreed != "" {
		k, _, _, _, err := ssh.ParseAuthorizedKey([]byte(agreed))
		if err != nil {
			return errors.New("the server's key that was agreed to cannot be read")
		}
		want = k
		d.config.HostKeyAlgorithms = algorithms(k.Type())
	}
	d.config.HostKeyCallback = func(_ string, _ net.Addr, got ssh.PublicKey) error {
		if want != nil && string(want.Marshal()) == string(got.Marshal()) {
			return nil
		}
		return &store.IdentityError{
			Server: d.server, Kind: "ssh", Fingerprint: ssh.FingerprintSHA256(got),
			Key: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(got))), Changed: want != nil,
		}
	}
	return nil
}

// algorithms are those that prove a type of key: the server is to show the one that was agreed to.
func algorithms(keyType string) []string {
	if keyType == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{keyType}
}

// authenticate takes what the secret holds, and else the agent of this computer.
func (d *dialer) authenticate(secret address.Secret) error {
	if text := secret[address.Key]; text != "" {
		var signer ssh.Signer
		var err error
		if pass := secret[address.Passphrase]; pass != "" {
			signer, err = ssh.ParsePrivateKeyWithPassphrase([]byte(text), []byte(pass))
		} else {
			signer, err = ssh.ParsePrivateKey([]byte(text))
		}
		if missing := (*ssh.PassphraseMissingError)(nil); errors.As(err, &missing) {
			return fmt.Errorf("%w: the private key needs its passphrase", store.ErrSignIn)
		}
		if err != nil {
			return fmt.Errorf("%w: the private key cannot be read", store.ErrSignIn)
		}
		d.config.Auth = append(d.config.Auth, ssh.PublicKeys(signer))
	}
	if pass := secret[address.Password]; pass != "" {
		d.config.Auth = append(d.config.Auth, ssh.Password(pass),
			ssh.KeyboardInteractive(func(_, _ string, questions []string, _ []bool) ([]string, error) {
				answers := make([]string, len(questions))
				for i := range answers {
					answers[i] = pass
				}
				return answers, nil
			}))
	}
	if len(d.config.Auth) == 0 {
		at := os.Getenv("SSH_AUTH_SOCK")
		if at == "" {
			return fmt.Errorf("%w: there is no password and no key, and no agent runs", store.ErrSignIn)
		}
		d.config.Auth = append(d.config.Auth, ssh.PublicKeysCallback(func() ([]ssh.Signer, error) {
			c, err := net.Dial("unix", at)
			if err != nil {
				return nil, err
			}
			return agent.NewClient(c).Signers()
		}))
	}
	return nil
}

// dial connects and signs in.
func (d *dialer) dial(ctx context.Context) (*connection, error) {
	return files.Dial(ctx, d.server, d.signIn)
}

func (d *dialer) signIn(_ context.Context, wire *stall.Conn) (*connection, error) {
	c, channels, requests, err := ssh.NewClientConn(wire, d.server, &d.config)
	if err != nil {
		return nil, handshake(err)
	}
	client := ssh.NewClient(c, channels, requests)
	session, err := sftp.NewClient(client, sftp.UseConcurrentWrites(true), sftp.UseConcurrentReads(true))
	if err != nil {
		client.Close() //nolint:errcheck // err says more
		return nil, fmt.Errorf("%w: the server gives no file transfer (SFTP): %w", store.ErrUnreachable, err)
	}
	return &connection{Client: session, Line: files.Line{Wire: wire}, ssh: client}, nil
}

// handshake says what a failed one means.
func handshake(err error) error {
	if identity := (*store.IdentityError)(nil); errors.As(err, &identity) {
		return identity
	}
	words := err.Error()
	if strings.Contains(words, "unable to authenticate") || strings.Contains(words, "unexpected message type 51") { // 51: it refuses
		return fmt.Errorf("%w: the server does not accept the user with this password or key", store.ErrSignIn)
	}
	return fmt.Errorf("%w: %w", store.ErrUnreachable, err)
}
