package main

import (
	"bufio"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/holdfast-backup/holdfast/vault"
	"github.com/holdfast-backup/holdfast/vault/api"
	"github.com/holdfast-backup/holdfast/vault/hsm"
	"github.com/holdfast-backup/holdfast/vault/store"
)

// settings are all flags of all commands; each may stand in the configuration file.
type settings struct {
	config, data, hsm, name, logLevel, url    string
	listen, tlsCert, tlsKey, metrics          string
	delays, enrolment, perAddress, perAccount string
	newAccounts, newPasswords                 string
	proxyFrom                                 string
	tokenWrites                               uint64
	openRegistration, copiedKeys, unfit       bool
	out, from, account                        string
	sessions                                  int
	devTLS, json, lockAccounts, qr            bool
}

var serveFlags = []string{"listen", "tls-cert", "tls-key", "dev-tls", "name", "guess-delays", "metrics", "enrolment-token-file",
	"open-registration",
	"rate-address", "rate-account", "rate-registration", "rate-password", "proxy-from", "token-writes"}

// register defines the named flags.
func (s *settings) register(f *pflag.FlagSet, names []string) {
	for _, name := range names {
		switch name {
		case "config":
			f.StringVar(&s.config, name, "", "configuration file: lines of \"flag = value\"")
		case "data":
			f.StringVar(&s.data, name, "", "folder of the vault")
		case "hsm":
			f.StringVar(&s.hsm, name, "", "the token: a PKCS#11 URI (RFC 7512)")
		case "sessions":
			f.IntVar(&s.sessions, name, 32, "sessions on the token for guesses; four more are used")
		case "log-level":
			f.StringVar(&s.logLevel, name, "info", "debug, info, warn or error")
		case "name":
			f.StringVar(&s.name, name, "Holdfast vault", "name of the vault, as people see it")
		case "listen":
			f.StringVar(&s.listen, name, "", "address and port to serve on")
		case "tls-cert":
			f.StringVar(&s.tlsCert, name, "", "certificate chain, PEM; read again when the process gets SIGHUP")
		case "tls-key":
			f.StringVar(&s.tlsKey, name, "", "its private key, PEM")
		case "dev-tls":
			f.BoolVar(&s.devTLS, name, false, "use a self-signed certificate, made in the data folder")
		case "qr":
			f.BoolVar(&s.qr, name, false, "print the card as a picture, a PNG with a QR code")
		case "guess-delays":
			f.StringVar(&s.delays, name, formatDelays(vault.DefaultDelays), "waits after the 3rd, 4th, … wrong guess; 0 for none")
		case "metrics":
			f.StringVar(&s.metrics, name, "", "address and port for GET /metrics, without TLS; empty for none")
		case "enrolment-token-file":
			f.StringVar(&s.enrolment, name, "", "file with the token that new accounts need")
		case "open-registration":
			f.BoolVar(&s.openRegistration, name, false, "anybody may make an account; without this and without a token nobody may")
		case "rate-address":
			f.StringVar(&s.perAddress, name, "600/300", "requests a minute and at once from one address; 0 for no limit")
		case "rate-account":
			f.StringVar(&s.perAccount, name, "240/120", "requests a minute and at once for one account; 0 for no limit")
		case "proxy-from":
			f.StringVar(&s.proxyFrom, name, "", "addresses of load balancers that pass TLS through and say with the PROXY protocol, version 2, for whom")
		case "token-writes":
			f.Uint64Var(&s.tokenWrites, name, 100_000, "how many writes of a label the token is made for; a warning comes before; 0 for no warning")
		case "rate-registration":
			f.StringVar(&s.newAccounts, name, "60/60", "new accounts begun in a minute and at once, by all together; 0 for no limit")
		case "rate-password":
			f.StringVar(&s.newPasswords, name, "600/300", "new passwords of accounts begun in a minute and at once, by all together; 0 for no limit")
		case "url":
			f.StringVar(&s.url, name, "", "address under which clients reach the vault, https://…")
		case "json":
			f.BoolVar(&s.json, name, false, "print JSON")
		case "out":
			f.StringVar(&s.out, name, "", "file to write; must not exist")
		case "from":
			f.StringVar(&s.from, name, "", "file that backup wrote")
		case "copied-keys":
			f.BoolVar(&s.copiedKeys, name, false, "take keys that the token did not make itself: its own backup brought them there")
		case "unfit-token":
			f.BoolVar(&s.unfit, name, false, "take a token on which old copies of the store may give guesses back")
		case "account":
			f.StringVar(&s.account, name, "", "id of the account, 64 hexadecimal digits")
		case "lock-accounts":
			f.BoolVar(&s.lockAccounts, name, false, "take an older copy: no password in it works any more, owners register again")
		default:
			panic("vaultd: flag " + name)
		}
	}
}

// commandOnly are flags that make no sense in a file.
var commandOnly = []string{"config", "json", "out", "from", "lock-accounts", "account", "unfit-token", "qr"}

