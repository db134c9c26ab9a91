package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/words"
)

func backupCommand(c *cli) *cobra.Command {
	limit := speed{-1}
	reallyEmpty := false
	cmd := &cobra.Command{
		Use: "backup [--upload-limit SPEED] [--really-empty]", Short: "Back up now", Args: noArgs,
		RunE: c.withApp(func(ctx context.Context, a *core.App) error {
			if reallyEmpty {
				if err := a.AcceptEmpty(); err != nil {
					return err
				}
			}
			if limit.bytesPerSecond >= 0 {
				a.LimitUploads(limit.bytesPerSecond)
			}
			return c.runBackup(func(p func(core.Progress)) (core.BackupReport, error) { return a.Backup(ctx, p) })
		}),
	}
	cmd.Flags().BoolVar(&reallyEmpty, "really-empty", false,
		"sources that hold no file any more are really empty, and not on a disk that is away")
	cmd.Flags().Var(&limit, "upload-limit", "how much to upload a second, this time: 500K, 2M, 1.5M; 0 is no limit (default: as in Settings)")
	return cmd
}

// runBackup runs a backup, or a change that makes one, and prints its report.
func (c *cli) runBackup(fn func(func(core.Progress)) (core.BackupReport, error)) error {
	progress, end := c.progress()
	report, err := fn(progress)
	end()
	c.problems(report.Problems)
	if len(report.Emptied) > 0 {
		c.warn("holdfast: If it is really empty, and no disk is away, say so: holdfast backup --really-empty")
	}
	if err != nil {
		return err
	}
	if report.WrongGuesses > 0 {
		c.warn("holdfast: There were %d wrong guesses at your password. If they were not yours, see 'holdfast vault status'.",
			report.WrongGuesses)
	}
	if report.OlderState {
		c.warn("holdfast: %s", line(words.For(core.ErrOlderState)))
	}
	if c.json {
		if err := c.printJSON(report); err != nil {
			return err
		}
	} else if report.Snapshot != "" {
		c.say("%s", backupLine(report))
	} else {
		c.say("Done.")
	}
	if report.Errors > 0 {
		return errPartly
	}
	return nil
}

func (c *cli) problems(list []core.Problem) {
	for _, p := range list {
		c.warn("%s: %s", p.Path, p.Reason)
	}
}

func statusCommand(c *cli) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show what is set up and when it was last backed up", Args: noArgs,
		RunE: c.withApp(func(_ context.Context, a *core.App) error {
			st := a.Status()
			if c.json {
				return c.printJSON(st)
			}
			for _, line := range statusLines(st, time.Now()) {
				c.say("%s", line)
			}
			return nil
		}),
	}
}

// place is the flags that name a backup without a profile.
type place struct {
	destination string
	keyIn       []string
	password    passwordFlags
	plain       bool // the person says that it is not encrypted
}

func (p *place) flags(c *cli, cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.destination, "destination", "", "read the backup at this place, with no profile")
	c.secret.flags(cmd.Flags())
	cmd.Flags().StringArrayVar(&p.keyIn, "key-in", nil, "the key of that backup: "+keyInHelp)
	cmd.Flags().BoolVar(&p.plain, "no-encryption", false, "the backup at --destination is not encrypted")
	p.password.flags(c, cmd)
	p.password.trustFlag(c, cmd)
}

// withReader opens the profile's backup, or the one that the flags name.
func (c *cli) withReader(p *place, fn func(ctx context.Context, r *core.Reader, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		if p.destination == "" {
			if len(p.keyIn) > 0 || p.password.in != "" || p.plain {
				return usagef("--key-in, --password-in and --no-encryption go with --destination")
			}
			return c.withApp(func(ctx context.Context, a *core.App) error {
				r, err := a.Reader(ctx)
				if err != nil {
					return err
				}
				return errors.Join(fn(ctx, r, args), r.Close())
			})(cmd, nil)
		}
		r, err := c.openElsewhere(ctx, p)
		if err != nil {
			return err
		}
		return errors.Join(fn(ctx, r, args), r.Close())
	}
}

func (c *cli) openElsewhere(ctx context.Context, p *place) (r *core.Reader, err error) {
	if p.plain && (len(p.keyIn) > 0 || p.password.in != "") {
		return nil, usagef("--no-encryption goes with neither --key-in nor --password-in")
	}
	if p.password.in != "" {
		if len(p.keyIn) > 0 {
			return nil, usagef("give either --key-in or --password-in")
		}
		err := c.withPassword(ctx, &p.password, func(pw *core.PasswordRequest) (err error) {
			if err := c.withTrust(ctx, p.destination, &p.password, pw); err != nil {
				return err
			}
			r, err = c.elsewhere().OpenReaderWithPassword(ctx, p.destination, *pw)
			return err
		})
		return r, err
	}
	if len(p.keyIn) == 0 {
		// Neither a key nor a password: the person takes what is not encrypted.
		if r, err = c.elsewhere().OpenReader(ctx, p.destination, nil); err == nil && !p.plain {
			c.warn("holdfast: this backup is not encrypted: whoever can write to its place can have changed it")
		}
		return r, err
	}
	k, text, err := c.readKey(ctx, p.keyIn)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	if r, err = c.elsewhere().OpenReader(ctx, p.destination, k); err != nil {
		k.Clear()
		return nil, c.repair(ctx, err, p.destination, text)
	}
	return r, nil
}

