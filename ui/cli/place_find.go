package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/found"
)

// foundJSON is a backup that was found, for programs.
type foundJSON struct {
	Place     string    `json:"place"`
	Changed   time.Time `json:"changed,omitzero"`
	Encrypted bool      `json:"encrypted"`
	Password  bool      `json:"password"`
	Error     string    `json:"error,omitempty"` // the code of what keeps it from being opened
}

func placeFindCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "find [PLACE]", Short: "Look for backups at a place, and in the folders in it", Args: atMostOnePlace,
		Long: `Look for backups. PLACE is looked at and, where it holds no backup itself, the folders in it, one level below.
Without PLACE, the disks, shares and synced folders of this computer are looked at.

Of each backup that is found, it is said where it is, when it was changed last, if the place tells, and what opens it.
No key is needed for that, and nothing of it is proven.`,
	}
	c.secret.flags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := knowPlace(cmd.Context(), c, firstOf(args)); err != nil {
			return err
		}
		all, err := c.find(cmd.Context(), firstOf(args))
		if err != nil {
			return err
		}
		return c.printFound(all)
	}
	return cmd
}

func atMostOnePlace(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usagef("%q takes one place at most", cmd.CommandPath())
	}
	return nil
}

func firstOf(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// find looks at a place, or, without one, at those near by.
func (c *cli) find(ctx context.Context, place string) ([]found.Backup, error) {
	if place != "" {
		return found.At(ctx, c.Places, place)
	}
	all := found.Near(ctx, c.Places, c.Places.Nearby(ctx))
	if len(all) == 0 {
		return nil, core.ErrNoBackup
	}
	return all, ctx.Err()
}

func (c *cli) printFound(all []found.Backup) error {
	if c.json {
		out := make([]foundJSON, 0, len(all))
		for _, b := range all {
			out = append(out, foundJSON{b.Place, b.Changed, b.Key, b.Password, core.Code(b.Err)})
		}
		return c.printJSON(out)
	}
	for _, b := range all {
		changed := "                "
		if !b.Changed.IsZero() {
			changed = b.Changed.Local().Format("2006-01-02 15:04")
		}
		c.say("%s  %-24s  %s", changed, opens(b), core.DisplayName(b.Place))
	}
	return nil
}

// opens says what opens a backup.
func opens(b found.Backup) string {
	switch {
	case b.Err != nil:
		return "cannot be read"
	case b.Password:
		return "password or 64 digits"
	case b.Key:
		return "64 digits"
	}
	return "not encrypted"
}
