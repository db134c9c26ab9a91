package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/scan"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// passwordFlags name a password's file and the vault that checks it.
type passwordFlags struct {
	in, enrolment string
	vaults        []string
	threshold     int
	trust         bool
}

// flags adds them where there are vaults.
func (p *passwordFlags) flags(c *cli, cmd *cobra.Command) {
	if c.Vaults == nil {
		return
	}
	cmd.Flags().StringVar(&p.in, "password-in", "", "file with the password, on one line (- is standard input)")
	cmd.Flags().StringArrayVar(&p.vaults, "vault", nil,
		"the vault: a vault card's file, or the PKCS#11 URI of a token; may be repeated where a password is set, and they share it then")
}

// shareFlag adds the flag of commands that may share a password over vaults.
func (p *passwordFlags) shareFlag(c *cli, cmd *cobra.Command) {
	if c.Vaults != nil {
		cmd.Flags().IntVar(&p.threshold, "threshold", 0,
			"how many of several vaults open the backup together, more than half (default: the majority)")
	}
}

// trustFlag adds the flag of commands that read a backup somewhere else.
func (p *passwordFlags) trustFlag(c *cli, cmd *cobra.Command) {
	if c.Vaults != nil {
		cmd.Flags().BoolVar(&p.trust, "trust-vault", false,
			"ask the vault that only the backup's place names, without a question; without --password-in it does nothing")
	}
}

// enrolmentFlag adds the flag of commands that may make an account.
func (p *passwordFlags) enrolmentFlag(c *cli, cmd *cobra.Command) {
	if c.Vaults != nil {
		cmd.Flags().StringVar(&p.enrolment, "enrolment-in", "",
			"file with the enrolment token that the vault wants for a new account (- is standard input)")
	}
}

// withPassword reads what the flags name and clears the password afterwards;
// nil when none is named.
func (c *cli) withPassword(ctx context.Context, p *passwordFlags, fn func(*core.PasswordRequest) error) error {
	if p.in == "" {
		switch {
		case len(p.vaults) > 0:
			return usagef("--vault goes with --password-in")
		case p.threshold != 0:
			return usagef("--threshold goes with --password-in")
		case p.enrolment != "":
			return usagef("--enrolment-in goes with --password-in")
		}
		return fn(nil)
	}
	vaults := make([]core.TypedVault, max(1, len(p.vaults)))
	for i, arg := range p.vaults {
		var err error
		if vaults[i], err = c.readVault(ctx, arg); err != nil {
			return err
		}
	}
	password, err := c.readPassword(p.in)
	if err != nil {
		return err
	}
	defer clear(password)
	var enrolment []byte
	if p.enrolment != "" {
		if p.enrolment == "-" && p.in == "-" {
			return usagef("standard input holds either the password or the enrolment token")
		}
		if enrolment, err = c.readLine("--enrolment-in", p.enrolment, "the enrolment token"); err != nil {
			return err
		}
		defer clear(enrolment)
	}
	return fn(&core.PasswordRequest{Password: password, Vault: vaults[0], Others: vaults[1:], Threshold: p.threshold, Enrolment: enrolment,
		Report: func(r core.VaultReport) { tellReport(c, r) }})
}

// tellReport tells what the vaults of a shared password did while it was right.
func tellReport(c *cli, r core.VaultReport) {
	for _, f := range r.Findings {
		c.warn("holdfast: %s. The other vaults were enough.", f)
	}
	for _, name := range r.Silent {
		c.warn("holdfast: %s did not answer. The other vaults were enough.", name)
	}
}

const (
	maxPasswordFile = 4096
	maxCardFile     = 16 << 10
)

// readArg reads a small file that a flag names; - is standard input.
func (c *cli) readArg(flag, file string, most int) ([]byte, error) {
	in := c.Stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", core.ErrInvalid, flag, err)
		}
		defer f.Close() //nolint:errcheck // only read from
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, int64(most)+1))
	if err == nil && len(b) > most {
		err = fmt.Errorf("%s holds more than %d bytes", file, most)
	}
	if err != nil {
		clear(b)
		return nil, fmt.Errorf("%w: %s: %w", core.ErrInvalid, flag, err)
	}
	return b, nil
}

// readScan is readArg of a file that may be a picture of a QR code.
func readScan(ctx context.Context, c *cli, flag, file string, most int) (b []byte, err error) {
	if file == "-" {
		b, err = scan.Read(ctx, c.Stdin, "standard input", most)
	} else {
		b, err = scan.File(ctx, file, file, most)
	}
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: %s: %w", core.ErrInvalid, flag, err)
	}
	return b, err
}

// readPassword reads the file of --password-in: one line, without its end.
func (c *cli) readPassword(file string) ([]byte, error) {
	return c.readLine("--password-in", file, "the password")
}

