package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/privatefile"
	"github.com/holdfast-backup/holdfast/core/sheets"
)

// maxKeyText is more than any way of writing 64 digits takes.
const maxKeyText = 4096

// keyInHelp says what --key-in takes.
const keyInHelp = "file with the 64-digit key, or a picture (PNG, JPEG) of its QR code (- is standard input); twice, with a sheet each"

// readKey reads the files of --key-in: a key, or two of its sheets, each as a text or as a picture of its QR code. text is what they
// say. The caller clears both.
func (c *cli) readKey(ctx context.Context, files []string) (key *backupkey.Key, text []byte, err error) {
	parts := make([]sheets.Part, len(files))
	defer func() {
		for _, p := range parts {
			clear(p.Text)
		}
	}()
	for i, file := range files {
		parts[i].Name = file
		if parts[i].Text, err = readScan(ctx, c, "--key-in", file, maxKeyText); err != nil {
			return nil, nil, err
		}
	}
	if text, err = sheets.Join(ctx, parts); err != nil {
		return nil, nil, err
	}
	if key, err = sheets.ReadKey(ctx, text); err != nil {
		clear(text)
		return nil, nil, err
	}
	return key, text, nil
}

// repair turns a wrong key into the question what was meant, if it is near
// the right one. It returns err itself otherwise.
func (c *cli) repair(ctx context.Context, err error, destination string, text []byte) error {
	if !errors.Is(err, core.ErrWrongKey) {
		return err
	}
	found, ierr := c.elsewhere().Inspect(ctx, destination)
	if ierr != nil {
		return err
	}
	proposals, rerr := backupkey.Repair(ctx, text, found.KeyID)
	if rerr != nil || len(proposals) == 0 {
		return err
	}
	defer proposals[0].Clear()
	c.warn("holdfast: %s", proposalLine(proposals[0]))
	return fmt.Errorf("%w: it is not quite the right one", err)
}

// writeKey writes a key to the file of --key-out, durably, before anything
// depends on it. It never overwrites. undo removes the file again.
func (c *cli) writeKey(file string, k *backupkey.Key) (undo func(), err error) {
	text := append(k.Text(), '\n')
	defer clear(text)
	if file == "-" {
		_, _ = c.Stdout.Write(text) // arrived tells its error too
		return func() {}, c.arrived()
	}
	if err := privatefile.Create(file, text); err != nil {
		return nil, fmt.Errorf("%w: --key-out: %w", core.ErrInvalid, err)
	}
	return func() { _ = os.Remove(file) }, nil // ours: it was made just now
}

// withNewKey makes a key, writes it out, and hands it to fn; when fn fails
// the file is removed again, unless keep says that the key may be in use.
func (c *cli) withNewKey(file string, keep func() bool, fn func(*backupkey.Key) error) error {
	k, err := backupkey.New()
	if err != nil {
		return err
	}
	defer k.Clear()
	undo, err := c.writeKey(file, k)
	if err != nil {
		return err
	}
	if err := fn(k); err != nil {
		if keep == nil || !keep() {
			undo()
		}
		return err
	}
	return nil
}

func keyCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "key", Short: "Show or change the 64-digit key", Args: noArgs, RunE: needsVerb}
	show := &cobra.Command{
		Use: "show", Short: "Print the 64-digit key", Args: noArgs,
		RunE: c.withApp(func(ctx context.Context, a *core.App) error {
			k, err := a.Encryption().Key(ctx)
			if err != nil {
				return err
			}
			defer k.Clear()
			text := k.Text()
			defer clear(text)
			if c.json {
				return c.printJSON(map[string]string{"key": string(text), "key_id": k.ID().String()})
			}
			_, _ = c.Stdout.Write(append(text, '\n')) // arrived tells its error too
			return c.arrived()
		}),
	}
	var out string
	var pw passwordFlags
	change := &cobra.Command{
		Use:   "change --key-out FILE [--password-in FILE [--vault VAULT]]",
		Short: "Put a new key to use; the old one opens nothing that is written from then on", Args: noArgs,
		RunE: c.withApp(func(ctx context.Context, a *core.App) error {
			if out == "" {
				return usagef("key change needs --key-out FILE")
			}
			if st := a.Status(); st.SetUp && st.Protection == core.ProtectionNone {
				return core.ErrNotEncrypted
			}
			if st := a.Status(); st.Password && pw.in == "" {
				return core.ErrHasVault
			}
			kept, err := a.Encryption().BeforeKeyChange(ctx)
			if err != nil {
				return err
			}
			for _, k := range kept {
				from := "this computer"
				if !k.Own {
					from = core.DisplayName(k.Host) + " (not made here)"
				}
				c.warn("holdfast: the new key keeps %d backups of %s, the newest of %s", k.Backups, from, k.Newest.Local().Format("2006-01-02 15:04"))
			}
			err = c.withPassword(ctx, &pw, func(p *core.PasswordRequest) error {
				return c.withNewKey(out, func() bool { return true }, func(k *backupkey.Key) error { return a.Encryption().ChangeKey(ctx, k, p) })
			})
			if err == nil && out != "-" {
				c.done("The key was changed. The new one is in %s.", out)
			}
			return err
		}),
	}
	change.Flags().StringVar(&out, "key-out", "", "file to write the new key to; it must not exist")
	pw.flags(c, change)
	pw.shareFlag(c, change)
	pw.enrolmentFlag(c, change)
	cmd.AddCommand(keySheetsCommand(c), show, change, enterKeyCommand(c))
	return cmd
}