func snapshotsCommand(c *cli) *cobra.Command {
	var p place
	cmd := &cobra.Command{Use: "snapshots", Short: "List the backups there are", Args: noArgs}
	p.flags(c, cmd)
	cmd.RunE = c.withReader(&p, func(ctx context.Context, r *core.Reader, _ []string) error {
		all, err := r.Snapshots(ctx)
		if err != nil {
			return err
		}
		if c.json {
			if all == nil {
				all = []core.Snapshot{}
			}
			return c.printJSON(all)
		}
		for _, s := range all {
			c.say("%s", snapshotLine(s))
		}
		return nil
	})
	return cmd
}

// entryJSON is an entry for programs. PathHex is there when the path is no UTF-8.
type entryJSON struct {
	Path     string         `json:"path"`
	PathHex  string         `json:"path_hex,omitempty"`
	Kind     core.EntryKind `json:"kind"`
	Size     int64          `json:"size"`
	Modified time.Time      `json:"modified"`
	Mode     uint32         `json:"mode"`
	Link     string         `json:"link,omitempty"`
}

func lsCommand(c *cli) *cobra.Command {
	var p place
	cmd := &cobra.Command{
		Use: "ls SNAPSHOT [PATH]", Short: "List a folder of a snapshot (an id, or \"latest\")",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usagef("ls takes a snapshot and at most one path")
			}
			return nil
		},
	}
	p.flags(c, cmd)
	cmd.RunE = c.withReader(&p, func(ctx context.Context, r *core.Reader, args []string) error {
		path := ""
		if len(args) == 2 {
			path = args[1]
		}
		entries, err := r.List(ctx, args[0], path)
		if err != nil {
			return err
		}
		out := make([]entryJSON, 0, len(entries))
		for _, e := range entries {
			if !c.json {
				c.say("%s", entryLine(e))
				continue
			}
			out = append(out, toJSON(e))
		}
		if c.json {
			return c.printJSON(out)
		}
		return nil
	})
	return cmd
}

func restoreCommand(c *cli) *cobra.Command {
	var p place
	var req core.RestoreRequest
	var existing string
	cmd := &cobra.Command{
		Use:   "restore SNAPSHOT --to DIR [--include PATTERN...] [--devices-and-setuid]",
		Short: "Restore files of a snapshot (an id, or \"latest\") into a folder",
		Args:  exactArgs(1, "one snapshot: an id, or \"latest\""),
	}
	p.flags(c, cmd)
	f := cmd.Flags()
	f.StringVar(&req.Target, "to", "", "folder to restore into; nothing is written outside it")
	f.StringArrayVar(&req.Include, "include", nil, "restore only what fits this pattern, as in .gitignore; may be repeated")
	f.StringArrayVar(&req.Paths, "path", nil, "restore only this path in the snapshot; may be repeated")
	f.BoolVar(&req.DevicesAndSetuid, "devices-and-setuid", false,
		"also restore device files, set-id bits of files and file capabilities: only where you trust all that is in the backup")
	f.StringVar(&existing, "existing", string(core.ConflictKeep), "what becomes of files that exist: keep, overwrite or rename")
	restore := c.withReader(&p, func(ctx context.Context, r *core.Reader, args []string) error {
		req.Snapshot, req.Conflict = args[0], core.Conflict(existing)
		progress, end := c.progress()
		report, err := r.Restore(ctx, req, progress)
		end()
		c.problems(report.Problems)
		if err != nil {
			return err
		}
		if c.json {
			if err := c.printJSON(report); err != nil {
				return err
			}
		} else {
			c.say("%s", restoreLine(report))
			if report.LeftOut > 0 {
				c.say("%s", leftOutLine(report.LeftOut))
			}
		}
		if report.Errors > 0 {
			return errPartly
		}
		return nil
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if req.Target == "" {
			return usagef("restore needs --to DIR")
		}
		return restore(cmd, args)
	}
	return cmd
}

func verifyCommand(c *cli) *cobra.Command {
	var p place
	var req core.VerifyRequest
	cmd := &cobra.Command{Use: "verify", Short: "Check that the backup is whole", Args: noArgs}
	p.flags(c, cmd)
	cmd.Flags().Float64Var(&req.DataPercent, "data", 0, "read back this share of the data, 0 to 100 per cent")
	cmd.RunE = c.withReader(&p, func(ctx context.Context, r *core.Reader, _ []string) error {
		progress, end := c.progress()
		report, err := r.Verify(ctx, req, progress)
		end()
		if err != nil {
			return err
		}
		if report.Damage == nil {
			report.Damage = []string{}
		}
		return c.found(report, verifyLines(report), report.Damage)
	})
	return cmd
}

// found tells what a look at the backup found, and fails quietly where that is damage.
func (c *cli) found(report any, lines, damage []string) error {
	if c.json {
		if err := c.printJSON(report); err != nil {
			return err
		}
	} else {
		for _, line := range lines {
			c.say("%s", line)
		}
	}
	if len(damage) > 0 {
		return errQuiet
	}
	return nil
}
