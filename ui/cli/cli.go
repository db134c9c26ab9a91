package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/release"
	"github.com/holdfast-backup/holdfast/core/sheets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// Params are what the command line needs.
type Params struct {
	Args           []string // without the program's name
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// NewKeyring returns the keyring that --keyring names, for a profile folder.
	NewKeyring func(kind, profile string) (core.Keyring, error)
	// Vaults reaches the vaults that check passwords.
	Vaults core.Vaults
	// Places is how destinations are opened; the zero value knows folders.
	Places places.Places
	// Window opens the desktop app; nil where there is none. Errors: ErrNoDisplay.
	Window func(WindowParams) error
}

// WindowParams are what the desktop app is opened with.
type WindowParams struct {
	Profile    string // its folder
	Keyring    core.Keyring
	Background bool // without a window, as at login
	// AtLogin are the arguments that start the same again without a window.
	AtLogin []string
}

// ErrNoDisplay is Window's error where there is no screen.
var ErrNoDisplay = errors.New("no display answers")

// The exit codes.
const (
	ExitDone        = 0
	ExitFailed      = 1
	ExitUsage       = 2
	ExitPartly      = 3 // done, but some files could not be read or written
	ExitWrongKey    = 4 // or wrong password
	ExitGone        = 5 // the vault has destroyed the account, perhaps after this very guess
	ExitUnreachable = 6 // the vault or the destination
	ExitWait        = 7 // the vault asks to wait; until when is printed
)

// Run runs one command and returns its exit code.
func Run(p Params) int {
	ctx, stop := untilSignal()
	defer stop()
	out := newOutput(p.Stdout)
	p.Stdout = out
	c := &cli{Params: p, flush: out.Flush, arrived: out.arrived, uncatch: stop}
	root := c.root()
	root.SetArgs(p.Args)
	root.SetIn(p.Stdin)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	return c.end(root.ExecuteContext(ctx))
}

// end returns the exit code. A command whose output did not arrive has failed, whatever else it did.
func (c *cli) end(err error) int {
	lost := c.flush()
	code := ExitDone
	if err != nil && !errors.Is(err, errOutput) {
		code = c.explain(err)
	}
	if lost == nil && !errors.Is(err, errOutput) {
		return code
	}
	c.warn("holdfast: What this command has to print did not arrive: %v", cmp.Or(lost, err))
	if code == ExitDone || code == ExitPartly {
		return ExitFailed
	}
	return code
}

// cli is one invocation.
type cli struct {
	Params
	flush            func() error // of standard output
	arrived          func() error // flushes it and waits until it is stored, as far as that can be known
	uncatch          func()       // signals end the program again
	profile, keyring string
	json             bool
	background       bool
	secret           placeSecret
}

// elsewhere looks at backups that need no profile.
func (c *cli) elsewhere() core.Elsewhere { return core.Elsewhere{Places: c.Places, Vaults: c.Vaults} }

// usageError is a mistake in the command itself.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errPartly ends a command that worked but for some files; errQuiet one that
// has said all there is to say.
var (
	errPartly = errors.New("some files could not be read")
	errQuiet  = errors.New("failed")
)

// explain prints an error for people and returns its exit code.
func (c *cli) explain(err error) int {
	var usage usageError
	switch {
	case errors.Is(err, errPartly):
		return ExitPartly
	case errors.Is(err, errQuiet):
		return ExitFailed
	case errors.As(err, &usage):
		c.warn("holdfast: %v\nSee 'holdfast --help'.", err)
		return ExitUsage
	}
	s := words.For(err)
	c.warn("holdfast: %s", line(s))
	if detail := detailOf(err, s); detail != "" {
		c.warn("Details: %s", detail)
	}
	if errors.Is(err, core.ErrNoKeyring) {
		c.warn("Or give --keyring file: then a file that only you can read protects the key.")
	}
	if server := (*core.ServerError)(nil); errors.As(err, &server) {
		c.warn("If this is the server's key, give --trust %s", server.Fingerprint)
	}
	var unknown *core.VaultNotTrustedError
	if errors.As(err, &unknown) {
		for _, l := range trustLines(unknown.Trust) {
			c.warn("  %s", l)
		}
		c.warn("If you know this vault, give --trust-vault. A vault's own card given with --vault needs no agreement.")
	}
	switch {
	case errors.Is(err, core.ErrWrongKey), errors.Is(err, backupkey.ErrMalformed), errors.Is(err, core.ErrWrongPassword):
		return ExitWrongKey
	case errors.Is(err, core.ErrPasswordGone):
		return ExitGone
	case errors.Is(err, core.ErrDestinationGone), errors.Is(err, core.ErrVaultUnreachable), errors.Is(err, core.ErrSignIn):
		return ExitUnreachable
	case errors.Is(err, core.ErrEmptySource), errors.Is(err, core.ErrNoAnswer):
		return ExitPartly
	case errors.Is(err, core.ErrVaultWait):
		return ExitWait
	case errors.Is(err, core.ErrInvalid), errors.Is(err, core.ErrKeyNeeded), errors.Is(err, core.ErrVaultNotTrusted),
		errors.Is(err, core.ErrServerUnknown), errors.Is(err, core.ErrServerChanged):
		return ExitUsage
	}
	return ExitFailed
}

// placed are the codes whose sentence leaves open which path or name is meant.
var placed = map[string]bool{
	"": true, "no-source": true, "source-silent": true, "empty-source": true, "settings-damaged": true, "permission": true, "no-backup": true,
	"existing-backup": true, "already-set-up": true,
	"destination-gone": true, "sign-in": true, "no-snapshot": true, "no-entry": true, "target": true, "damaged": true, "downgraded": true,
	"vault-unreachable": true, "vault-certificate": true, "vault-refused": true, "no-space": true, "target-full": true, "profile-in-use": true,
	"incomplete": true, "newer-format": true, "no-keyring": true,
}

