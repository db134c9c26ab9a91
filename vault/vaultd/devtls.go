package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// devCertificate returns the self-signed certificate of the data folder; it
// makes one where there is none. Clients accept it because the card names it, so neither its names nor its dates matter to them.
func devCertificate(data string) (tls.Certificate, error) {
	certPath, keyPath := filepath.Join(data, "dev-tls-cert.pem"), filepath.Join(data, "dev-tls-key.pem")
	pair, err := tls.LoadX509KeyPair(certPath, keyPath)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return pair, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return pair, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Holdfast vault"}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(20, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return pair, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return pair, err
	}
	defer clear(pkcs8)
	if err := os.WriteFile(keyPath, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600); err != nil {
		return pair, err
	}
	if err := os.WriteFile(certPath, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		return pair, err
	}
	return tls.LoadX509KeyPair(certPath, keyPath)
}

// certificates hands out the newest one loaded.
type certificates struct {
	load    func() (tls.Certificate, error)
	current atomic.Pointer[tls.Certificate]
}

func (c *certificates) reload() error {
	pair, err := c.load()
	if err != nil {
		return fmt.Errorf("the certificate: %w", err)
	}
	if pair.Leaf == nil {
		return errors.New("the certificate cannot be read")
	}
	now := time.Now()
	if old := c.current.Load(); old != nil && now.After(pair.Leaf.NotAfter) && now.Before(old.Leaf.NotAfter) {
		return fmt.Errorf("the certificate: the new one expired on %s", pair.Leaf.NotAfter.Format(time.DateOnly))
	}
	c.current.Store(&pair)
	return nil
}

// until is when the present one expires.
func (c *certificates) until() time.Time { return c.current.Load().Leaf.NotAfter }

// config is TLS 1.3 only.
func (c *certificates) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS13,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}

func (s *settings) certificates() (*certificates, error) {
	c := &certificates{}
	switch {
	case s.devTLS && (s.tlsCert != "" || s.tlsKey != ""):
		return nil, fmt.Errorf("%w: --dev-tls and --tls-cert exclude each other", errUsage)
	case s.devTLS:
		c.load = func() (tls.Certificate, error) { return devCertificate(s.data) }
	case s.tlsCert != "" && s.tlsKey != "":
		c.load = func() (tls.Certificate, error) { return tls.LoadX509KeyPair(s.tlsCert, s.tlsKey) }
	default:
		return nil, fmt.Errorf("%w: --tls-cert and --tls-key, or --dev-tls", errUsage)
	}
	return c, c.reload()
}
