package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/holdfast-backup/holdfast/core"
)

func repairCommand(c *cli) *cobra.Command {
	var req core.RepairRequest
	cmd := &cobra.Command{
		Use: "repair", Short: "Put right what can be in a damaged backup, and say what is lost", Args: noArgs,
		Long: `Put right what can be in a damaged backup: the index is built anew from the data itself, and what does not read back
is set aside. Nothing that may still be of use is deleted. Files that are lost are named; a backup afterwards heals those that are still
on this computer, in all older backups too. While it runs, no other computer should prune.`,
	}
	cmd.Flags().BoolVar(&req.Data, "data", false, "read all data back as well")
	cmd.Flags().BoolVar(&req.DryRun, "dry-run", false, "say what would be done, and change nothing")
	cmd.RunE = c.withApp(func(ctx context.Context, a *core.App) error {
		progress, end := c.progress()
		report, err := a.Upkeep().Repair(ctx, req, progress)
		end()
		if err != nil {
			return err
		}
		return c.found(report, repairLines(report), report.Damage)
	})
	return cmd
}

func repairLines(r core.RepairReport) []string {
	var out []string
	for _, s := range r.Repaired {
		out = append(out, "repaired: "+core.DisplayName(s))
	}
	for _, s := range r.Damage {
		out = append(out, "damaged: "+core.DisplayName(s))
	}
	end := fmt.Sprintf("Put right %d things in %.1f s; ", len(r.Repaired), r.Seconds)
	if r.DryRun {
		end = fmt.Sprintf("Would put right %d things; ", len(r.Repaired))
	}
	switch {
	case len(r.Damage) == 0:
		end += "nothing is lost."
	case r.Lost == 0:
		end += "what is named above is lost, and no file with it."
	default:
		end += fmt.Sprintf("%s lost, named above. Back up now: what is still on this computer heals.", files(int64(r.Lost)))
	}
	return append(out, end)
}
