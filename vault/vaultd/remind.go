package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/holdfast-backup/holdfast/vault/api"
)

// expiresSoon is how long before its end a certificate is warned of.
const expiresSoon = 14 * 24 * time.Hour

// remind logs what an operator should look after before it goes wrong.
func (s *settings) remind(o *opened, certs *certificates, log *slog.Logger) {
	until := certs.until()
	switch left := time.Until(until); {
	case left <= 0:
		log.Error("the certificate has expired: no client connects any more", "since", until.UTC().Format(time.RFC3339))
	case left < expiresSoon:
		log.Warn("the certificate expires soon", "on", until.UTC().Format(time.RFC3339))
	}
	if writes := o.Counts().CommitNumber; s.tokenWrites > 0 && writes > s.tokenWrites/10*8 && !o.token.Software() {
		log.Warn("labels on the token were written often: some tokens wear out; see \"What you need\" in docs/operating-a-vault.md", "writes",
			writes, "made_for", s.tokenWrites)
	}
}

func (s *settings) remindHourly(ctx context.Context, o *opened, certs *certificates, log *slog.Logger) {
	s.remind(o, certs, log)
	ticker := time.NewTicker(time.Hour)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.remind(o, certs, log)
		}
	}
}

// gauges are vaultd's own metrics.
func gauges(o *opened, certs *certificates) func() []api.Gauge {
	started := float64(time.Now().Unix())
	return func() []api.Gauge {
		return []api.Gauge{
			{Name: "certificate_expires_seconds", Help: "When the certificate expires, in seconds since 1970.",
				Value: float64(certs.until().Unix())},
			{Name: "start_time_seconds", Help: "When the process started, in seconds since 1970.", Value: started},
			{Name: "token_writes", Help: "How often a label on the token was written since init.", Value: float64(o.Counts().CommitNumber)},
		}
	}
}
