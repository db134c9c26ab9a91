package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-backup/holdfast/vault"
	"github.com/holdfast-backup/holdfast/vault/api"
	"github.com/holdfast-backup/holdfast/vault/hsm"
	"github.com/holdfast-backup/holdfast/vault/store"
)

// stopWithin is how long requests under way may take when vaultd stops.
const stopWithin = 15 * time.Second

// serving is what serve is told to do, checked before anything is opened.
type serving struct {
	policy    vault.Policy
	rates     rates
	log       *slog.Logger
	certs     *certificates
	enrolment []byte
	closed    bool // nobody makes a new account
}

func (s *settings) serving() (v serving, err error) {
	if s.listen == "" {
		return v, fmt.Errorf("%w: --listen is required", errUsage)
	}
	if _, err := prefixes(s.proxyFrom); err != nil {
		return v, err
	}
	if v.policy, err = s.policy(); err != nil {
		return v, err
	}
	if v.rates, err = s.rates(); err != nil {
		return v, err
	}
	if v.log, err = s.logger(); err != nil {
		return v, err
	}
	if v.certs, err = s.certificates(); err != nil {
		return v, err
	}
	v.enrolment, err = s.enrolmentToken()
	v.closed = v.enrolment == nil && !s.openRegistration
	return v, err
}

// serve runs until ctx ends, then lets requests under way finish.
func serve(ctx context.Context, s settings) error {
	v, err := s.serving()
	if err != nil {
		return err
	}
	unlock := func() {}
	if there, _ := exists(s.data); there { // else open says so
		if unlock, err = lockFolder(s.data); err != nil {
			return err
		}
	}
	defer unlock()
	lockMemory(s.storePath(), v.log)
	o, err := s.open(ctx, vault.Params{Policy: v.policy, Log: v.log, StrangersRate: v.rates.newAccounts.Limiter(),
		OwnersRate: v.rates.newPasswords.Limiter()}, false)
	if err != nil {
		return stays(wordsOf(err))
	}
	defer o.closeInTime(v.log)
	if err := o.Prove(ctx); err != nil {
		return fmt.Errorf("store or token cannot be written, so no guess could be counted: %w", err)
	}
	server := api.New(api.Params{Vault: o.Vault, EnrolmentToken: v.enrolment, Closed: v.closed, Gauges: gauges(o, v.certs),
		PerAddress: v.rates.address, PerAccount: v.rates.account, Log: v.log})
	clear(v.enrolment)
	s.warnOfModes(v.log)
	if v.closed {
		v.log.Warn("nobody can make a new account: set enrolment-token-file, or open-registration where anybody may")
	}
	listeners, err := s.listeners(ctx, v, o, server)
	if err != nil {
		return err
	}
	stopReloads := onHangup(func() {
		if err := v.certs.reload(); err != nil {
			v.log.Error("the old certificate stays", "error", err)
		}
		s.remind(o, v.certs, v.log)
	})
	defer stopReloads()
	reminding, stopReminding := context.WithCancel(ctx)
	defer stopReminding()
	go s.remindHourly(reminding, o, v.certs, v.log)
	c := o.Counts()
	v.log.Info("serving", "address", listeners[0].Addr().String(), "token", o.token.URI(), "accounts", c.Accounts, "commit", c.CommitNumber,
		"storage_key", c.Generation)
	fmt.Printf("listening on https://%s\n", listeners[0].Addr())
	return serveAll(ctx, listeners, v.log)
}

// listeners opens that for clients, which is the first, and those for the operator.
func (s *settings) listeners(ctx context.Context, v serving, o *opened, server *api.Server) ([]listener, error) {
	main, err := listenMain(ctx, s.listen, s.proxyFrom)
	if err != nil {
		return nil, err
	}
	all := []listener{{tls.NewListener(main, v.certs.config()), newHTTP(server, v.log)}}
	if s.metrics != "" {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", s.metrics)
		if err != nil {
			_ = main.Close() // the error above tells more
			return nil, err
		}
		all = append(all, listener{l, newHTTP(server.Metrics(), v.log)})
		fmt.Printf("metrics on http://%s/metrics\n", l.Addr())
	}
	l, err := listenControl(ctx, s.data) // the socket goes when the listener is closed
	if err != nil {
		v.log.Warn("status, rotate and backup will not reach this process", "error", err)
		return all, nil
	}
	return append(all, listener{l, newHTTP(control(o, v.log), v.log)}), nil
}

type listener struct {
	net.Listener
	server *http.Server
}

func newHTTP(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 20 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout:    2 * time.Minute,
		MaxHeaderBytes: 8 << 10, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 64},
		// What net/http has to say of connections names addresses.
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
}

func serveAll(ctx context.Context, listeners []listener, log *slog.Logger) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, l := range listeners {
		group.Go(func() error {
			if err := l.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		})
		group.Go(func() error {
			<-ctx.Done()
			limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
			defer cancel()
			return l.server.Shutdown(limited)
		})
	}
	err := group.Wait()
	log.Info("stopped")
	return err
}

// warnOfModes tells of files that others than their owner may read.
func (s *settings) warnOfModes(log *slog.Logger) {
	files := []string{s.tlsKey, s.enrolment, s.storePath()}
	if p, err := s.token(); err == nil {
		files = append(files, strings.TrimPrefix(p.URI.PINSource, "file:"))
	}
	for _, path := range files {
		if path != "" && readableByOthers(path) {
			log.Warn("others can read a file that only vaultd should read: chmod 400 or 600", "file", path)
		}
	}
}

// stays marks errors of a start that no other start mends.
func stays(err error) error {
	for _, kind := range []error{hsm.ErrPIN, hsm.ErrNoPIN, hsm.ErrFaulty, hsm.ErrIncapable, hsm.ErrAmbiguous, hsm.ErrExposed, vault.ErrOlder,
		store.ErrTampered, store.ErrDamaged} {
		if errors.Is(err, kind) {
			return fmt.Errorf("%w%w", err, errStays)
		}
	}
	return err
}

// rates are the limits of requests.
type rates struct{ address, account, newAccounts, newPasswords api.Rate }

func (s *settings) rates() (r rates, err error) {
	for _, one := range []struct {
		flag, text string
		to         *api.Rate
	}{
		{"rate-address", s.perAddress, &r.address}, {"rate-account", s.perAccount, &r.account},
		{"rate-registration", s.newAccounts, &r.newAccounts}, {"rate-password", s.newPasswords, &r.newPasswords},
	} {
		if *one.to, err = rate(one.flag, one.text); err != nil {
			return r, err
		}
	}
	return r, nil
}

// enrolmentToken reads the token, without its last line end; nil for none.
func (s *settings) enrolmentToken() ([]byte, error) {
	if s.enrolment == "" {
		return nil, nil
	}
	if s.openRegistration {
		return nil, fmt.Errorf("%w: --open-registration and --enrolment-token-file exclude each other", errUsage)
	}
	text, err := os.ReadFile(s.enrolment)
	if err != nil {
		return nil, fmt.Errorf("the enrolment token: %w", err)
	}
	text = bytes.TrimRight(text, "\r\n")
	if len(text) == 0 {
		return nil, fmt.Errorf("the enrolment token: %s is empty", s.enrolment)
	}
	return text, nil
}
