package sftp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/stall"
)

// connection is one SSH connection with one SFTP session. One call uses it at a time.
type connection struct {
	*sftp.Client
	ssh    *ssh.Client
	wire   *stall.Conn
	naming bool // the call under way has asked for a name: it is not repeated if the answer is lost
}

func (c *connection) close() {
	c.wire.Close() //nolint:errcheck // it is given up
	c.ssh.Close()  //nolint:errcheck // and so is this
}

// dialer makes connections to one server.
type dialer struct {
	server string // host and port
	config ssh.ClientConfig
}

const dialPatience = 30 * time.Second

func newDialer(a address.Address, secret address.Secret) (*dialer, error) {
	d := &dialer{server: a.Host}
	if _, _, err := net.SplitHostPort(a.Host); err != nil {
		d.server = net.JoinHostPort(strings.Trim(a.Host, "[]"), "22")
	}
	d.config.User = a.User
	if d.config.User == "" {
		u, err := user.Current()
		if err != nil {
			return nil, fmt.Errorf("%w: the address names no user", store.ErrSignIn)
		}
		d.config.User = u.Username
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
	within, cancel := context.WithTimeout(ctx, dialPatience)
	defer cancel()
	raw, err := new(net.Dialer).DialContext(within, "tcp", d.server)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrUnreachable, err)
	}
	wire := &stall.Conn{Conn: raw}
	rest := wire.Busy()
	stop := context.AfterFunc(within, func() { _ = raw.Close() })
	defer stop()
	c, channels, requests, err := ssh.NewClientConn(wire, d.server, &d.config)
	if err != nil {
		raw.Close() //nolint:errcheck // err says more
		return nil, handshake(err)
	}
	client := ssh.NewClient(c, channels, requests)
	session, err := sftp.NewClient(client, sftp.UseConcurrentWrites(true), sftp.UseConcurrentReads(true))
	if err != nil {
		client.Close() //nolint:errcheck // err says more
		return nil, fmt.Errorf("%w: the server gives no file transfer (SFTP): %w", store.ErrUnreachable, err)
	}
	rest()
	return &connection{Client: session, ssh: client, wire: wire}, nil
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