// readLine reads a file that holds one line, and returns it without its end.
func (c *cli) readLine(flag, file, what string) ([]byte, error) {
	b, err := c.readArg(flag, file, maxPasswordFile)
	if err != nil {
		return nil, err
	}
	line := bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
	if len(line) == 0 || bytes.ContainsAny(line, "\r\n\x00") {
		clear(b)
		return nil, fmt.Errorf("%w: %s: %s must hold one line, %s", core.ErrInvalid, flag, file, what)
	}
	return line, nil
}

// readVault reads the argument of --vault: a token's URI, or a card's file or a picture of its QR code.
func (c *cli) readVault(ctx context.Context, arg string) (core.TypedVault, error) {
	if arg == "" || strings.HasPrefix(arg, "pkcs11:") {
		return core.ParseVault(arg)
	}
	b, err := readScan(ctx, c, "--vault", arg, maxCardFile)
	if err != nil {
		return core.TypedVault{}, err
	}
	defer clear(b)
	if !bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")) {
		return core.TypedVault{}, fmt.Errorf("%w: --vault: %s is no vault card", core.ErrInvalid, arg)
	}
	return core.ParseVault(string(b))
}

func passwordCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "password", Short: "Set, check or remove the password", Args: noArgs, RunE: needsVerb}
	cmd.AddCommand(passwordSetCommand(c), passwordCheckCommand(c), &cobra.Command{
		Use: "remove", Args: noArgs, Short: "Delete the account in the vault: only the 64 digits open the backup then",
		RunE: c.withApp(func(ctx context.Context, a *core.App) error {
			if err := a.Passwords().Remove(ctx); err != nil {
				return err
			}
			c.done("The password was removed. Only the 64-digit key opens this backup now; 'holdfast key show' prints it.")
			return c.jsonStatus(a)
		}),
	})
	return cmd
}

func passwordSetCommand(c *cli) *cobra.Command {
	var pw passwordFlags
	cmd := &cobra.Command{
		Use: "set --password-in FILE [--vault VAULT]... [--threshold T] [--enrolment-in FILE]", Args: noArgs,
		Short: "Set a password, or another one in place of one that was forgotten: this computer has the key",
		Long: `Set a password, or another one in place of one that was forgotten: this computer has the key.

Several --vault share the password: T of them together open the backup, and fewer can test nothing, whoever runs them.
A backup whose password is in one vault can be moved to several. That takes a new password, and the key is changed, since the one vault's
operator can try out the old one for ever. 'holdfast key show' prints the new key. What was backed up before stays as exposed as it was.`,
	}
	pw.flags(c, cmd)
	pw.shareFlag(c, cmd)
	pw.enrolmentFlag(c, cmd)
	cmd.RunE = c.withApp(func(ctx context.Context, a *core.App) error {
		if pw.in == "" {
			return usagef("password set needs --password-in FILE")
		}
		return c.withPassword(ctx, &pw, func(req *core.PasswordRequest) error {
			if st := a.Status(); st.SetUp && st.Protection == core.ProtectionKey && !st.Password && req.Vault.IsZero() {
				return usagef("a first password needs --vault VAULT")
			}
			before, err := keyID(ctx, a)
			if err != nil {
				return err
			}
			if err := a.Passwords().Set(ctx, *req); err != nil {
				return err
			}
			c.done("The password is set: %s given the key back for it.", whoHas(a.Status()))
			if after, err := keyID(ctx, a); err == nil && after != before {
				c.done("The key was changed with it: 'holdfast key show' prints the new one. The vault that had the password alone can still try out")
				c.done("the old one, which opens what was backed up before, for whoever has a copy of it.")
			}
			return c.jsonStatus(a)
		})
	})
	return cmd
}

// keyID tells keys apart, "" where there is none.
func keyID(ctx context.Context, a *core.App) (string, error) {
	if st := a.Status(); !st.SetUp || st.Protection != core.ProtectionKey {
		return "", nil
	}
	k, err := a.Encryption().Key(ctx)
	if err != nil {
		return "", err
	}
	defer k.Clear()
	return k.ID().String(), nil
}

func whoHas(st core.Status) string {
	if n := st.Vaults; n > 1 {
		return fmt.Sprintf("each of %d vaults has", n)
	}
	return "the vault has"
}

