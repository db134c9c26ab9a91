package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
)

func setupCommand(c *cli) *cobra.Command {
	var req core.SetupRequest
	var plain bool
	var keyOut string
	var keyIn []string
	var pw passwordFlags
	cmd := &cobra.Command{
		Use:   "setup --destination DEST --source PATH... ( --no-encryption | --key-out FILE | --key-in FILE | --password-in FILE --vault VAULT... [--key-out FILE] )",
		Short: "Set a backup up, or join an existing one with its key",
		Long: `Set a backup up.

With --key-out a new 64-digit key is made and written to FILE: keep it safe, nobody can replace it.
With --key-in the key in FILE is used; if the destination holds a backup already, this
computer joins it. With --password-in a vault keeps the key behind a password, ten guesses long: VAULT is a vault
card's file, or the PKCS#11 URI of a token. Several --vault share the password: --threshold of them open the backup
together, and fewer, with all they hold, cannot test a single password. To join a backup that has a password, leave --vault out: its place
names its vault, which you are asked about at a terminal; --trust-vault agrees to it without a question.
With --no-encryption anybody who can read the destination can read the backup.`,
		Args: noArgs,
	}
	f := cmd.Flags()
	f.StringVar(&req.Destination, "destination", "",
		"folder that holds the backup, or a server's or cloud's address (see 'holdfast place --help')")
	c.secret.flags(f)
	f.StringArrayVar(&req.Sources, "source", nil, "folder or file to back up; may be repeated")
	f.StringArrayVar(&req.Excludes, "exclude", nil,
		"pattern of what to leave out, as in .gitignore; \"preset:caches\", \"preset:temporary\" and \"preset:trash\" turn presets on; may be repeated")
	f.BoolVar(&plain, "no-encryption", false, "do not encrypt")
	f.StringVar(&keyOut, "key-out", "", "make a key and write it to this file, which must not exist")
	f.StringArrayVar(&keyIn, "key-in", nil, "use this key: "+keyInHelp)
	pw.flags(c, cmd)
	pw.shareFlag(c, cmd)
	pw.trustFlag(c, cmd)
	pw.enrolmentFlag(c, cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		chosen := 0
		for _, on := range []bool{plain, keyOut != "" || len(keyIn) == 0 && pw.in != "", len(keyIn) > 0} {
			if on {
				chosen++
			}
		}
		switch {
		case req.Destination == "":
			return usagef("setup needs --destination DEST")
		case len(req.Sources) == 0:
			return usagef("setup needs --source PATH")
		case chosen != 1 || plain && pw.in != "":
			return usagef("setup needs one of --no-encryption, --key-out FILE, --key-in FILE, --password-in FILE --vault VAULT")
		}
		return c.withPassword(cmd.Context(), &pw, func(p *core.PasswordRequest) error {
			req.Password = p
			return c.withApp(func(ctx context.Context, a *core.App) error {
				return c.setup(ctx, a, req, keyOut, keyIn, &pw)
			})(cmd, nil)
		})
	}
	return cmd
}

func (c *cli) setup(ctx context.Context, a *core.App, req core.SetupRequest, keyOut string, keyIn []string, pw *passwordFlags) error {
	if a.Status().SetUp {
		return fmt.Errorf("%w: %s", core.ErrAlreadySetUp, a.Status().Destination)
	}
	err := c.setupWithKey(ctx, a, req, keyOut, keyIn, pw)
	if err != nil {
		return err
	}
	st := a.Status()
	if c.json {
		return c.printJSON(st)
	}
	if keyOut == "-" {
		return nil // standard output holds the key alone
	}
	c.say("Set up: %s to %s.", strings.Join(st.Sources, ", "), st.Destination)
	if st.Password {
		c.say("The vault has given the key back for your password: the password opens this backup.")
	}
	if keyOut != "" {
		c.say("The 64-digit key is in %s. Keep it apart from this computer: without it nobody can open the backup.", keyOut)
	}
	return nil
}

func (c *cli) setupWithKey(ctx context.Context, a *core.App, req core.SetupRequest, keyOut string, keyIn []string,
	pw *passwordFlags,
) error {
	switch {
	case req.Password != nil && req.Password.Vault.IsZero():
		// Only a backup that exists knows its vault.
		if keyOut != "" || len(keyIn) > 0 {
			return usagef("a new password needs --vault VAULT")
		}
		if err := c.withTrust(ctx, req.Destination, pw, req.Password); err != nil {
			return err
		}
		req.Existing = true
		return a.Setup(ctx, req)
	case req.Password != nil && keyOut == "" && len(keyIn) == 0:
		k, err := a.Encryption().NewKey()
		if err != nil {
			return err
		}
		defer k.Clear()
		req.Key = k
		return a.Setup(ctx, req)
	case keyOut != "":
		return c.withNewKey(keyOut, nil, func(k *backupkey.Key) error {
			req.Key = k
			return a.Setup(ctx, req)
		})
	case len(keyIn) > 0:
		key, text, err := c.readKey(ctx, keyIn)
		if err != nil {
			return err
		}
		defer clear(text)
		req.Key = key
		defer req.Key.Clear()
		if err = a.Setup(ctx, req); !errors.Is(err, core.ErrExistingBackup) {
			return err
		}
		req.Existing = true
		return c.repair(ctx, a.Setup(ctx, req), req.Destination, text)
	default:
		err := a.Setup(ctx, req)
		if errors.Is(err, core.ErrExistingBackup) {
			req.Existing = true
			err = a.Setup(ctx, req)
		}
		return err
	}
}
