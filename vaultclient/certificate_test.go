package vaultclient_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core/vaults"
	cards "github.com/holdfast-backup/holdfast/vault/card"
	"github.com/holdfast-backup/holdfast/vaultclient"
)

// A certificate that has expired is told as that: it accuses nobody of being another vault. One that nobody vouches for may be another's.
func TestCertificatesThatAreNotValid(t *testing.T) {
	for what, until := range map[string]time.Duration{"expired": -time.Hour, "unknown": time.Hour} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(t, err)
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "vault"},
			NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(until),
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
		must(t, err)
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		d := served(t)
		card, err := cards.Parse(d.Card())
		must(t, err)
		card.URL, card.Certificate, card.Account = cards.URL(s.URL), nil, make([]byte, 32)
		v, err := vaultclient.Open(t.Context(), vaultclient.Params{Card: card.Encode()})
		must(t, err)
		_, err = v.State(t.Context())
		wantErr(t, what, err, vaults.ErrCertificate)
		if errors.Is(err, vaultclient.ErrNotTheVault) != (what == "unknown") {
			t.Errorf("%s: %v", what, err)
		}
		must(t, v.Close())
		d.Kill()
		s.Close()
	}
}
