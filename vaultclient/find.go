package vaultclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/holdfast-backup/holdfast/core/vaults"
	"github.com/holdfast-backup/holdfast/vault/api"
	cards "github.com/holdfast-backup/holdfast/vault/card"
)

// Find asks the vault at an address, "vault.example.org" or a URL, who it is, and makes its card. Where no authority vouches
// for the server, its certificate is in the card. Nobody vouches for what it says: a person has to compare the fingerprints
// with what they know.
// vaults.ErrCard (no such address), vaults.ErrUnreachable.
func Find(ctx context.Context, address string) (cards.Card, error) {
	address = strings.TrimSuffix(strings.TrimSpace(address), "/")
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	if err := cards.URL(address).Check(); err != nil || cards.URL(address).IsToken() {
		return cards.Card{}, fmt.Errorf("%w: %q is no address of a vault", vaults.ErrCard, address)
	}
	var unvouched []byte
	config := &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true} // a person compares what it shows
	config.VerifyConnection = func(s tls.ConnectionState) error {
		between := x509.NewCertPool()
		for _, c := range s.PeerCertificates[1:] {
			between.AddCert(c)
		}
		if _, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: s.ServerName, Intermediates: between}); err != nil {
			unvouched = s.PeerCertificates[0].Raw
		}
		return nil
	}
	client := &http.Client{
		Transport: &http.Transport{TLSClientConfig: config, Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 10 * time.Second,
			MaxResponseHeaderBytes: 64 << 10, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // no vault redirects
	}
	ctx, cancel := context.WithTimeout(ctx, requestFor)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/v1/vault", nil)
	if err != nil {
		return cards.Card{}, fmt.Errorf("%w: %w", vaults.ErrCard, err)
	}
	r, err := client.Do(q)
	if err != nil {
		return cards.Card{}, fmt.Errorf("%w: %w", vaults.ErrUnreachable, reasonOf(err))
	}
	defer r.Body.Close() //nolint:errcheck // only read from
	b, err := io.ReadAll(io.LimitReader(r.Body, maxAnswerBytes+1))
	var said api.Vault
	if err != nil || len(b) > maxAnswerBytes || r.StatusCode != http.StatusOK || json.Unmarshal(b, &said) != nil {
		return cards.Card{}, fmt.Errorf("%w: no vault answers there (status %d)", vaults.ErrUnreachable, r.StatusCode)
	}
	c := cards.New(said.Name, cards.URL(address), said.PublicKey)
	c.Suite, c.Certificate = said.Suite, unvouched
	if _, err := cards.Parse(c.Encode()); err != nil {
		return cards.Card{}, fmt.Errorf("%w: what answers there is no vault: %w", vaults.ErrUnreachable, err)
	}
	return c, nil
}