// readFile sets flags from the configuration file that the command line did not.
func (s *settings) readFile(f *pflag.FlagSet) error {
	if s.config == "" {
		return nil
	}
	file, err := os.Open(s.config)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read from
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(settings).register(all, append([]string{"data", "hsm", "sessions", "log-level", "copied-keys", "url"}, serveFlags...))
	number, set := 0, map[string]int{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		number++
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		before := set[name]
		set[name] = number
		switch flag := f.Lookup(name); {
		case before > 0:
			return fmt.Errorf("%w: %s, line %d: %s stands in line %d already", errUsage, s.config, number, name, before)
		case !ok || slices.Contains(commandOnly, name) || all.Lookup(name) == nil:
			return fmt.Errorf("%w: %s, line %d: %q is no setting", errUsage, s.config, number, name)
		case value == "":
			return fmt.Errorf("%w: %s, line %d: %s has no value; leave the line out for the default", errUsage, s.config, number, name)
		case flag == nil || flag.Changed: // another command's, or overridden
		default:
			err := f.Set(name, value)
			if err == nil {
				err = s.check(name)
			}
			if err != nil {
				return fmt.Errorf("%w: %s, line %d: %s has a wrong value", errUsage, s.config, number, name)
			}
		}
	}
	return nil
}

// check refuses a value that its flag takes and its command would not, so that the line can be named.
func (s *settings) check(name string) (err error) {
	switch name {
	case "guess-delays":
		_, err = s.policy()
	case "log-level":
		_, err = s.logger()
	case "proxy-from":
		_, err = prefixes(s.proxyFrom)
	case "rate-address", "rate-account", "rate-registration", "rate-password":
		_, err = s.rates()
	}
	return err
}

func formatDelays(delays []time.Duration) string {
	var all []string
	for _, d := range delays {
		text := d.String() // 1h0m0s
		text = strings.TrimSuffix(text, "0s")
		if strings.HasSuffix(text, "h0m") {
			text = strings.TrimSuffix(text, "0m")
		}
		all = append(all, text)
	}
	return strings.Join(all, ",")
}

func (s *settings) policy() (vault.Policy, error) {
	if s.delays == "" {
		return vault.Policy{}, fmt.Errorf("%w: --guess-delays is empty; 0 is for no delays", errUsage)
	}
	if s.delays == "0" {
		return vault.Policy{}, nil
	}
	var p vault.Policy
	for text := range strings.SplitSeq(s.delays, ",") {
		d, err := time.ParseDuration(strings.TrimSpace(text))
		if err != nil || d < 0 {
			return p, fmt.Errorf("%w: --guess-delays: %q is not a duration like 90s, 15m or 4h", errUsage, text)
		}
		p.Delays = append(p.Delays, d)
	}
	return p, nil
}

// rate reads "600/300": requests a minute, and at once.
func rate(flag, text string) (api.Rate, error) {
	minute, burst, _ := strings.Cut(text, "/")
	m, err := strconv.Atoi(minute)
	b := m
	if burst != "" && err == nil {
		b, err = strconv.Atoi(burst)
	}
	if err != nil || m < 0 || b < 0 {
		return api.Rate{}, fmt.Errorf("%w: --%s is requests a minute / at once, like 600/300", errUsage, flag)
	}
	return api.Rate{PerMinute: m, Burst: b}, nil
}

func (s *settings) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.logLevel)); err != nil {
		return nil, fmt.Errorf("%w: --log-level is debug, info, warn or error", errUsage)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})), nil
}

func (s *settings) token() (hsm.Params, error) {
	uri, err := hsm.ParseURI(s.hsm)
	if err != nil {
		return hsm.Params{}, fmt.Errorf("%w: --hsm: %w", errUsage, err)
	}
	if s.sessions < 1 || s.sessions > 1024 {
		return hsm.Params{}, fmt.Errorf("%w: --sessions is 1 to 1024", errUsage)
	}
	return hsm.Params{URI: uri, Sessions: s.sessions, Copied: s.copiedKeys}, nil
}

// wordsOf adds what to do to errors that an operator meets.
func wordsOf(err error) error {
	for _, h := range []struct {
		err  error
		hint string
	}{
		{hsm.ErrNoKeys, "make them with: vaultd init"},
		{hsm.ErrNoPIN, "name a file with it in the URI: …?pin-source=file:/path"},
		{hsm.ErrExposed, "if the token's own backup brought the key there, set copied-keys = true; if not, the vault's passwords can be guessed by who has it"},
		{hsm.ErrAbsent, "is it plugged in, and may this user use it? For SoftHSM: may this user read its token folder, and does SOFTHSM2_CONF name the right one?"},
		{vault.ErrTokenOlder, "bring the token that was used last; see \"If the token is lost\" in docs/operating-a-vault.md"},
		{store.ErrDamaged, "put a whole store in its place; see \"Restoring\" in docs/operating-a-vault.md"},
		{vault.ErrOlder, "put the newest store back, or see \"Restoring\" in docs/operating-a-vault.md"},
		{store.ErrTampered, "put the true store back, or see \"Restoring\" in docs/operating-a-vault.md"},
		{store.ErrInUse, "stop vaultd first"},
		{vault.ErrWouldLock, "add --lock-accounts to go on all the same: owners then have to register again"},
	} {
		if errors.Is(err, h.err) {
			return fmt.Errorf("%w\n  %s", err, h.hint)
		}
	}
	return err
}
