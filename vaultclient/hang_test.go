package vaultclient_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	cards "github.com/holdfast-backup/holdfast/vault/card"

	"github.com/holdfast-backup/holdfast/core/vaults"
	"github.com/holdfast-backup/holdfast/vaultclient"
)

// A vault that takes connections and never answers is one that cannot be reached, and nothing else: neither a disk to
// plug in nor another vault.
func TestAVaultThatHangs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close() //nolint:errcheck // a test's
	d := served(t)
	card, err := cards.Parse(d.Card())
	must(t, err)
	card.URL, card.Account = cards.URL("https://"+l.Addr().String()), make([]byte, 32)
	v, err := vaultclient.Open(t.Context(), vaultclient.Params{Card: card.Encode()})
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = v.State(ctx)
	told := vaults.Told(err)
	var e *vaults.Error
	if !errors.As(told, &e) || !errors.Is(e.Kind, vaults.ErrUnreachable) || errors.Is(told, vaults.ErrSuspect) ||
		errors.Is(told, vaults.ErrCertificate) {
		t.Errorf("it is told as %v", told)
	}
	must(t, v.Close())
}