func passwordCheckCommand(c *cli) *cobra.Command {
	var pw passwordFlags
	cmd := &cobra.Command{Use: "check --password-in FILE [--vault URI]", Args: noArgs,
		Short: "See whether you still know the password: a wrong one costs a guess"}
	cmd.Flags().StringVar(&pw.in, "password-in", "", "file with the password, on one line (- is standard input)")
	cmd.Flags().StringArrayVar(&pw.vaults, "vault", nil,
		"the PKCS#11 URI of the token that the backup's vault is, kept on this computer: where its module and its PIN are")
	cmd.RunE = c.withApp(func(ctx context.Context, a *core.App) error {
		if pw.in == "" {
			return usagef("password check needs --password-in FILE")
		}
		return c.withPassword(ctx, &pw, func(req *core.PasswordRequest) error {
			if !req.Vault.IsZero() {
				if err := a.Passwords().UseAddress(req.Vault); err != nil {
					return err
				}
			}
			if err := a.Passwords().Check(ctx, req.Password); err != nil {
				return err
			}
			c.done("The password is right.")
			if v := a.Status().Vault; v != nil {
				tellReport(c, core.VaultReport{Findings: v.Findings})
			}
			return c.jsonStatus(a)
		})
	})
	return cmd
}

func (c *cli) jsonStatus(a *core.App) error {
	if !c.json {
		return nil
	}
	return c.printJSON(a.Status())
}

func vaultCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "vault", Short: "Ask the vault about your account", Args: noArgs, RunE: needsVerb}
	cmd.AddCommand(&cobra.Command{
		Use: "status", Args: noArgs, Short: "Show how many guesses are left, and whether somebody has been guessing",
		RunE: c.withApp(func(ctx context.Context, a *core.App) error {
			s, err := a.Passwords().State(ctx)
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(s)
			}
			for _, l := range vaultLines(s, time.Now()) {
				c.say("%s", l)
			}
			return nil
		}),
	})
	cmd.AddCommand(&cobra.Command{
		Use: "card ADDRESS", Args: cobra.ExactArgs(1), Short: "Ask the vault at an address who it is, and print its card",
		Long: `Ask the vault at an address, such as vault.example.org, who it is, and print its card, for --vault of other commands.
Nobody vouches for it: compare the fingerprints that are shown with what whoever runs the vault has told you.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			typed, show, err := c.elsewhere().FindVault(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			for _, l := range trustLines(show) {
				c.warn("%s", l)
			}
			card, _ := typed.Card()
			_, _ = c.Stdout.Write(card.Encode()) // arrived tells its error too
			return c.arrived()
		},
	})
	return cmd
}

func vaultLines(s core.VaultState, now time.Time) []string {
	if len(s.Members) > 0 {
		return sharedLines(s, now)
	}
	return append(accountLines(s, now), oldLines(s)...)
}

// oldLines tell what is still at vaults that the password does not need.
func oldLines(s core.VaultState) (out []string) {
	for _, name := range s.OldAccounts {
		out = append(out, fmt.Sprintf("Old:     an old account at %s waits to be deleted, by the next backup that reaches it", name))
	}
	return out
}

// accountLines tell one vault's account.
func accountLines(s core.VaultState, now time.Time) []string {
	out := []string{fmt.Sprintf("Vault:   %s, %s", s.Name, s.Address)}
	switch {
	case s.Destroyed:
		return append(out, "Account: destroyed. No password opens this backup; 'holdfast password set' makes a new account.")
	case s.Absent:
		return append(out, "Account: not known to the vault. 'holdfast password set' makes a new one.")
	}
	out = append(out, fmt.Sprintf("Guesses: %d of %d left", s.GuessesLeft, s.GuessLimit))
	if wrong := s.WrongNow(); len(wrong) > 0 {
		out = append(out, fmt.Sprintf("Wrong:   %d since the password was last right, the first %s, the last %s",
			len(wrong), words.Ago(wrong[0], now), words.Ago(wrong[len(wrong)-1], now)))
	}
	if earlier := len(s.Wrong) - len(s.WrongNow()); earlier > 0 {
		out = append(out, fmt.Sprintf("Earlier: %d wrong guesses that a right one followed, the first %s", earlier, words.Ago(s.Wrong[0], now)))
	}
	if s.WaitUntil.After(now) {
		out = append(out, "Waiting: the next guess is taken "+words.Words{}.Until(s.WaitUntil))
	}
	return out
}

// sharedLines tell a shared password, and each of its vaults.
func sharedLines(s core.VaultState, now time.Time) []string {
	out := []string{fmt.Sprintf("Shared:  any %d of %d vaults open it", s.Threshold, len(s.Members))}
	switch {
	case s.Destroyed:
		out = append(out, "Account: destroyed at too many vaults. No password opens this backup; 'holdfast password set' makes new accounts.")
	default:
		out = append(out, fmt.Sprintf("Guesses: %d of %d left", s.GuessesLeft, s.GuessLimit))
	}
	for _, f := range s.Findings {
		out = append(out, fmt.Sprintf("Lying:   %s, when the password was last right", f))
	}
	out = append(out, oldLines(s)...)
	for _, m := range s.Members {
		if m.Unreachable != "" {
			out = append(out, "", fmt.Sprintf("Vault:   %s, %s", m.Name, m.Address), "State:   it does not answer: "+m.Unreachable)
			continue
		}
		out = append(append(out, ""), vaultLines(m, now)...)
	}
	return out
}
