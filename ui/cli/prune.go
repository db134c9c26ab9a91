package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// period is a flag's length of time: a number and h, d, w or y, or as Go writes it.
type period struct{ d *time.Duration }

var _ pflag.Value = period{}

func (p period) String() string {
	if p.d == nil {
		return ""
	}
	return p.d.String()
}

func (period) Type() string { return "duration" }

func (p period) Set(s string) error {
	units := map[string]time.Duration{"h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour, "y": 365 * 24 * time.Hour}
	if s != "" {
		if n, err := strconv.Atoi(s[:len(s)-1]); err == nil && units[s[len(s)-1:]] > 0 && n >= 0 && n <= 1000 {
			*p.d = time.Duration(n) * units[s[len(s)-1:]]
			return nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return fmt.Errorf("%q is no length of time such as 12h, 30d, 8w or 1y", s)
	}
	*p.d = d
	return nil
}

func pruneCommand(c *cli) *cobra.Command {
	var rules core.Retention
	req := core.PruneRequest{Grace: core.DefaultGrace}
	cmd := &cobra.Command{
		Use:   "prune [--keep-last N --keep-daily N …] [--dry-run]",
		Short: "Remove backups that need not be kept, and free what no backup needs",
		Long: `Remove backups that the rules do not keep, and free what no backup needs.

Without a rule the profile's count: unless you chose others, everything of two days, the last 3, and the newest
of each of 30 days, 13 weeks, 24 months and 100 years. Each profile's backups are judged among
themselves, and for each source those that hold it; the newest of each and pinned ones always stay.

Space is freed in two steps: what is not needed any more is marked, and deleted by a prune that
runs after the grace time, if it is still not needed then.`,
		Args: noArgs,
	}
	f := cmd.Flags()
	f.IntVar(&rules.Last, "keep-last", 0, "keep the newest N")
	f.IntVar(&rules.Hourly, "keep-hourly", 0, "keep the newest of each of N hours")
	f.IntVar(&rules.Daily, "keep-daily", 0, "keep the newest of each of N days")
	f.IntVar(&rules.Weekly, "keep-weekly", 0, "keep the newest of each of N weeks")
	f.IntVar(&rules.Monthly, "keep-monthly", 0, "keep the newest of each of N months")
	f.IntVar(&rules.Yearly, "keep-yearly", 0, "keep the newest of each of N years")
	f.Var(period{&rules.Within}, "keep-within", "keep everything that is at most this old: 12h, 30d, 8w, 1y")
	f.BoolVar(&req.DryRun, "dry-run", false, "say what would go, and change nothing")
	f.Var(period{&req.Grace}, "grace", "how long unneeded data stays; 0h deletes it at once, when no other computer restores or works on a synced copy")
	f.BoolVar(&req.Thorough, "thorough", false, "free every byte that no backup needs, however much has to be moved: after erase")
	prune := c.withApp(func(ctx context.Context, a *core.App) error {
		progress, end := c.progress()
		report, err := a.Upkeep().Prune(ctx, req, progress)
		end()
		if err != nil {
			return err
		}
		if c.json {
			return c.printJSON(report)
		}
		for _, line := range pruneLines(report) {
			c.say("%s", line)
		}
		return nil
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cmd.Flags().Visit(func(f *pflag.Flag) {
			if strings.HasPrefix(f.Name, "keep-") {
				req.Retention = &rules
			}
		})
		return prune(cmd, args)
	}
	return cmd
}

func pruneLines(r core.PruneReport) []string {
	var out []string
	for _, s := range r.Snapshots {
		switch {
		case len(s.Keep) == 0:
			out = append(out, "remove  "+snapshotLine(s.Snapshot))
		case r.DryRun:
			why := make([]string, len(s.Keep))
			for i, k := range s.Keep {
				why[i] = string(k)
			}
			out = append(out, "keep    "+snapshotLine(s.Snapshot)+"  "+strings.Join(why, ", "))
		}
	}
	verbs := [2]string{"Removed", "freed"}
	if r.DryRun {
		verbs = [2]string{"Would remove", "would be freed"}
	}
	end := fmt.Sprintf("%s %d of %d backups; %s %s.", verbs[0], r.Removed, r.Removed+r.Kept, words.Bytes(r.BytesFreed), verbs[1])
	if r.BytesWaiting > 0 {
		end += fmt.Sprintf(" %s more can go with a prune after %s.", words.Bytes(r.BytesWaiting),
			r.NextDeletion.Local().Format("2006-01-02 15:04"))
	}
	return append(out, end)
}

func drillCommand(c *cli) *cobra.Command {
	var req core.DrillRequest
	cmd := &cobra.Command{
		Use: "drill", Short: "Try out restoring: read a share of the files back, write nothing", Args: noArgs,
		Long: `Try out restoring: open the backup anew and read files of the newest backup back, every byte checked, without
writing them anywhere. Each drill goes on where the last one ended, so that in time every file was tried.`,
	}
	cmd.Flags().Float64Var(&req.Percent, "share", 0, "how much of the backup, 0 to 100 per cent (default 5, and at least 64 MB)")
	cmd.RunE = c.withApp(func(ctx context.Context, a *core.App) error {
		progress, end := c.progress()
		report, err := a.Upkeep().Drill(ctx, req, progress)
		end()
		if err != nil {
			return err
		}
		c.problems(report.Problems)
		if c.json {
			if err := c.printJSON(report); err != nil {
				return err
			}
		} else {
			c.say("%s", drillLine(report))
		}
		if report.Errors > 0 {
			return errQuiet
		}
		return nil
	})
	return cmd
}

func drillLine(r core.DrillReport) string {
	s := fmt.Sprintf("Tried %d of %s (%s) of backup %s in %.1f s: ", r.Files, files(r.FilesTotal), words.Bytes(r.Bytes), r.Snapshot[:12],
		r.Seconds)
	if r.Errors > 0 {
		return s + fmt.Sprintf("%d do not come back whole; they are listed above. 'holdfast verify --data 100' finds all.", r.Errors)
	}
	return s + "every byte came back."
}

func deleteCommand(c *cli) *cobra.Command {
	return c.onSnapshots("delete SNAPSHOT...", "Remove single backups; their space is freed by prune",
		func(ctx context.Context, a *core.App, ids []string) error { return a.Upkeep().Delete(ctx, ids) },
		"Removed %d backups. 'holdfast prune' frees their space.")
}

func eraseCommand(c *cli) *cobra.Command {
	var req core.EraseRequest
	cmd := &cobra.Command{
		Use:   "erase PATH...",
		Short: "Take files and folders out of all backups of this computer",
		Long: `Take files and folders out of all backups that this computer has made. PATH is as 'holdfast ls' shows it; the
name of a source takes out all of it. The backups keep their dates and everything else, and get new ids.

Their data, which may lie beside that of others, is freed by 'holdfast prune --thorough', or at once by
'holdfast prune --thorough --grace 0h'. What is still on the computer is backed up again unless it is excluded.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("%q takes paths, as 'holdfast ls' shows them", cmd.CommandPath())
			}
			req.Paths = args
			return nil
		},
	}
	cmd.Flags().BoolVar(&req.AllComputers, "all-computers", false, "out of other computers' backups at this place, too")
	cmd.Flags().BoolVar(&req.DryRun, "dry-run", false, "say what would go, and change nothing")
	erase := c.withApp(func(ctx context.Context, a *core.App) error {
		progress, end := c.progress()
		report, err := a.Upkeep().Erase(ctx, req, progress)
		end()
		if err != nil {
			return err
		}
		if c.json {
			return c.printJSON(report)
		}
		verb := "Erased"
		if req.DryRun {
			verb = "Would erase"
		}
		c.say("%s up to %s (%s) from %d backups.", verb, files(report.Files), words.Bytes(report.Bytes), report.Snapshots)
		for _, p := range report.Present {
			c.say("Still on this computer, and backed up again unless it is excluded: %s", core.DisplayName(p))
		}
		if !req.DryRun {
			c.say("'holdfast prune --thorough' frees its data; with '--grace 0h', at once.")
		}
		return nil
	})
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return erase(cmd, nil) }
	return cmd
}

func pinCommand(c *cli) *cobra.Command {
	return c.onSnapshots("pin SNAPSHOT...", "Keep backups whatever the rules of prune say",
		func(ctx context.Context, a *core.App, ids []string) error { return a.Upkeep().Pin(ctx, ids, true) },
		"Pinned %d backups.")
}

func unpinCommand(c *cli) *cobra.Command {
	return c.onSnapshots("unpin SNAPSHOT...", "Let the rules of prune apply again",
		func(ctx context.Context, a *core.App, ids []string) error { return a.Upkeep().Pin(ctx, ids, false) },
		"Unpinned %d backups.")
}

func (c *cli) onSnapshots(use, short string, fn func(context.Context, *core.App, []string) error, done string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("%q takes snapshots: ids, or \"latest\"", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withApp(func(ctx context.Context, a *core.App) error {
				if err := fn(ctx, a, args); err != nil {
					return err
				}
				if !c.json {
					c.say(done, len(args))
				}
				return nil
			})(cmd, nil)
		},
	}
}