// detailOf is what an error tells beyond its sentence.
func detailOf(err error, s words.Sentence) string {
	if part := (*sheets.PartError)(nil); errors.As(err, &part) {
		return part.Error()
	}
	if !placed[s.Code] || errors.Is(err, backupkey.ErrMalformed) {
		return ""
	}
	if kind := core.ErrorOf(s.Code); kind != nil {
		return strings.TrimPrefix(strings.TrimPrefix(s.Details, kind.Error()), ": ")
	}
	return s.Details
}

func (c *cli) warn(format string, args ...any) {
	_ = c.flush()                                      // so that what is said stands in order on a terminal
	_, _ = fmt.Fprintf(c.Stderr, format+"\n", args...) // nowhere else to say it
}

func (c *cli) say(format string, args ...any) {
	_, _ = fmt.Fprintf(c.Stdout, format+"\n", args...) // end looks whether it arrived
}

func (c *cli) printJSON(v any) error { return json.NewEncoder(c.Stdout).Encode(v) }

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "holdfast",
		Short: "End-to-end encrypted backups of your messages and files",
		Long: `Holdfast keeps end-to-end encrypted backups of your messages and files in a
place of your choice. Without a command it opens the desktop app.`,
		Version:       release.Version(),
		Args:          noArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(*cobra.Command, []string) error { return c.window() },

		PersistentPreRunE: preparePlace(c),
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	f := root.PersistentFlags()
	f.StringVar(&c.profile, "profile", "", "folder of the profile (default: in your configuration folder)")
	f.StringVar(&c.keyring, "keyring", "system", "where the device key is kept: system or file")
	f.BoolVar(&c.json, "json", false, "print JSON")
	root.Flags().BoolVar(&c.background, "background", false, "start the desktop app without its window, as at login")
	root.AddCommand(setupCommand(c), backupCommand(c), statusCommand(c), snapshotsCommand(c), lsCommand(c),
		restoreCommand(c), verifyCommand(c), drillCommand(c), repairCommand(c), pruneCommand(c), deleteCommand(c), eraseCommand(c), pinCommand(c),
		unpinCommand(c),
		findCommand(c), versionsCommand(c), diffCommand(c), keyCommand(c), encryptionCommand(c), placeCommand(c))
	if c.Vaults != nil {
		root.AddCommand(passwordCommand(c), vaultCommand(c))
	}
	root.AddCommand(manCommand())
	root.SetOut(c.Stdout) // the library's command remembers where it writes
	completionCommand(root)
	return root
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%q: unknown command or too many arguments for %q", args[0], cmd.CommandPath())
	}
	return nil
}

func exactArgs(n int, names string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usagef("%q takes %s", cmd.CommandPath(), names)
		}
		return nil
	}
}

// openKeyring checks --profile and --keyring.
func (c *cli) openKeyring() (core.Keyring, error) {
	if c.profile == "" {
		dir, err := os.UserConfigDir()
		if err != nil {
			return nil, usagef("no configuration folder is known here: give --profile DIR")
		}
		c.profile = filepath.Join(dir, "holdfast")
	}
	k, err := c.NewKeyring(c.keyring, c.profile)
	if err != nil {
		return nil, usageError{err}
	}
	return k, nil
}

func (c *cli) window() error {
	k, err := c.openKeyring()
	if err != nil {
		return err
	}
	if c.Window == nil {
		return usagef("this build has no window; see 'holdfast --help' for the commands")
	}
	profile, err := filepath.Abs(c.profile)
	if err != nil {
		return err
	}
	c.uncatch() // the window ends by them, as any
	err = c.Window(WindowParams{Profile: profile, Keyring: k, Background: c.background,
		AtLogin: []string{"--background", "--profile", profile, "--keyring", c.keyring}})
	if errors.Is(err, ErrNoDisplay) {
		return usagef("no display answers here to open the window on; everything can be done by command too")
	}
	return err
}

// app opens the profile for one command.
func (c *cli) app(ctx context.Context) (*core.App, error) {
	k, err := c.openKeyring()
	if err != nil {
		return nil, err
	}
	return core.Open(ctx, core.Params{Profile: c.profile, Keyring: k, Places: c.Places, Vaults: c.Vaults, Waiting: func(path string) {
		// Not by warn: what the command itself says is under way. On a terminal the line of progress says it too, and is gone afterwards.
		_, _ = fmt.Fprintf(c.Stderr, "holdfast: waiting for %s, which does not answer\n", core.DisplayName(path)) // nowhere else to say it
	}})
}

// withApp runs fn on the profile.
func (c *cli) withApp(fn func(ctx context.Context, a *core.App) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		a, err := c.app(cmd.Context())
		if err != nil {
			return err
		}
		return errors.Join(fn(cmd.Context(), a), a.Close())
	}
}

// progress returns a reporter for a terminal, and nil in a pipe. The returned
// function ends the line.
func (c *cli) progress() (func(core.Progress), func()) {
	f, ok := c.Stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, func() {}
	}
	width := 0
	print := func(line string) {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && len([]rune(line)) >= w {
			line = string([]rune(line)[:w-1])
		}
		_, _ = fmt.Fprintf(f, "\r%-*s", width, line) // a terminal that is gone needs no progress
		width = len([]rune(line))
	}
	return func(p core.Progress) { print(progressLine(p)) }, func() { print(""); _, _ = fmt.Fprint(f, "\r") }
}