// givenOrNewKey reads the key of --key-in, or makes one.
func (c *cli) givenOrNewKey(ctx context.Context, a *core.App, keyIn []string) (*backupkey.Key, error) {
	if len(keyIn) == 0 {
		return a.Encryption().NewKey()
	}
	key, text, err := c.readKey(ctx, keyIn)
	clear(text)
	return key, err
}

// done says what was done, to people only.
func (c *cli) done(format string, args ...any) {
	if !c.json {
		c.say(format, args...)
	}
}

func needsVerb(cmd *cobra.Command, _ []string) error {
	return usagef("%q needs a verb; see '%s --help'", cmd.CommandPath(), cmd.CommandPath())
}

func encryptionCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "encryption", Short: "Turn end-to-end encryption on or off", Args: noArgs, RunE: needsVerb}
	var keyOut string
	var keyIn []string
	var pw passwordFlags
	on := &cobra.Command{
		Use: "on ( --key-out FILE | --key-in FILE | --password-in FILE --vault VAULT [--key-out FILE] )", Args: noArgs,
		Short: "Encrypt: back up afresh under a new key, prove it, then delete the unencrypted backup",
		RunE: c.withApp(func(ctx context.Context, a *core.App) error {
			if (keyOut != "" || len(keyIn) == 0 && pw.in != "") == (len(keyIn) > 0) {
				return usagef("encryption on needs one of --key-out FILE, --key-in FILE, --password-in FILE --vault VAULT")
			}
			switch st := a.Status(); {
			case !st.SetUp:
				return core.ErrNotSetUp
			case st.Protection == core.ProtectionKey && st.Change == "":
				return core.ErrEncrypted
			case st.Change != "":
				return core.ErrChangePending
			}
			turnOn := func(k *backupkey.Key) error {
				return c.withPassword(ctx, &pw, func(req *core.PasswordRequest) error {
					return c.runBackup(func(p func(core.Progress)) (core.BackupReport, error) {
						return a.Encryption().TurnOn(ctx, k, req, p)
					})
				})
			}
			// Once the change has begun the key is in use, whatever fails later.
			begun := func() bool { return a.Status().Change != "" || a.Status().Protection == core.ProtectionKey }
			if keyOut != "" {
				return c.withNewKey(keyOut, begun, turnOn)
			}
			k, err := c.givenOrNewKey(ctx, a, keyIn)
			if err != nil {
				return err
			}
			defer k.Clear()
			return turnOn(k)
		}),
	}
	on.Flags().StringVar(&keyOut, "key-out", "", "file to write the new key to; it must not exist")
	on.Flags().StringArrayVar(&keyIn, "key-in", nil, "a key of your own: "+keyInHelp)
	pw.flags(c, on)
	pw.shareFlag(c, on)
	pw.enrolmentFlag(c, on)
	off := &cobra.Command{
		Use: "off", Args: noArgs, Short: "Decrypt: back up afresh without a key, prove it, then delete the encrypted backup",
		RunE: c.withApp(func(ctx context.Context, a *core.App) error {
			return c.runBackup(func(p func(core.Progress)) (core.BackupReport, error) { return a.Encryption().TurnOff(ctx, p) })
		}),
	}
	resume := &cobra.Command{
		Use: "resume", Args: noArgs, Short: "Go on with a change that was cut off",
		RunE: c.withApp(func(ctx context.Context, a *core.App) error {
			return c.runBackup(func(p func(core.Progress)) (core.BackupReport, error) { return a.Encryption().Resume(ctx, p) })
		}),
	}
	giveUp := &cobra.Command{
		Use: "give-up", Args: noArgs, Short: "Take a change back that is not finished: the backup stays as it was",
		RunE: c.withApp(func(ctx context.Context, a *core.App) error {
			progress, end := c.progress()
			err := a.Encryption().GiveUp(ctx, progress)
			end()
			if err != nil {
				return err
			}
			c.say("The backup is as it was before the change.")
			return nil
		}),
	}
	cmd.AddCommand(on, off, resume, giveUp)
	return cmd
}
